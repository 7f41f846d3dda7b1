/**
 * Clients of plain HTTP that ask for much and read nothing: of a page, of a large message, of streams. Time is the test's own.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { testHttp } from "../support/http_server.ts";
import { utf8Length } from "../../protocol/text.ts";
import { readResponse } from "../support/http_client.ts";
import { ignoredIf, noProc } from "../support/ignored_if.ts";
import { networkPolled } from "../../budgets/after_network_poll.ts";
import { openServer } from "../support/open_server.ts";
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

/** More of each than the buffers of loopback take. */
const FILES: Readonly<Record<string, string>> = {
  "a file": `GET /page.js HTTP/1.1\r\n${HOST}\r\n`,
  "a compressed file": `GET /client.js HTTP/1.1\r\n${HOST}Accept-Encoding: gzip\r\n\r\n`,
  "the description of a server": `GET /openapi.json HTTP/1.1\r\n${HOST}\r\n`,
};

/** Whether a server still has its end of the connection of a client. */
function isConnected(port: number, { conn }: RawSocket): boolean {
  const [local, remote] = [port, (conn.localAddr as Deno.NetAddr).port].map((number) =>
    `0100007F:${number.toString(16).toUpperCase().padStart(4, "0")}`
  );
  // 01: established.
  return Deno.readTextFileSync("/proc/net/tcp").includes(`: ${local} ${remote} 01 `);
}

for (const [what, request] of Object.entries({ ...ASKED, ...FILES })) {
  Deno.test({
    ...ignoredIf(
      noProc,
      `hardened: the connection of who asks for ${what} and reads nothing is cut, and is counted`,
    ),
    async fn() {
      const clock = new ManualClock();
      await using server = await openServer({ clock, limits: LIMITS, transport: "hardened" });
      const origin = `http://127.0.0.1:${server.port}`;
      const post = { method: "POST", body: "x".repeat(LARGE) };
      await (await fetch(`${origin}/topics/large`, post)).body?.cancel();
      using client = await RawSocket.connect(server.port);
      await client.send(request.repeat(400));
      assertEquals((await withTimeout(client.head())).split(" ")[1], "200");
      assert(isConnected(server.port, client));
      await passUntil(clock, () => server.stats().dropped === 1);
      while (isConnected(server.port, client)) await networkPolled();
      assertEquals(server.stats().dropped, 1);
    },
  });
}

for (const [what, request] of Object.entries(FILES)) {
  testHttp(
    `who asks for ${what} again and again and reads slowly has all of it, and others get it meanwhile`,
    async (open) => {
      const clock = new ManualClock();
      await using server = await open({ clock });
      const [, path] = request.split(" ");
      const { length } = await (await server.get(path!)).bytes();
      using client = await RawSocket.connect(server.port);
      await client.send(request.repeat(400));
      for (let i = 0; i < 400; i++) {
        const { status, body, isWhole } = await readResponse(client);
        assertEquals([status, isWhole], [200, true]);
        assert(request.includes("gzip") || utf8Length(body) === length, `got ${body}`);
        clock.advance(1000);
        if (i % 100 === 0) assertEquals((await (await server.get(path!)).bytes()).length, length);
      }
      assertEquals(server.stats().dropped, 0);
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
