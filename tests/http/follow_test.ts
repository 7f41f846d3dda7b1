/**
 * Following a topic: `text/event-stream`, and lines of JSON.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { EventReader } from "../support/event_reader.ts";
import { problemOf, testHttp } from "../support/http_server.ts";

/** Texts that would break a form that is not careful. */
const TEXTS = ["one", "", "two\nlines\r\n\n", "data: x\n\nid: 7", "\0\ud800 🦊\u2028"];

testHttp(
  "each message is an event, whatever its text, and its id is its position",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    await using events = await EventReader.events(`${server.origin}/topics/t?after=start`);
    const { headers } = events.response;
    assertEquals(headers.get("content-type"), "text/event-stream");
    assertMatch(headers.get("cache-control")!, /no-cache.*no-transform/);
    assertEquals(headers.get("x-accel-buffering"), "no");
    const begun = (await events.event())!;
    assertEquals([begun.data, begun.id], [undefined, headers.get("dsmq-position")!]);
    for (const [i, text] of TEXTS.entries()) {
      await mq.put("other", text);
      await mq.put("t", text, { key: `k${i}`, headers: { a: "b\n" } });
      const { id, data } = (await events.event())!;
      const message = (await mq.read("t"))!;
      const { seq, position, time, body } = message;
      assertEquals(id, position);
      assertEquals(data, { seq, position, time, body, key: `k${i}`, headers: { a: "b\n" } });
      assertEquals(body, text);
    }
  },
);

testHttp("lines bring the same, and those of a prefix name their topics", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  await using lines = await EventReader.lines(`${server.origin}/messages?prefix=t.&after=start`);
  assertEquals(lines.response.headers.get("content-type"), "application/x-ndjson");
  for (const [i, text] of TEXTS.entries()) {
    await mq.put(`t.${i}`, text);
    await mq.put("other", text);
    const { topic, body, seq, position } = await lines.line() as Record<string, unknown>;
    assertEquals([topic, body], [`t.${i}`, text]);
    assertMatch(`${position}`, new RegExp(`:${seq}$`));
  }
});

testHttp(
  "a stream begins now unless it is told otherwise, and goes on after its last event",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    await mq.put("t", "before");
    let last: string;
    {
      await using events = await EventReader.events(`${server.origin}/topics/t`);
      // Nothing has come yet, but from here on nothing is missed.
      last = (await events.event())!.id!;
    }
    await mq.putMany("t", ["1", "2"]);
    const url = `${server.origin}/topics/t?after=start`;
    {
      await using events = await EventReader.events(url, { "last-event-id": last });
      assertEquals(await events.bodies(1), ["1"]);
    }
    const position = (await mq.read("t", { latest: true }))!.position;
    await mq.put("t", "3");
    await using events = await EventReader.events(url, { "last-event-id": position });
    assertEquals(await events.bodies(1), ["3"]);
  },
);

testHttp(
  "what is gone is an event of its own, once, and the stream goes on behind it",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    await mq.putMany("t", ["1", "2", "3"]);
    const { position } = (await mq.read("t"))!;
    await mq.purge("t", { before: 3 });
    const headers = { "last-event-id": position };
    await using events = await EventReader.events(`${server.origin}/topics/t`, headers);
    const gap = (await events.event())!;
    const { code, after, position: next } = gap.data as Record<string, unknown>;
    assertEquals([gap.event, code, after, gap.id], ["gap", "trimmed", 1, `${next}`]);
    assertEquals(await events.bodies(1), ["3"]);
    await using lines = await EventReader.lines(`${server.origin}/topics/t?after=${position}`);
    const { gap: told } = await lines.line() as { gap: Record<string, unknown> };
    assertEquals([told.code, told.position], ["trimmed", next]);
    assertEquals(await lines.bodies(1), ["3"]);
  },
);

testHttp(
  "what is purged before a slow reader has it is told once; who has everything is told nothing, nor who waits",
  async (open) => {
    const count = 60;
    await using server = await open({ limits: { storedBytes: 128 * 1024 * 1024 } });
    await using mq = await connect(server.url);
    const pad = "x".repeat(500_000);
    for (let i = 1; i < count; i++) await mq.put("t", `${i} ${pad}`);
    await using stack = new AsyncDisposableStack();
    const slow = [
      stack.use(await EventReader.events(`${server.origin}/topics/t?after=start`)),
      stack.use(await EventReader.lines(`${server.origin}/messages?after=start`)),
    ];
    const live = [
      stack.use(await EventReader.events(`${server.origin}/topics/t`)),
      stack.use(await EventReader.events(`${server.origin}/messages`)),
    ];
    const waiting = server.get("/topics/t?after=now&wait=60");
    while ((await mq.connections()).length < 6) await Promise.resolve();
    await mq.purge("t");
    await mq.put("t", `${count} ${pad}`);
    for (const reader of slow) {
      const told: string[] = [];
      while (!told.at(-1)?.startsWith(`${count} `)) told.push(...await reader.told(1));
      const gap = told.length - 2;
      assertEquals(
        told.slice(0, gap).map(parseFloat),
        Array.from({ length: gap }, (_, i) => i + 1),
      );
      assert(gap < count - 1, "it had all before the purge");
      assertEquals(told[gap], `trimmed ${count - 1}`);
    }
    const waited = await waiting;
    assertEquals([waited.status, parseFloat(await waited.text())], [200, count]);
    for (const reader of live) assertEquals((await reader.told(1)).map(parseFloat), [count]);
    // The position of the gap leads on.
    const next = waited.headers.get("dsmq-position")!.replace(/:.*/, `:${count - 1}`);
    const headers = { "last-event-id": next };
    const resumed = stack.use(await EventReader.events(`${server.origin}/topics/t`, headers));
    assertEquals((await resumed.told(1)).map(parseFloat), [count]);
    await mq.put("t", "the end");
    for (const reader of [...slow, ...live, resumed]) {
      assertEquals(await reader.told(1), ["the end"]);
    }
  },
);

testHttp(
  "thousands of messages come in order, each once, beside what is put meanwhile",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    const texts = Array.from({ length: 6000 }, (_, i) => `${i} ${"x".repeat(i % 300)}`);
    await mq.putMany("t", texts.slice(0, 3000));
    await using events = await EventReader.events(`${server.origin}/topics/t?after=start`);
    await using lines = await EventReader.lines(`${server.origin}/messages?after=start`);
    const putting = (async () => {
      for (let i = 3000; i < 6000; i += 10) await mq.putMany("t", texts.slice(i, i + 10));
    })();
    assertEquals(await events.bodies(6000), texts);
    assertEquals(await lines.bodies(6000), texts);
    await putting;
  },
);

testHttp("a client that leaves ends its stream, and gives back its slot", async (open) => {
  await using server = await open({ limits: { connections: 2 } });
  await using mq = await connect(server.url);
  for (let i = 0; i < 3; i++) {
    await using events = await EventReader.events(`${server.origin}/topics/t`);
    await events.event();
    assertEquals((await mq.connections()).length, 2);
    const refused = await problemOf(await server.get("/topics/t"));
    assertEquals([refused.status, refused.code], [503, "limit_exceeded"]);
    await events[Symbol.asyncDispose]();
    while ((await mq.connections()).length > 1) await Promise.resolve();
  }
  assertEquals((await server.get("/topics/t")).status, 204);
});

testHttp("an administrator sees a stream, and ends it", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  await using events = await EventReader.events(`${server.origin}/topics/t`);
  await events.event();
  const listed = (await mq.connections()).find(({ own }) => !own)!;
  assertEquals([listed.subscriptions, listed.address], [1, "127.0.0.1"]);
  await mq.disconnect(listed.id);
  const end = (await events.event())!;
  assertEquals([end.event, (end.data as { code: string }).code], ["end", "shutting_down"]);
  assertEquals(await events.event(), undefined);
});

testHttp(
  "a stream and a wait end with the server, which says so, and refuses nobody",
  async (open) => {
    const server = await open();
    const mq = await connect(server.url);
    await using events = await EventReader.events(`${server.origin}/topics/t`);
    await using lines = await EventReader.lines(`${server.origin}/topics/t`);
    await events.event();
    const waiting = server.get("/topics/t?wait=60");
    while ((await mq.connections()).length < 4) await Promise.resolve();
    await mq.close();
    const stopped = server[Symbol.asyncDispose]();
    assertEquals((await problemOf(await waiting)).code, "shutting_down");
    assertEquals((await events.event())?.event, "end");
    const { end } = await lines.line() as { end: { code: string } };
    assertEquals(end.code, "shutting_down");
    await stopped;
    assertEquals(server.stats().refused, 0);
  },
);
