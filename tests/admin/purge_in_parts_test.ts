/**
 * A purge that takes several parts: what readers are told holds at each moment, also if a part fails or the process ends.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import type { Command, CommandBatch, Result, Store, StoreError } from "../../stores/store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { nth, watchEngine } from "../contracts/failing_engine.ts";
import { inMemory, store, type TestServer, testServer, turns, until } from "../support/bridge.ts";
import { FailingFile } from "../support/failing_file.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { openServer } from "../support/open_server.ts";
import { copyKilledFile, openFile, TempFolder } from "../support/queue_files.ts";
import { BUFFER_LIMIT } from "../../transports/peer.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const SIZE = 100_000;
const COUNT = 40;
const AMPLE = { messages: 1000, bytes: 100_000_000 };
const EMPTYING = "UPDATE runs SET topic = 0";
const texts = Array.from({ length: COUNT }, (_, i) => `${i + 1}`.padEnd(SIZE, "x"));

/** Stores large messages, each in a row of its own: those of `p.t` have the odd numbers. */
async function fill(host: TestServer): Promise<void> {
  for (const text of texts) {
    await store(host, "p.t", text);
    await store(host, "p.u", "small");
  }
}

/** Opens a stream, which gets one message. */
async function subscribe(peer: ManualPeer, id: number, fields: object): Promise<void> {
  const request = { action: "subscribe", id, since: { after: 0 }, messages: 1, bytes: 1e6 };
  await peer.request({ ...request, ...fields });
  await until(() => ofStream(peer, id).length > 0);
}

/** What came of a stream: numbers of messages, or a gap and after which number it ends. */
function ofStream({ received }: ManualPeer, id: number): (number | [string, number])[] {
  return received.flatMap(({ sub, seqs, error, through }) =>
    sub !== id ? [] : seqs ?? (error ? [[error.code, through]] : [])
  );
}

/** A store, and how the emptying of rows fails the n-th time from then on, and no longer. */
const KINDS: Readonly<
  Record<string, () => [Store & AsyncDisposable, (n: number) => void, () => void]>
> = {
  "in memory": () => {
    const { failing, failOn } = watchEngine();
    const made = new MemoryStore({
      engine: failing,
      retention: 600_000,
      clock: new ManualClock(),
    });
    return [made, (n) => failOn(nth(n, EMPTYING)), () => failOn(() => {})];
  },
  "in a file": () => {
    const file = new FailingFile(undefined, { durability: "process" });
    file.failure = "database or disk is full";
    return [file.store, (n) => void (file.before = nth(n, EMPTYING)), () => file.repair()];
  },
};

for (const [kind, make] of Object.entries(KINDS)) {
  for (const filter of [{ topic: "p.t" }, { prefix: "p." }] as const) {
    Deno.test(`a purge that fails at a later part has told readers of what it removed alone, and a second one removes the rest (${kind}, ${Object.keys(filter)})`, async () => {
      const [kept, fail, repair] = make();
      await using host = await testServer(kept);
      await fill(host);
      using peer = new ManualPeer(host);
      await subscribe(peer, 1, filter);
      fail(3);
      const failed = await peer.request({ action: "purge", id: 2, topic: "p.t" });
      assert(["full", "unavailable"].includes(failed.error.code), JSON.stringify(failed));
      repair();
      const [topic] = await kept.topics({ prefix: "p.t", after: "", count: 1 });
      const first = 2 * (COUNT - topic!.messages) + 1;
      assert(first > 20 && first < 50, `the first that is left is ${first}`);
      peer.sendFrame({ action: "credit", sub: 1, ...AMPLE });
      await until(() => typeof ofStream(peer, 1).at(-1) === "object");
      // Those of the other topic come first.
      const before = "prefix" in filter
        ? Array.from({ length: (first - 3) / 2 }, (_, i) => 2 * i + 2)
        : [];
      const gap = ["trimmed", first - 2] as [string, number];
      assertEquals(ofStream(peer, 1), [1, ...before, gap]);
      await subscribe(peer, 3, { ...filter, since: { after: first - 2 }, ...AMPLE });
      await until(() => ofStream(peer, 3).length >= topic!.messages);
      assert(ofStream(peer, 3).includes(first), "what is still there is read");
      const second = await peer.request({ action: "purge", id: 4, topic: "p.t" });
      assertEquals(second.purged, topic!.messages);
    });
  }
}

/** Has a store remove no second part of a purge before `go` is called; `waits` once it would. */
function holdSecondPart(store: Store): { readonly waits: Promise<void>; readonly go: () => void } {
  const [waits, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const apply = store.apply.bind(store);
  let parts = 0;
  store.apply = async <C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> => {
    if (batch.commands.some(({ type }) => type === "purge") && ++parts === 2) {
      waits.resolve();
      await gate.promise;
    }
    return await apply(batch);
  };
  return { waits: waits.promise, go: gate.resolve };
}

for (const filter of [{ topic: "p.t" }, { prefix: "p." }] as const) {
  Deno.test(`a stream that wants to go on during a purge is told once, of all that is removed, and other streams do not wait (${Object.keys(filter)})`, async () => {
    const kept = inMemory(new ManualClock());
    await using host = await testServer(kept);
    await fill(host);
    using peer = new ManualPeer(host);
    using admin = new ManualPeer(host);
    await subscribe(peer, 1, filter);
    await subscribe(peer, 2, { topic: "p.u" });
    const { waits, go } = holdSecondPart(kept);
    admin.sendFrame({ action: "purge", id: 3, topic: "p.t" });
    await waits;
    for (const sub of [1, 2]) peer.sendFrame({ action: "credit", sub, ...AMPLE });
    await until(() => ofStream(peer, 2).length === COUNT);
    await turns();
    assert(ofStream(peer, 1).every((one) => typeof one === "number"), "it is told of no part");
    go();
    await until(() => admin.reply(3) !== undefined);
    assertEquals(admin.reply(3), { id: 3, purged: COUNT });
    await until(() => typeof ofStream(peer, 1).at(-1) === "object");
    assertEquals(ofStream(peer, 1).at(-1), ["trimmed", 2 * COUNT - 1]);
  });
}

Deno.test("a purge goes on though its own connection reads nothing, and so do the streams that wait for it", async () => {
  await using host = await testServer(inMemory(new ManualClock()));
  await fill(host);
  using peer = new ManualPeer(host);
  using admin = new ManualPeer(host);
  await subscribe(peer, 1, { topic: "p.t" });
  admin.stopReading(BUFFER_LIMIT);
  admin.sendFrame({ action: "purge", id: 3, topic: "p.t" });
  await turns();
  peer.sendFrame({ action: "credit", sub: 1, ...AMPLE });
  await until(() => typeof ofStream(peer, 1).at(-1) === "object");
  assertEquals(ofStream(peer, 1), [1, ["trimmed", 2 * COUNT - 1]]);
});

Deno.test("a stream whose connection closes while it waits for a purge leaves nothing behind", async () => {
  const kept = inMemory(new ManualClock());
  await using host = await testServer(kept);
  await fill(host);
  using admin = new ManualPeer(host);
  const { waits, go } = holdSecondPart(kept);
  {
    using peer = new ManualPeer(host);
    await subscribe(peer, 1, { topic: "p.t" });
    admin.sendFrame({ action: "purge", id: 3, topic: "p.t" });
    await waits;
    peer.sendFrame({ action: "credit", sub: 1, ...AMPLE });
    await turns();
  }
  go();
  await until(() => admin.reply(3) !== undefined);
  await turns();
  assertEquals([host.queue.listenedTopics, host.queue.purges.size], [0, 0]);
});

Deno.test("after a process was killed in the middle of a purge, readers are told of what it removed, get the rest, and a purge finishes", async () => {
  using folder = new TempFolder();
  using copy = new TempFolder();
  const file = openFile(folder.file);
  const { waits, go } = holdSecondPart(file);
  {
    await using host = await testServer(file);
    await fill(host);
    using admin = new ManualPeer(host);
    admin.sendFrame({ action: "purge", id: 3, topic: "p.t" });
    await waits;
    copyKilledFile(folder.file, copy);
    go();
    await until(() => admin.reply(3) !== undefined);
  }
  await using server = await openServer({ store: `sqlite:${copy.file}`, clock: new ManualClock() });
  await using mq = await connect(server.url);
  const { messages } = (await mq.topics()).find(({ topic }) => topic === "p.t")!;
  const first = 2 * (COUNT - messages) + 1;
  for (const filter of ["p.t", { prefix: "p." }]) {
    const seen: unknown[] = [];
    const onGap = ({ code }: { code: string }) => (seen.push(code), "oldest" as const);
    for await (const { seq } of mq.subscribe(filter, { since: 0, onGap })) {
      if (seq % 2 === 1 || seen.length === 0) seen.push(seq);
      if (seq >= 2 * COUNT - 1) break;
    }
    const left = Array.from({ length: messages }, (_, i) => first + 2 * i);
    assertEquals(seen.slice(typeof filter === "string" ? 0 : 1), ["trimmed", ...left]);
  }
  assertEquals(await mq.purge("p.t"), messages);
  assertEquals((await mq.topics()).map(({ topic }) => topic), ["p.u"]);
});
