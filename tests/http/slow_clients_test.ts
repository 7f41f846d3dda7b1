/**
 * Clients of plain HTTP that are slow, or leave: what they hold ends in time, and others do not notice. Time is the test's own.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { readResponse } from "../support/http_client.ts";
import { testHttp } from "../support/http_server.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const HOST = "Host: localhost\r\n";

/** How long a body may take, in milliseconds, besides what its size takes. */
const BODY_TIME = 10_000;

/** Lets time pass until something has happened; returns how much. */
async function passUntil(clock: ManualClock, happened: () => boolean): Promise<number> {
  let passed = 0;
  while (!happened()) {
    assert(passed < 600_000, "it happens in time");
    clock.advance(500);
    passed += 500;
    // What that has caused has to reach the other end.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return passed;
}

for (
  const [what, drip] of [["is half-sent", ""], ["drips byte by byte", "x"]] as const
) {
  testHttp(
    `a body that ${what} is answered with 408 in its time, and others are served`,
    async (open) => {
      const clock = new ManualClock();
      await using server = await open({ clock, limits: { connections: 2 } });
      using client = await RawSocket.connect(server.port);
      await client.send(`POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: 5000\r\n\r\nhalf`);
      let head: string | undefined;
      const answered = client.head().then((found) => head = found);
      const put = await server.post("/topics/other", "m");
      assertEquals([put.status, (await put.json()).seq], [201, 1]);
      const passed = await passUntil(clock, () => {
        if (drip !== "") void client.send(drip).catch(() => {});
        return head !== undefined;
      });
      assertEquals((await withTimeout(answered)).split(" ")[1], "408");
      assert(passed >= BODY_TIME, `not before its time, but after ${passed} ms`);
      // Its slot is free: two at a time are served again.
      const [one, two] = await Promise.all([server.get("/topics/t"), server.get("/topics/t")]);
      assertEquals([one.status, two.status], [204, 204]);
      assertEquals(server.stats().stored, 1);
    },
  );
}

testHttp("half-sent headers of a POST take no slot, and others are served", async (open) => {
  await using server = await open({ limits: { connections: 2 } });
  const clients = await Promise.all(Array.from({ length: 5 }, async () => {
    const client = await RawSocket.connect(server.port);
    await client.send(`POST /topics/t HTTP/1.1\r\n${HOST}Content-Le`);
    return client;
  }));
  const put = await server.post("/topics/other", "m");
  assertEquals([put.status, (await put.json()).seq], [201, 1]);
  const both = await Promise.all([1, 2].map(() => server.get("/topics/t?wait=0.01")));
  assertEquals(both.map(({ status }) => status), [204, 204]);
  // One goes on, and is served; the others leave.
  await clients[0]!.send("ngth: 4\r\n\r\nlate");
  const { body } = await readResponse(clients[0]!);
  assertEquals(JSON.parse(body).seq, 2);
  for (const client of clients) client.cut();
  assertEquals(await (await server.get("/topics/t")).text(), "late");
  const { stored, refused, dropped } = server.stats();
  assertEquals({ stored, refused, dropped }, { stored: 2, refused: 0, dropped: 0 });
});

testHttp(
  "a stream whose client reads nothing is cut off in time, and others get everything meanwhile",
  async (open) => {
    const clock = new ManualClock();
    await using server = await open({ clock });
    await using mq = await connect(server.url);
    await using events = await EventReader.events(`${server.origin}/topics/t`);
    await events.event();
    using client = await RawSocket.connect(server.port);
    await client.send(`GET /topics/t HTTP/1.1\r\n${HOST}Accept: application/x-ndjson\r\n\r\n`);
    await client.head();
    const large = "x".repeat(900_000);
    const bodies: unknown[] = [];
    for (let i = 0; i < 16; i++) {
      await mq.put("t", large);
      bodies.push(...await events.bodies(1));
    }
    assert(bodies.every((body) => body === large));
    assertEquals((await mq.connections()).length, 3);
    await passUntil(clock, () => server.stats().dropped === 1).catch(() => {});
    assertEquals((await mq.connections()).length, 2);
    await mq.put("t", "last");
    assertEquals(await events.bodies(1), ["last"]);
  },
);

/** Where a client may leave: what it has sent by then. */
const MOMENTS: Readonly<Record<string, string>> = {
  "within the head": `GET /topics/t HTTP/1.1\r\nHost: loc`,
  "before the body": `POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\n`,
  "within the body": `POST /topics/t HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nab`,
  "within a chunk": `POST /topics/t HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nab`,
  "between chunks":
    `POST /topics/t HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`,
  "before the answer": `GET /messages?count=9&after=start HTTP/1.1\r\n${HOST}\r\n`,
  "in a wait": `GET /topics/t?wait=60 HTTP/1.1\r\n${HOST}\r\n`,
  "in a stream": `GET /topics/t HTTP/1.1\r\n${HOST}Accept: text/event-stream\r\n\r\n`,
};

testHttp("a client that leaves at any moment leaves nothing behind", async (open) => {
  await using server = await open({ limits: { connections: 3 } });
  await using mq = await connect(server.url);
  await mq.put("other", "m");
  for (const [when, sent] of Object.entries(MOMENTS)) {
    for (let i = 0; i < 6; i++) {
      using client = await RawSocket.connect(server.port);
      await client.send(sent);
      if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await withTimeout(
      (async () => {
        // Two slots are left by the WebSocket, and both are free again.
        for (let free = 0; free < 2;) {
          const both = await Promise.all([1, 2].map(() => server.get("/topics/t?wait=0.005")));
          free = both.filter(({ status }) => status === 204).length;
          await Promise.all(both.map(({ body }) => body?.cancel()));
        }
        while ((await mq.connections()).length > 1) await Promise.resolve();
      })(),
      10_000,
    ).catch((error) => {
      throw new Error(`${when}: ${error.message}`);
    });
  }
  assertEquals(server.stats().stored, 1);
});
