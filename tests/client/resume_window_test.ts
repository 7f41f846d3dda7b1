/**
 * One window that both ends agree on: a correct client is never refused because of room, and leaves no more unanswered
 * than the server would recognise.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type ServeOptions } from "@dsmq/server";
import {
  Bridge,
  GatedStore,
  inMemory,
  reconnect,
  settled,
  store,
  testServer,
  turns,
} from "../support/bridge.ts";
import { closeAll, connectedPair } from "../support/connected_pair.ts";
import { openServer } from "../support/open_server.ts";
import { QueueFile } from "../support/queue_file.ts";

/** How many of some calls ended in each way. */
async function counted(calls: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const ends: Record<string, number> = {};
  for (const result of await Promise.all(calls.map((call) => settled(call, 20_000)))) {
    const end = typeof result === "string" && /^error |^\(/.test(result) ? result : "done";
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return ends;
}

/** Text that takes more bytes than characters, once it is JSON in UTF-8. */
const TEXTS = {
  controls: "\0",
  "line breaks and quotes": '"\n',
  "lone surrogates": "\ud800",
};

for (const transport of ["builtin", "hardened"] as const) {
  for (const kind of ["memory", "file"] as const) {
    Deno.test(`text that takes more bytes than characters is never refused because of room (${kind}, ${transport})`, async () => {
      await using file = new QueueFile();
      const limits = { inFlightBytes: 1_000_000 };
      const options: ServeOptions = { transport, limits };
      const storeOption = kind === "memory" ? {} : { store: `sqlite:${file.path}` as const };
      await using server = await openServer({ ...options, ...storeOption });
      await using mq = await connect(server.url);
      for (const [name, unit] of Object.entries(TEXTS)) {
        const message = unit.repeat(30_000 / unit.length);
        const puts = Array.from({ length: 40 }, () => mq.put("t", message));
        assertEquals(await counted(puts), { done: 40 }, name);
        const lists = Array.from({ length: 20 }, () => mq.putMany("t", [message, message]));
        assertEquals(await counted(lists), { done: 20 }, `lists of ${name}`);
      }
    });
  }
}

Deno.test("waits and gets of one turn, more than may be in flight: none is refused", async () => {
  const limits = { inFlight: 50, waits: 100 };
  await using server = await openServer({ limits });
  await using mq = await connect(server.url);
  const waits = Array.from({ length: 90 }, (_, i) => mq.getWait(`w${i % 10}`, { timeout: 1 }));
  const gets = Array.from({ length: 300 }, (_, i) => mq.get(`g${i % 10}`));
  assertEquals(await counted([...waits, ...gets]), { done: 390 });
});

Deno.test("9,000 waits and 16,000 gets in one turn at a server with default limits: none is refused", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const waits = Array.from({ length: 9000 }, (_, i) => mq.getWait(`w${i % 100}`, { timeout: 1 }));
  const gets = Array.from({ length: 16_000 }, (_, i) => mq.get(`g${i % 100}`));
  assertEquals(await counted([...waits, ...gets]), { done: 25_000 });
});

Deno.test("more waits than may be in flight are served, each with a message, oldest first", async () => {
  const host = await testServer(inMemory(), undefined, { waits: 20, inFlight: 3 });
  const { mq } = await connectedPair(host);
  const waits = Array.from({ length: 20 }, () => settled(mq.getWait("t")));
  await turns();
  const bodies = Array.from({ length: 20 }, (_, i) => `${i}`);
  await store(host, "t", ...bodies);
  assertEquals(await Promise.all(waits), bodies);
  await closeAll(mq, host);
});

Deno.test("of more waits than the server allows those beyond are refused, and the others are served", async () => {
  const host = await testServer(inMemory(), undefined, { waits: 3 });
  const { mq } = await connectedPair(host);
  const waits = Array.from({ length: 5 }, () => settled(mq.getWait("t")));
  await turns();
  await store(host, "t", "0", "1", "2", "3");
  const got = [...await Promise.all(waits), await settled(mq.get("t"))];
  assertEquals(got, ["0", "1", "2", "error limit_exceeded", "error limit_exceeded", "3"]);
  await closeAll(mq, host);
});

Deno.test("waits that fill the window block no other call", async () => {
  const host = await testServer(inMemory(), undefined, { waits: 20, inFlight: 3 });
  const { mq } = await connectedPair(host);
  const abort = new AbortController();
  const waits = Array.from(
    { length: 10 },
    () => settled(mq.getWait("t", { signal: abort.signal })),
  );
  await turns();
  const stream = mq.subscribe("s");
  const first = settled(stream.next());
  const others = [mq.put("s", "m"), mq.putMany("s", ["n"]), mq.get("u"), mq.topics()];
  assertEquals(await counted(others), { done: 4 });
  const got = await first;
  assertEquals(typeof got === "string" ? got : got.value?.body, "m");
  await stream.return!();
  abort.abort();
  await Promise.all(waits);
  await closeAll(mq, host);
});

Deno.test("lists, several at a time, and a break that loses the answers: all are known, and no more was unanswered than is remembered", async () => {
  const inFlight = 1000;
  const host = await testServer(
    inMemory(undefined, undefined, { dedupWindow: inFlight }),
    undefined,
    {
      inFlight,
    },
  );
  const { bridge, mq } = await connectedPair(host);
  // Between them another client puts: so each list is a run of its own, as on any server with several clients.
  const { mq: other } = await connectedPair(host);
  bridge.passes = (frame) => !frame.includes('"seqs"');
  const messages = Array.from({ length: 400 }, (_, i) => `${i}`);
  const lists: Promise<number[] | string>[] = [];
  for (let i = 0; i < 5; i++) {
    lists.push(settled(mq.putMany("t", messages)));
    await turns();
    await other.put("u", "x");
  }
  const unanswered = bridge.up.flatMap((frame) => JSON.parse(frame))
    .filter(({ action }) => action === "put")
    .reduce((sum, { bodies }) => sum + bodies.length, 0);
  bridge.passes = () => true;
  bridge.cut();
  const outcomes = await Promise.all(lists);
  assertEquals(outcomes.map((list) => typeof list === "string" ? list : list.length), [
    ...Array(5).fill(400),
  ]);
  assert(unanswered <= inFlight, `${unanswered} were unanswered`);
  assertEquals((await mq.topics()).map(({ messages }) => messages), [2000, 5]);
  await other.close();
  await closeAll(mq, host);
});

Deno.test("a list that is longer than the window is put as a whole, even over a break", async () => {
  const inFlight = 100;
  const host = await testServer(
    inMemory(undefined, undefined, { dedupWindow: inFlight }),
    undefined,
    {
      inFlight,
    },
  );
  const { bridge, mq } = await connectedPair(host);
  bridge.passes = (frame) => !frame.includes('"seq');
  const messages = Array.from({ length: 450 }, (_, i) => `${i}`);
  const list = settled(mq.putMany("t", messages));
  await turns();
  bridge.passes = () => true;
  bridge.cut();
  const outcomes = await list;
  const [topic] = await mq.topics();
  await closeAll(mq, host);
  assertEquals(typeof outcomes === "string" ? outcomes : outcomes.length, 450);
  assertEquals(topic?.messages, 450);
});

Deno.test("very many empty texts, put in one turn, are not one frame", async () => {
  // Counted by their characters only, all of them would go into one: a million is more than a server accepts.
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  // Nothing of it arrives: what matters is how it is sent.
  bridge.passesUp = () => false;
  const puts = Array.from({ length: 120_000 }, () => mq.put("t", ""));
  const outcomes = counted(puts);
  await turns();
  const largest = bridge.up.reduce((max, frame) => Math.max(max, frame.length), 0);
  assert(largest > 1000 && largest < 256 * 1024, `${largest} bytes`);
  bridge.passesUp = () => true;
  bridge.cut();
  assertEquals(await outcomes, { done: puts.length });
  await closeAll(mq, host);
});

Deno.test("a stream beside many reads of its own connection goes on to its end", async () => {
  const gated = new GatedStore();
  const host = await testServer(gated, undefined, { inFlight: 200, waits: 100 });
  const count = 10_000;
  const body = "x".repeat(1000);
  await store(host, "s", ...Array<string>(count).fill(body));
  const bridge = new Bridge(host);
  const mq = await connect(bridge.url, { dial: bridge.dial, reconnect });
  const stream = mq.subscribe("s", { since: "start" });
  let got = 0;
  const read = async (max: number) => {
    while (got < max && !(await stream.next()).done) got++;
  };
  await read(1);
  await turns(50); // 4 MiB have come.
  const slow = mq.get("slow");
  await turns();
  const waits = Array.from({ length: 90 }, () => mq.getWait("w", { timeout: 1 }));
  const gets = Array.from({ length: 300 }, () => mq.get("g"));
  await turns(50);
  await read(2500); // More than half of the window: credit is sent.
  await turns(50);
  gated.gate.resolve();
  const outcomes = await counted([slow, ...waits, ...gets]);
  await settled(read(count), 20_000);
  await closeAll(mq, host);
  assertEquals([outcomes, got], [{ done: 391 }, count]);
});
