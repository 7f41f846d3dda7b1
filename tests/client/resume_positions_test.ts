/**
 * Positions over breaks: where reading continues, in the same history and in another one.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, type ConnectOptions } from "@dsmq/server";
import {
  type Bridge,
  inMemory,
  reconnect,
  settled,
  store,
  testServer,
  turns,
  until,
} from "../support/bridge.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  nextBody,
  reconnectTo,
} from "../support/connected_pair.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { QueueFile } from "../support/queue_file.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

// Positions of a lost history.

Deno.test("two waits on a topic, a restart in memory, a second break: nothing of the new history is skipped", async () => {
  const [old, fresh] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(old, { since: "start" });
  await store(old, "t", "o1", "o2", "o3");
  // Two readers at a time, as workers do: one has got o3, the other waits.
  assertEquals(await Promise.all([mq.get("t"), mq.get("t")]), ["o1", "o2"]);
  const [one, other] = [mq.getWait("t"), mq.getWait("t")];
  assertEquals(await one, "o3");
  await store(fresh, "t", "n1", "n2", "n3", "n4", "n5");
  bridge.host = fresh;
  bridge.cut();
  assertEquals(await settled(other), "error epoch_changed");
  bridge.cut();
  await turns();
  const got = [await settled(mq.get("t")), await settled(mq.get("t"))];
  await closeAll(mq, old, fresh);
  assertEquals(got, ["n1", "n2"]);
});

Deno.test("what was kept of the old history is read, or its loss is reported: it is not a position in the new one", async () => {
  const [old, fresh] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(old, { since: "start" });
  // A wait that is cancelled while its message is in flight: the message is kept for the next read.
  const abort = new AbortController();
  const waiting = settled(mq.getWait("t", { signal: abort.signal }));
  await turns();
  bridge.holds = (frame) => frame.includes("o3");
  await store(old, "other", "x1", "x2");
  await store(old, "t", "o3");
  await turns();
  abort.abort();
  await waiting;
  bridge.release();
  await turns();
  await store(fresh, "t", "n1", "n2", "n3");
  await reconnectTo(bridge, mq, fresh);
  const stream = mq.subscribe("t");
  let first = await nextBody(stream);
  // It was acknowledged and arrived: to deliver it is not a fault.
  if (first === "o3") first = await nextBody(stream);
  await closeAll(mq, old, fresh);
  assertEquals(first, "error epoch_changed");
});

Deno.test("a subscription since a number, sent before the history was lost, is told so", async () => {
  const [old, fresh] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(old, { since: "start" });
  await store(old, "t", "o1", "o2", "o3");
  await store(fresh, "t", "n1", "n2", "n3");
  // It is sent; the server is gone before it answers.
  bridge.passesUp = (frame) => !frame.includes('"subscribe"');
  const stream = mq.subscribe("t", { since: 2 });
  const first = nextBody(stream);
  await turns();
  bridge.passesUp = () => true;
  await reconnectTo(bridge, mq, fresh);
  assertEquals(await first, "error epoch_changed");
  await closeAll(mq, old, fresh);
});

for (const action of ["get", "getLatest", "getWait"] as const) {
  Deno.test(`a ${action} that was unanswered when the history was lost is told so, and the next reads on`, async () => {
    const [old, fresh] = [await testServer(inMemory()), await testServer(inMemory())];
    const { bridge, mq } = await connectedPair(old, { since: "start" });
    await store(old, "t", "o1", "o2", "o3");
    await store(fresh, "t", "n1", "n2", "n3");
    assertEquals(await mq.get("t"), "o1");
    bridge.passesUp = (frame) => !frame.includes('"get');
    const reading = settled(mq[action]("t"));
    await turns();
    bridge.passesUp = () => true;
    await reconnectTo(bridge, mq, fresh);
    assertEquals(await reading, "error epoch_changed");
    assertEquals(await settled(mq.get("t")), "n1");
    await closeAll(mq, old, fresh);
  });
}

// Reads that had no answer leave no position.

/** Cancels a wait while its connection is broken; the next is to the same server, unless another is given. */
async function cancelWaitInBreak(
  bridge: Bridge,
  mq: Connection,
  host = bridge.host!,
): Promise<void> {
  const abort = new AbortController();
  const waiting = settled(mq.getWait("t", { signal: abort.signal }));
  await turns();
  bridge.host = host;
  bridge.cut();
  abort.abort();
  await waiting;
  await until(() => bridge.dials === 2 && mq.status === "connected");
  await turns();
}

Deno.test("a wait cancelled in a break, and another break: nothing older than the connection is read", async () => {
  const host = await testServer(inMemory());
  await store(host, "t", "before 1", "before 2");
  const { bridge, mq } = await connectedPair(host);
  await cancelWaitInBreak(bridge, mq);
  await reconnectTo(bridge, mq);
  assertEquals(await settled(mq.get("t")), "");
  await closeAll(mq, host);
});

Deno.test("a get that failed, and one break: the next is sent without a position, from the start of the connection", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, start: 100, last: 100 };
  const mq = await connect(script.url, { dial: script.dial, reconnect });
  const got = settled(mq.get("t"));
  const { id } = await script.next();
  await script.send({ id, error: { code: "unavailable", message: "the store could not do it" } });
  assertEquals(await got, "error unavailable");
  script.hangUp();
  const again = settled(mq.get("t"));
  const request = await withTimeout(script.next());
  assertEquals([request.action, request.topic, request.since], ["get", "t", undefined]);
  assertEquals(script.hello.since, { after: 100, epoch: "e" });
  await script.reply(request, { seq: 101, body: "m" });
  assertEquals(await again, "m");
  await withTimeout(mq.close());
});

Deno.test("a wait cancelled in the break to a new history: the topic reports the loss, even after a second break", async () => {
  const [old, fresh] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(old);
  await cancelWaitInBreak(bridge, mq, fresh);
  await reconnectTo(bridge, mq);
  assertEquals(await settled(mq.get("t")), "error epoch_changed");
  await closeAll(mq, old, fresh);
});

Deno.test("what is put after a connection began is read, even if the answers to its first wait were lost", async () => {
  const host = await testServer(inMemory());
  await store(host, "t", "before");
  const { bridge, mq } = await connectedPair(host);
  bridge.passes = () => false;
  const waiting = settled(mq.getWait("t"));
  await turns();
  await store(host, "t", "1", "2");
  await turns();
  bridge.passes = () => true;
  bridge.cut();
  assertEquals([await waiting, await settled(mq.get("t"))], ["1", "2"]);
  await closeAll(mq, host);
});

for (const since of ["now", undefined] as const) {
  Deno.test(`what a connection puts after it subscribed since ${since ?? "its cursor"} is streamed, even if the answer was lost`, async () => {
    const host = await testServer(inMemory());
    await store(host, "t", "before");
    const { bridge, mq } = await connectedPair(host);
    bridge.passes = () => false;
    const stream = mq.subscribe("t", since && { since });
    const first = nextBody(stream);
    const put = mq.put("t", "mine");
    await turns();
    bridge.passes = () => true;
    bridge.cut();
    await put;
    assertEquals(await first, "mine");
    await closeAll(mq, host);
  });
}

// Many positions.

Deno.test("hello has one size, whatever was read", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  const names = Array.from({ length: 1000 }, (_, i) => `${i}`.padEnd(200, "x"));
  const hello = () => bridge.up.findLast((frame) => frame.includes('"hello"'))!.length;
  const puts = names.map((topic) => {
    const body = '"m"';
    return { type: "put" as const, topic, body, bytes: body.length };
  });
  await host.queue.apply([...puts, ...puts]);
  await reconnectTo(bridge, mq);
  const before = hello();
  const read = async (expected: string) => {
    const got = await Promise.all(names.map((name) => settled(mq.get(name))));
    assertEquals(new Set(got), new Set([expected]));
  };
  await read("m");
  await reconnectTo(bridge, mq);
  // A number in it may have become longer.
  assert(Math.abs(hello() - before) < 16, `${before} bytes, then ${hello()}`);
  await read("m");
  await reconnectTo(bridge, mq);
  await read("");
  await closeAll(mq, host);
});

const limits = { cursors: 10 };

/** Gets of 16 topics, each read once, as for replies, by a client of a server with room for ten; and a break. */
async function manyTopics(options: ConnectOptions): Promise<[unknown[], unknown, number]> {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock), clock, limits);
  const { bridge, mq } = await connectedPair(host, {
    ...options,
    reconnect: { ...reconnect, timeout: 1000 },
  });
  const got: unknown[] = [];
  for (let i = 0; i < 16; i++) {
    if (i === 8) clock.advance(60_000);
    got.push(await settled(mq.get(`reply.${i}`)));
  }
  await turns();
  bridge.cut();
  const again = await settled(mq.get("reply.0"));
  await closeAll(mq, host);
  return [got, again, bridge.dials];
}

for (
  const [name, options] of [["one", {}], ["one that began at a number", { since: 0 }]] as const
) {
  Deno.test(`a client that read more empty topics than the server has room for reconnects: ${name}`, async () => {
    assertEquals(await manyTopics(options), [Array(16).fill(""), "", 2]);
  });
}

Deno.test("after the server has lost its history, topics that are read once are still forgotten", async () => {
  const clock = new ManualClock();
  const old = await testServer(inMemory(clock, 60_000), clock, limits);
  const fresh = await testServer(inMemory(clock, 60_000), clock, limits);
  const { bridge, mq } = await connectedPair(old);
  await reconnectTo(bridge, mq, fresh);
  const seen: string[] = [];
  for (let i = 0; i < 16; i++) {
    if (i === 8) clock.advance(120_000);
    await store(fresh, `reply.${i}`, "m");
    // Each topic is told of the loss at its first read.
    const got = await settled(mq.get(`reply.${i}`));
    seen.push(got === "error epoch_changed" ? await settled(mq.get(`reply.${i}`)) : got);
  }
  await closeAll(mq, old, fresh);
  assertEquals(seen, Array(16).fill("m"));
});

Deno.test("a client continues at a server that restarted with room for fewer topics", async () => {
  await using file = new QueueFile();
  let host = await testServer(file.open());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  const names = Array.from({ length: 20 }, (_, i) => `topic ${i}`);
  for (const name of names) await store(host, name, "1", "2");
  for (const name of names) assertEquals(await mq.get(name), "1");
  disconnect(bridge);
  await host[Symbol.asyncDispose]();
  host = await testServer(file.open(), undefined, limits);
  bridge.host = host;
  const got: string[] = [];
  for (const name of names.slice(0, 10)) got.push(await settled(mq.get(name)));
  assertEquals(got, Array(10).fill("2"));
  await closeAll(mq, host);
});
