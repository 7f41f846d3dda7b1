/**
 * Pending calls of a client are bounded and counted, while it is disconnected and while the server is slow.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, type ConnectOptions, DsmqError } from "@dsmq/server";
import { inMemory, reconnect, settled, testServer, turns, until } from "../support/bridge.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  letReconnect,
  reconnectTo,
} from "../support/connected_pair.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A client that is disconnected. */
async function disconnected(options: ConnectOptions, limits = {}) {
  const host = await testServer(inMemory(), undefined, limits);
  const { bridge, mq } = await connectedPair(host, options);
  disconnect(bridge);
  await until(() => mq.status === "reconnecting");
  return { host, bridge, mq };
}

const CALLS: Record<string, (mq: Connection) => Promise<unknown>> = {
  put: (mq) => mq.put("t", "m"),
  putMany: (mq) => mq.putMany("t", ["m", "n"]),
  get: (mq) => mq.get("t"),
  getLatest: (mq) => mq.getLatest("t"),
  getWait: (mq) => mq.getWait("t", { timeout: 0 }),
  read: (mq) => mq.read("t"),
  subscribe: async (mq) => await mq.subscribe("t").next(),
  topics: (mq) => mq.topics(),
  purge: (mq) => mq.purge("t"),
  connections: (mq) => mq.connections(),
  backup: (mq) => mq.backup(),
  disconnect: (mq) =>
    mq.disconnect("none").catch((error) => {
      if (error.code !== "not_found") throw error;
    }),
};

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`while the server is away, a ${name} past maxPending rejects with limit_exceeded, and earlier calls go on`, async () => {
    const { host, bridge, mq } = await disconnected({ maxPending: 3 });
    const puts = ["1", "2", "3"].map((message) => settled(mq.put("u", message)));
    assertEquals(mq.pending.messages, 3);
    const error = await assertRejects(() => call(mq), DsmqError);
    assertEquals([error.code, error.limit, mq.pending.messages], ["limit_exceeded", 3, 3]);
    assert(error.message.includes("maxPending"), error.message);
    await letReconnect(bridge, mq, host);
    assertEquals(await Promise.all(puts), [1, 2, 3]);
    assertEquals(mq.pending, { messages: 0, bytes: 0 });
    // There is room again.
    if (name !== "subscribe") await withTimeout(call(mq));
    await closeAll(mq, host);
  });
}

Deno.test("past maxPendingBytes a call rejects with limit_exceeded, with and without a connection; a single one is always accepted", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { maxPendingBytes: 1000 });
  for (const connected of [true, false]) {
    if (connected) bridge.holds = () => true;
    else disconnect(bridge);
    await turns(3);
    const first = settled(mq.put("t", "x".repeat(5000)));
    const error = await assertRejects(() => mq.get("t"), DsmqError);
    assertEquals([error.code, error.limit], ["limit_exceeded", 1000]);
    assert(error.message.includes("maxPendingBytes"), error.message);
    if (connected) bridge.release();
    else await letReconnect(bridge, mq, host);
    assertEquals(typeof await first, "number");
    assertEquals(mq.pending, { messages: 0, bytes: 0 });
  }
  await closeAll(mq, host);
});

Deno.test("while connected, any number of calls may be unanswered", async () => {
  const host = await testServer(inMemory());
  const { mq } = await connectedPair(host, { maxPending: 10 });
  const puts = Array.from({ length: 1000 }, () => mq.put("t", "m"));
  assertEquals(mq.pending, { messages: 1000, bytes: 4000 });
  assertEquals((await Promise.all(puts)).at(-1), 1000);
  assertEquals(mq.pending, { messages: 0, bytes: 0 });
  await closeAll(mq, host);
});

Deno.test("a long list needs no more room than its next part, and resolves over any break, also with other puts beside it", async () => {
  const limits = { inFlight: 40 };
  const { host, bridge, mq } = await disconnected({ maxPending: 100 }, limits);
  const count = 2000;
  const list = settled(mq.putMany("t", Array.from({ length: count }, (_, i) => `${i}`)), 60_000);
  // All of it is unacknowledged, but only a part counts for maxPending: there is room for others, all the time.
  assertEquals(mq.pending.messages, count);
  const behind = Array.from({ length: 80 }, () => settled(mq.put("t", "behind"), 60_000));
  assertEquals(mq.pending.messages, count + 80);
  await letReconnect(bridge, mq, host);
  let stored = 0, refused = 0, open = true;
  const concurrent = (async () => {
    while (open) {
      await mq.put("u", "m").then(() => stored++, () => refused++);
      await turns(1);
    }
  })();
  for (let i = 0; i < 12; i++) {
    await turns(3);
    await reconnectTo(bridge, mq);
  }
  const seqs = await list as number[];
  open = false;
  await concurrent;
  assertEquals(seqs.length, count);
  assert(seqs.every((seq, i) => i === 0 || seq > seqs[i - 1]!), "in order");
  for (const seq of await Promise.all(behind)) {
    assert(seq as number > seqs.at(-1)!, "what was put behind the list is stored behind it");
  }
  assertEquals([refused, mq.pending], [0, { messages: 0, bytes: 0 }]);
  assertEquals((await host.queue.store.bounds()).last, count + behind.length + stored);
  await closeAll(mq, host);
});

Deno.test("a list that the server no longer accepts as a whole is split by its current limits", async () => {
  const small = await testServer(inMemory(), undefined, { inFlight: 400, messageBytes: 100 });
  const { host, bridge, mq } = await disconnected({});
  const messages = Array.from(
    { length: 3 * 4096 + 10 },
    (_, i) => i % 4096 === 9 ? "x".repeat(200) : "m",
  );
  const list = mq.putMany("t", messages);
  const after = settled(mq.put("t", "after"), 20_000);
  await letReconnect(bridge, mq, small);
  const error = await assertRejects(() => withTimeout(list, 20_000), DsmqError);
  assertEquals(
    error.outcomes!.map((outcome) => typeof outcome === "number" ? "m" : outcome.code),
    messages.map((message) => message === "m" ? "m" : "too_large"),
  );
  assertEquals([error.code, error.index, error.bytes, error.limit], ["too_large", 9, 202, 100]);
  const sentence = "messages[9] is 202 bytes as JSON, the limit is 100 now";
  assertEquals(error.message, `Cannot put messages: ${sentence}`);
  assertEquals(await after, messages.length - 4 + 1);
  await closeAll(mq, host, small);
});

Deno.test("a list that ends with its connection reports the outcome of each message", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, limits: { ...WELCOME.limits, inFlight: 8 } };
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const failing = assertRejects(() => mq.putMany("t", Array(100_000).fill("m")), DsmqError);
  const { id } = await script.next();
  await script.send({ id, seqs: [1, 2] });
  script.hangUp();
  const { outcomes } = await withTimeout(failing);
  const tally = Map.groupBy(
    outcomes!,
    (outcome) => typeof outcome === "number" ? "stored" : outcome.code,
  );
  assertEquals([...tally].map(([what, { length }]) => [what, length]), [
    ["stored", 2],
    ["unknown_outcome", 8],
    ["closed", 99_990],
  ]);
});

Deno.test("what is put while the server is away is pending as one request, and is sent in the order of the calls", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect });
  script.unreachable = true;
  script.hangUp();
  const puts = Array.from({ length: 1000 }, (_, i) => mq.put("t", `${i}`));
  const got = mq.get("t");
  const other = mq.put("t", "other");
  script.unreachable = false;
  const [first, second, third] = [
    await withTimeout(script.next()),
    await withTimeout(script.next()),
    await withTimeout(script.next()),
  ];
  assertEquals([first.bodies.length, second.action, third.body], [1000, "get", "other"]);
  await script.send([
    { id: first.id, seqs: Array.from({ length: 1000 }, (_, i) => i + 1) },
    { id: second.id, body: "", through: 0 },
    { id: third.id, seq: 1001 },
  ]);
  assertEquals((await Promise.all(puts)).at(-1), 1000);
  assertEquals([await got, await other], ["", 1001]);
  await withTimeout(mq.close());
});

Deno.test("waits and streams that are cancelled while the server is away leave nothing behind", async () => {
  const { host, bridge, mq } = await disconnected({ maxPending: 10 });
  for (let i = 0; i < 100; i++) {
    const abort = new AbortController();
    const wait = mq.getWait("t", { signal: abort.signal }).catch(() => {});
    const stream = mq.subscribe("t", { since: "now" });
    // They are calls, but nothing was put. If one were left behind, the eleventh would be refused.
    assertEquals(mq.pending, { messages: 0, bytes: 0 });
    abort.abort();
    await stream.return!();
    await wait;
  }
  await letReconnect(bridge, mq, host);
  assertEquals(await settled(mq.put("t", "m")), 1);
  await closeAll(mq, host);
});

for (const name of ["maxPending", "maxPendingBytes"]) {
  for (const value of [0, -1, 1.5, NaN, "10", null]) {
    Deno.test(`${name} is a whole number from 1 or Infinity: ${JSON.stringify(value)} is refused`, async () => {
      await assertRejects(
        () => connect(undefined, { [name]: value } as ConnectOptions),
        typeof value === "number" ? RangeError : TypeError,
        name,
      );
    });
  }
}

// At the other end.

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`the server counts what was stored: repeated, split, trimmed, from clients old and new (${transport})`, async () => {
    await using server = await openServer({
      transport,
      overflow: "drop-oldest",
      limits: { storedBytes: 20_000 },
    });
    await using mq = await connect(server.url);
    await mq.putMany("t", Array.from({ length: 1000 }, (_, i) => `${i}`));
    await Promise.all(Array.from({ length: 500 }, (_, i) => mq.put(`t${i % 7}`, "m")));
    await mq.put("t", "x".repeat(50_000)).catch(() => {});
    await using raw = await RawClient.open(server.url);
    const put = { action: "put", topic: "t" };
    raw.send({ ...put, message: "of a client of dsmq 1.x" });
    raw.send([
      { action: "hello", id: 1, session: "a-session-of-this-test" },
      { ...put, id: 2, body: "a", n: 1 },
      { ...put, id: 3, body: "a", n: 1 },
      { ...put, id: 4, bodies: ["a", "b"], n: 1 },
    ]);
    await until(() => server.stats().stored === 1503);
    await mq.get("t");
    assertEquals(server.stats().stored, 1503);
  });
}

Deno.test("pending counts down to nothing however puts and lists end: stored, refused, too large, or with the connection", async () => {
  const nothing = { messages: 0, bytes: 0 };
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, limits: { ...WELCOME.limits, inFlight: 8, messageBytes: 10 } };
  const mq = await connect(script.url, { dial: script.dial, reconnect: false });
  assertEquals(mq.pending, nothing);
  const put = mq.put("t", "1");
  assertEquals(mq.pending, { messages: 1, bytes: 4 });
  await script.send({ id: (await script.next()).id, seq: 1 });
  assertEquals([await put, mq.pending], [1, nothing]);
  const list = settled(mq.putMany("t", ["1", "2", "3", "4", "5"]));
  assertEquals(mq.pending, { messages: 5, bytes: 20 });
  const first = await script.next();
  assertEquals(first.bodies.length, 2);
  await script.send({ id: first.id, seqs: [2, 3] });
  assertEquals(mq.pending, { messages: 3, bytes: 12 });
  const error = { code: "full", message: "no room" };
  await script.send({ id: (await script.next()).id, error });
  await script.send({ id: (await script.next()).id, seqs: [4] });
  assertEquals([await list, mq.pending], ["error full", nothing]);
  const lost = settled(mq.putMany("t", ["1", "2", "3", "4", "5"]));
  assertEquals(mq.pending, { messages: 5, bytes: 20 });
  await script.next();
  script.hangUp();
  assertEquals([await lost, mq.pending], ["error unknown_outcome", nothing]);
});
