/**
 * A server whose database fails in the middle of a record, or of a read: it must not go on with a part of a change.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Engine } from "../../../stores/engine.ts";
import type { ReplicatedStore } from "../../../stores/replicated/replicated_store.ts";
import { type Store, StoreError } from "../../../stores/store.ts";
import { claim, finish, open, stateOf } from "../../../testing/store/group_support.ts";
import { append, put, read, texts } from "../../../testing/store/support.ts";
import { nth, watchEngine } from "../../contracts/failing_engine.ts";
import type { Disturb } from "../../support/memory_record_logs.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

/** How many messages there are: claims read several pages of them. */
const STORED = 1500;

/** What fails while jobs are claimed. */
const FAILURES: Record<string, (sql: string) => boolean> = {
  "the first jobs cannot be read": nth(1, "SELECT last, first, times, bodies"),
  "jobs cannot be read after it has given some": nth(2, "SELECT last, first, times, bodies"),
  "it cannot make room for what it reads after it has given some": nth(2, "INSERT INTO runs"),
};

for (const [failure, fails] of Object.entries(FAILURES)) {
  Deno.test(`a server has given the same jobs as the others though its database fails: ${failure}`, async () => {
    await using servers = new ReplicatedStores();
    const { failing, failOn } = watchEngine();
    const a = await servers.open();
    const b = await servers.open({ engine: failing });
    await append(a, Array.from({ length: STORED }, (_, i) => put("t", `${i}`)));
    await open(a, "worker");
    await b.fence();
    // From now on: it may be saved before the jobs are claimed, which writes the same.
    const hits: string[] = [];
    failOn((sql) => fails(sql) && hits.push(sql) > 0);
    await append(a, [...numbers("u", 100), ...numbers("t", 100)]);
    const jobs = await claim(a, "worker", STORED + 100);
    await servers.pass(3000);
    await b.fence();
    assertEquals([hits.length, jobs.length], [1, STORED + 100]);
    assertEquals(await stateOf(b), await stateOf(a));
    // It goes on, and nobody says that it differs.
    const { lost } = await finish(b, jobs.slice(0, 500));
    await a.fence();
    assertEquals([lost, (await stateOf(a)).done, b.findFault()], [[], 500, undefined]);
    assertEquals(await texts(b), await texts(a));
  });
}

Deno.test("a read that finds a failed database brings nothing twice, and the server goes on from what was saved", async () => {
  await using servers = new ReplicatedStores();
  const { failing, failOn, executed } = watchEngine();
  const a = await servers.open();
  const b = await servers.open({ engine: failing });
  const { epoch } = b;
  const all = { topic: "t", count: 10_000 };
  await append(a, numbers("t", 100));
  await b.fence();
  await b.topics({ prefix: "", after: "", count: 10 });
  // What comes now is in the write buffer, behind what is in the table; unless it is saved, which is done by the real time.
  do {
    executed.length = 0;
    await append(a, [...numbers("t", 100), ...numbers("u", 100)]);
    await b.fence();
  } while (executed.some((sql) => sql.startsWith("INSERT INTO runs")));
  failOn(nth(2, "INSERT INTO runs"));
  const { message } = await assertRejects(() => read(b, all), StoreError);
  assertEquals(message, "Cannot read messages: the disk is full");
  // Nothing comes from the log meanwhile.
  await servers.pass(2000);
  const { messages } = await read(b, all);
  assertEquals(messages, (await read(a, all)).messages);
  assertEquals([b.epoch, b.findFault()], [epoch, undefined]);
});

Deno.test("a server that went back serves nothing until it has all again, and the database is in order", async () => {
  await using servers = new ReplicatedStores();
  const { failing, failOn } = watchEngine();
  let cut: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({
    engine: failing,
    disturb: (what) => what === "tail" ? cut?.promise : undefined,
  });
  const told: (string | undefined)[] = [];
  b.watch((reason) => told.push(reason));
  failOn((sql) => sql.startsWith("INSERT INTO runs"));
  await failToWrite(a, b);
  cut = Promise.withResolvers();
  await servers.pass(2000);
  const reason = "Cannot use the replica: the disk is full";
  assertEquals([b.findFault(), told], [reason, [reason]]);
  assertEquals((await assertRejects(() => b.fence(), StoreError)).code, "behind");
  // All comes again, but it cannot be saved.
  cut.resolve();
  cut = undefined;
  await servers.pass(2000);
  assertEquals([b.findFault(), told], [reason, [reason]]);
  failOn(() => {});
  await servers.pass(2000);
  assertEquals([b.findFault(), told], [undefined, [reason, undefined]]);
  assertEquals(await texts(b), await texts(a));
});

Deno.test("a server whose file cannot be opened again serves nothing until it can", async () => {
  await using servers = new ReplicatedStores();
  const { failing, failOn } = watchEngine();
  let isBroken = false;
  const open: Engine["open"] = (path) => {
    if (isBroken) throw new Error("disk I/O error");
    return failing.open(path);
  };
  const path = await Deno.makeTempFile();
  const a = await servers.open();
  const b = await servers.open({ engine: { ...failing, open }, path });
  const { ino } = await Deno.stat(path);
  failOn((sql) => sql.startsWith("INSERT INTO runs"));
  await failToWrite(a, b);
  isBroken = true;
  await servers.pass(2000);
  assertEquals(b.findFault(), "Cannot use the replica: the disk is full");
  isBroken = false;
  failOn(() => {});
  await servers.pass(2000);
  assertEquals(b.findFault(), undefined);
  assertEquals(await texts(b), await texts(a));
  // It is the same file: that it could not be opened says nothing of what is in it.
  assertEquals((await Deno.stat(path)).ino, ino);
  await b[Symbol.asyncDispose]();
  await Deno.remove(path);
});

Deno.test("a server whose file turns out to be damaged is made anew from a snapshot, and no epoch begins", async () => {
  await using servers = new ReplicatedStores();
  const { failing, failOn } = watchEngine();
  let isDamaged = false;
  const open: Engine["open"] = (path) => {
    if (isDamaged && !(isDamaged = false)) throw new Error("database disk image is malformed");
    return failing.open(path);
  };
  let cut: PromiseWithResolvers<void> | undefined;
  const disturb: Disturb = (what) => what === "tail" ? cut?.promise : undefined;
  const a = await servers.open();
  const b = await servers.open({ engine: { ...failing, open }, disturb });
  failOn((sql) => sql.startsWith("INSERT INTO runs"));
  await failToWrite(a, b);
  failOn(() => {});
  isDamaged = true;
  cut = Promise.withResolvers();
  // The log has not all any more.
  for (const text of ["1", "2"]) {
    await append(a, [put("u", text)]);
    await a.makeSnapshot();
  }
  cut.resolve();
  cut = undefined;
  await servers.pass(5000);
  assert(servers.shared.first > 1);
  assertEquals([b.findFault(), b.epoch], [undefined, a.epoch]);
  assertEquals([a.epochEnds.size, await texts(b)], [0, await texts(a)]);
});

Deno.test("a server that went back, and gets other records than before, tells its clients so", async () => {
  await using servers = new ReplicatedStores();
  const { failing, failOn } = watchEngine();
  const b = await servers.open({ engine: failing });
  const { shared } = servers;
  const backup = shared.entries.length;
  const { epoch } = b;
  failOn((sql) => sql.startsWith("INSERT INTO runs"));
  await failToWrite(b, b);
  failOn(() => {});
  // Before it reads the log again, somebody restores it, and another server writes as much as there was.
  const lost = shared.entries.length - backup;
  shared.entries = shared.entries.slice(0, backup);
  for (let i = 0; i < lost; i++) shared.append(new Uint8Array(0));
  await servers.pass(5000);
  assertEquals(b.findFault(), undefined);
  assertNotEquals(b.epoch, epoch);
  assertEquals(await texts(b), []);
});

/** Puts messages at one server until another one cannot write what is in its buffer: before it reads, or to save it. */
async function failToWrite(a: Store, b: ReplicatedStore): Promise<void> {
  for (let i = 0; i < 100; i++) {
    await append(a, numbers("t", 100));
    try {
      await b.fence();
      await b.topics({ prefix: "", after: "", count: 10 });
    } catch {
      return;
    }
  }
  throw new Error("nothing has failed");
}

function numbers(topic: string, count: number) {
  return Array.from({ length: count }, (_, i) => put(topic, `${i}`));
}
