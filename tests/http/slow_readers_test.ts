/**
 * Clients of plain HTTP that ask for much and read nothing: of a page, of a large message, of streams. Time is the test's own.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { testHttp } from "../support/http_server.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const HOST = "Host: localhost\r\n";

/** A minute more than any reader is given that reads nothing. */
const LONG_ENOUGH = 300_000;

/** Lets time pass, in steps that others notice, until something has happened. */
async function passUntil(clock: ManualClock, happened: () => boolean): Promise<void> {
  for (let passed = 0; !happened(); passed += 500) {
    assert(passed < LONG_ENOUGH, "it happens in time");
    clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** More than the buffers of loopback take. */
const LARGE = 12_000_000;

const LIMITS = {
  messageBytes: LARGE + 2,
  totalInFlightBytes: 10 * LARGE,
  totalUnreadBytes: 40 * LARGE,
};

const ASKED: Readonly<Record<string, string>> = {
  "a single large message": `GET /topics/large HTTP/1.1\r\n${HOST}\r\n`,
  "a page with a large message": `GET /topics/large?count=10 HTTP/1.1\r\n${HOST}\r\n`,
  "the messages of a prefix": `GET /messages?prefix=la&count=10 HTTP/1.1\r\n${HOST}\r\n`,
};

for (const [what, request] of Object.entries(ASKED)) {
  testHttp(
    `who asks for ${what} and reads nothing is cut off and counted, its slot is given back, and others are served meanwhile`,
    async (open) => {
      const clock = new ManualClock();
      await using server = await open({ clock, limits: { ...LIMITS, connections: 2 } });
      const put = await server.post("/topics/large", "x".repeat(LARGE));
      assertEquals([put.status, (await put.json()).seq], [201, 1]);
      using client = await RawSocket.connect(server.port);
      await client.send(request);
      assertEquals((await withTimeout(client.head())).split(" ")[1], "200");
      assertEquals((await server.get("/topics/small")).status, 204);
      assertEquals(server.stats().dropped, 0);
      await passUntil(clock, () => server.stats().dropped === 1);
      // Both slots are free.
      await using one = await EventReader.events(`${server.origin}/topics/small`);
      await using two = await EventReader.events(`${server.origin}/topics/small`);
      assertEquals([one.response.status, two.response.status], [200, 200]);
      assertEquals(server.stats().dropped, 1);
    },
  );
}

testHttp(
  "who reads a large message slowly has all of it, however much time passes",
  async (open) => {
    const clock = new ManualClock();
    await using server = await open({ clock, limits: LIMITS });
    const text = "x".repeat(LARGE);
    const put = await server.post("/topics/large", text);
    assertEquals([put.status, (await put.json()).seq], [201, 1]);
    using client = await RawSocket.connect(server.port);
    await client.send(
      ASKED["a single large message"]!.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    );
    assertEquals((await withTimeout(client.head())).split(" ")[1], "200");
    let got = 0;
    for (let bytes; (bytes = await withTimeout(client.discard(256 * 1024))) > 0;) {
      got += bytes;
      clock.advance(5000);
    }
    assert(got >= LARGE, `all of it, got ${got}`);
    assertEquals(server.stats().dropped, 0);
  },
);
