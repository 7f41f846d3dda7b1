import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { type LogEntry, LogError } from "../../../stores/replicated/record_log.ts";
import { append, Feed, outcomes, put, puts, texts } from "../../../testing/store/support.ts";
import { nth, watchEngine } from "../../contracts/failing_engine.ts";
import { MemoryRecordLog } from "../../support/memory_record_logs.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

/** Removes the first records of a log, as somebody may do by hand. */
function purge({ shared }: ReplicatedStores, count = shared.entries.length): void {
  shared.entries.splice(0, count);
  shared.first += count;
  shared.wake();
}

Deno.test("if somebody removes records that a server has not seen, it gets them from a snapshot of another", async () => {
  await using servers = new ReplicatedStores();
  let cut: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({ disturb: () => cut?.promise });
  await append(a, puts("t", "1"));
  await b.fence();
  cut = Promise.withResolvers();
  await append(a, puts("t", "2", "3"));
  purge(servers);
  cut.resolve();
  cut = undefined;
  await servers.pass(12_000);
  assertEquals(servers.shared.snapshots.size, 1);
  assertEquals(await texts(b), ["1", "2", "3"]);
  assertEquals([b.epoch, b.findFault()], [a.epoch, undefined]);
  assertEquals(await outcomes(b, [put("t", "4")]), [4]);
});

Deno.test("if nobody has the records that were removed, the servers go on behind them, in another epoch", async () => {
  await using servers = new ReplicatedStores();
  let cut: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({ disturb: () => cut?.promise });
  const { epoch } = b;
  await append(a, puts("t", "1"));
  await b.fence();
  cut = Promise.withResolvers();
  await append(a, puts("t", "lost"));
  purge(servers);
  await a[Symbol.asyncDispose]();
  cut.resolve();
  cut = undefined;
  await servers.pass(30_000);
  assertEquals(b.findFault(), undefined);
  assertNotEquals(b.epoch, epoch);
  const [bounds] = await b.topicBounds([{ epoch }]);
  assertEquals(bounds!.end, 1);
  assertEquals(await outcomes(b, [put("t", "2")]), [2]);
  const c = await servers.open();
  assertEquals([c.epoch, await texts(c)], [b.epoch, ["1", "2"]]);
});

Deno.test("servers that each lack other records of those that were removed come to the same", async () => {
  await using servers = new ReplicatedStores();
  const cuts: PromiseWithResolvers<void>[] = [];
  const isCut = new Set<number>();
  const a = await servers.open();
  const lagging = [];
  for (const i of [0, 1, 2]) {
    cuts.push(Promise.withResolvers());
    lagging.push(
      await servers.open({ disturb: () => isCut.has(i) ? cuts[i]!.promise : undefined }),
    );
  }
  const { epoch } = a;
  // The last one lacks least.
  for (const [i, store] of lagging.entries()) {
    await append(a, puts("t", `${i}`));
    await store.fence();
    isCut.add(i);
  }
  await append(a, puts("t", "lost"));
  purge(servers);
  await a[Symbol.asyncDispose]();
  isCut.clear();
  for (const cut of cuts) cut.resolve();
  await servers.pass(60_000);
  const [first] = lagging;
  await append(first!, puts("t", "more"));
  for (const store of lagging) {
    await store.fence();
    assertEquals(store.findFault(), undefined);
    assertEquals(await texts(store), await texts(first!));
    assertEquals(store.epoch, first!.epoch);
    assertNotEquals(store.epoch, epoch);
  }
});

Deno.test("a new server without a snapshot of what the log has lost says so", async () => {
  await using servers = new ReplicatedStores();
  const a = await servers.open();
  await append(a, puts("t", "1"));
  await a[Symbol.asyncDispose]();
  purge(servers, 2);
  const opening = servers.open();
  const refused = assertRejects(() => opening, Error, "there is no snapshot of what was before");
  await servers.pass(30_000);
  await refused;
});

Deno.test("a log that was restored, and has grown past a server that was cut off, is not gone on with by that server", async () => {
  await using servers = new ReplicatedStores();
  let isCut = false;
  const refuse = () => {
    if (isCut) throw new LogError("unavailable", "it is cut off");
  };
  const a = await servers.open();
  const b = await servers.open({ disturb: refuse });
  const { epoch } = b;
  await append(a, puts("t", "1"));
  const { shared } = servers;
  const backup = [...shared.entries];
  await append(a, puts("t", "lost"));
  await b.fence();
  isCut = true;
  await a[Symbol.asyncDispose]();
  shared.id = crypto.randomUUID();
  shared.entries = [...backup];
  const opening = servers.open();
  // The one that is cut off does not answer it.
  await servers.pass(2000);
  const c = await opening;
  await append(c, puts("t", "2", "3"));
  await append(c, puts("t", "4"));
  assert(shared.last > backup.length + 2, "it has grown past what the other server has applied");
  const pending = outcomes(b, [put("t", "5")]);
  isCut = false;
  await servers.pass(8000);
  // It is stored behind what is there, and nobody was told of it before.
  assertEquals(await pending, [5]);
  assertEquals(await texts(b), ["1", "2", "3", "4", "5"]);
  await c.fence();
  assertEquals(await texts(c), ["1", "2", "3", "4", "5"]);
  assertNotEquals(b.epoch, epoch);
  assertEquals((await b.topicBounds([{ epoch }]))[0]!.end, 1);
});

/** Brings a record of a message with another body than it has. */
class DamagingLog extends MemoryRecordLog {
  isDamaging = false;

  override async *tail(after: number, signal: AbortSignal): AsyncGenerator<LogEntry> {
    for await (const entry of super.tail(after, signal)) {
      const text = new TextDecoder().decode(entry.record);
      if (!this.isDamaging || !text.includes("right")) yield entry;
      else yield { ...entry, record: new TextEncoder().encode(text.replace("right", "wrong")) };
    }
  }
}

Deno.test("a server that has applied something else than the others is made anew, and nobody believes its records", async () => {
  await using servers = new ReplicatedStores();
  const [a, b] = [await servers.open(), await servers.open()];
  const log = new DamagingLog(servers.shared);
  const c = await servers.open({ log });
  const told: (string | undefined)[] = [];
  c.watch((reason) => told.push(reason));
  const { epoch } = c;
  log.isDamaging = true;
  await append(a, puts("t", "right"));
  await servers.settle();
  assertEquals(await texts(c), ["wrong"]);
  log.isDamaging = false;
  await append(b, puts("t", "2"));
  await append(a, puts("t", "3"));
  const pending = outcomes(c, [put("t", "4")]);
  await servers.pass(3000);
  assertEquals(await pending, [4]);
  for (const store of [a, b, c]) {
    await store.fence();
    assertEquals(await texts(store), ["right", "2", "3", "4"]);
    assertEquals(store.findFault(), undefined);
  }
  assertEquals([told.length, told[1]], [2, undefined]);
  // Its clients may have read what nobody else has.
  assertNotEquals(c.epoch, epoch);
});

Deno.test("a server whose database fails goes back to where it was saved, and brings no message twice", async () => {
  await using servers = new ReplicatedStores();
  const { failing, failOn } = watchEngine();
  const a = await servers.open();
  const b = await servers.open({ engine: failing });
  const { epoch } = b;
  using feed = await Feed.open(b);
  await append(a, Array.from({ length: 1500 }, (_, i) => put("t", `${i}`)));
  await b.fence();
  await servers.pass(2000);
  await append(a, puts("t", "saved before"));
  failOn(nth(1, "INSERT INTO runs"));
  // The buffer is full: it is flushed with what comes next.
  await append(a, Array.from({ length: 1500 }, (_, i) => put("u", `${i}`)));
  const pending = outcomes(b, [put("v", "x")]);
  await servers.pass(3000);
  assertEquals(await pending, [3002]);
  assertEquals(feed.messages.map(({ seq }) => seq), Array.from({ length: 3002 }, (_, i) => i + 1));
  assertEquals([feed.errors, b.epoch, b.findFault()], [[], epoch, undefined]);
  assertEquals(await texts(b, "u"), await texts(a, "u"));
});

/** Somebody deletes the log and makes it anew, with these records. */
function makeAnew({ shared }: ReplicatedStores, entries: readonly LogEntry[] = []): void {
  shared.id = crypto.randomUUID();
  shared.first = 1;
  shared.entries = [...entries];
  shared.wake();
}

Deno.test("servers whose log is made anew while records are under way go on in it, and do not flood it", async () => {
  await using servers = new ReplicatedStores();
  const cuts: (PromiseWithResolvers<void> | undefined)[] = [];
  const all = [];
  for (const i of [0, 1]) {
    const disturb = (what: string) => what === "append" ? cuts[i]?.promise : undefined;
    all.push(await servers.open({ disturb }));
  }
  const [a] = all as [typeof all[0]];
  await append(a, puts("t", "lost"));
  const { epoch } = a;
  for (const i of [0, 1]) cuts[i] = Promise.withResolvers();
  // Each of them has several records under way.
  const pending = all.flatMap((store) =>
    Array.from({ length: 8 }, (_, i) => outcomes(store, [put("t", `${i} ${"x".repeat(300_000)}`)]))
  );
  await servers.settle();
  makeAnew(servers);
  for (const cut of cuts.splice(0)) cut!.resolve();
  await servers.pass(4000);
  await Promise.all(pending);
  await servers.pass(4000);
  for (const store of all) {
    assertEquals([store.findFault(), store.epoch !== epoch], [undefined, true]);
    assertEquals((await outcomes(store, [put("u", "new")])).length, 1);
  }
  await a.fence();
  assertEquals((await texts(a, "u")).length, 2);
  const { length } = servers.shared.entries;
  assert(length < 200, `it has ${length} records`);
});
