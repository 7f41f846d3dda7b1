import { assertEquals, assertNotEquals } from "@std/assert";
import { RECENT } from "../../../stores/replicated/digest_chain.ts";
import {
  type LogEntry,
  LogError,
  type LogState,
  type SnapshotName,
  type Snapshots,
} from "../../../stores/replicated/record_log.ts";
import { append, outcomes, put, puts, texts } from "../../../testing/store/support.ts";
import { MemoryRecordLog } from "../../support/memory_record_logs.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

/** Brings records of a message with another body than they have. */
class DamagingLog extends MemoryRecordLog {
  isDamaging = true;

  override async *tail(after: number, signal: AbortSignal): AsyncGenerator<LogEntry> {
    for await (const entry of super.tail(after, signal)) {
      const text = new TextDecoder().decode(entry.record);
      if (!this.isDamaging || !text.includes("right")) yield entry;
      else yield { ...entry, record: new TextEncoder().encode(text.replace("right", "wrong")) };
    }
  }
}

Deno.test("of two servers that differ the wrong one is made anew for good, and a put that was under way is stored once", async () => {
  await using servers = new ReplicatedStores();
  const a = await servers.open();
  const log = new DamagingLog(servers.shared);
  const b = await servers.open({ log });
  await append(a, puts("t", "right"));
  await servers.settle();
  assertEquals(await texts(b), ["wrong"]);
  log.isDamaging = false;
  const told: (string | undefined)[] = [];
  a.watch((reason) => told.push(reason));
  const pending = [outcomes(b, [put("t", "of the wrong one")]), outcomes(a, [put("t", "2")])];
  await servers.pass(10_000);
  assertEquals((await Promise.all(pending))[1], [2]);
  assertEquals(await outcomes(b, [put("t", "3")]), [3]);
  await a.fence();
  for (const store of [a, b]) {
    assertEquals(store.findFault(), undefined);
    assertEquals(await texts(store), ["right", "2", "3"]);
  }
  // It is made anew once, since nobody can say which of two is right, and the other one begins an epoch.
  assertEquals([told.length, told[1], told[2], told[3]], [
    4,
    undefined,
    "another epoch has begun",
    undefined,
  ]);
});

Deno.test("a server that is wrong in the same way each time ends, and the others go on", async () => {
  await using servers = new ReplicatedStores();
  const log = new DamagingLog(servers.shared);
  const [a, b, c] = [await servers.open(), await servers.open(), await servers.open({ log })];
  const told: (string | undefined)[] = [];
  for (const store of [a, b]) store.watch((reason) => told.push(reason));
  await append(a, puts("t", "right"));
  await servers.settle();
  await append(b, puts("t", "2"));
  await append(a, puts("t", "3"));
  await servers.pass(10_000);
  const fault =
    "other servers have applied something else than this one, also after it was made anew";
  assertEquals([c.findFault(), told], [fault, []]);
  for (const store of [a, b]) assertEquals(await texts(store), ["right", "2", "3"]);
});

Deno.test("a log that came back older has records of servers that did not know: the servers go on all the same", async () => {
  await using servers = new ReplicatedStores();
  let cut: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({ disturb: (what) => what === "tail" ? cut?.promise : undefined });
  await append(a, puts("t", "1"));
  await b.fence();
  const { shared } = servers;
  const backup = [...shared.entries];
  await append(a, puts("t", "lost"));
  await b.fence();
  cut = Promise.withResolvers();
  [shared.id, shared.entries] = [crypto.randomUUID(), backup];
  const early = outcomes(b, [put("t", "under way")]);
  await servers.pass(500);
  cut.resolve();
  cut = undefined;
  shared.wake();
  await servers.pass(10_000);
  await early;
  for (const store of [a, b]) assertEquals(store.findFault(), undefined);
  assertEquals(await outcomes(a, [put("t", "2")]).then((all) => typeof all[0]), "number");
  await b.fence();
  assertEquals(await texts(b), await texts(a));
  assertEquals(b.epoch, a.epoch);
});

Deno.test("a server that cannot be made anew at first, since the log does not answer, is later", async () => {
  await using servers = new ReplicatedStores();
  class SilentLog extends DamagingLog {
    isSilent = false;
    override state(): Promise<LogState> {
      if (this.isSilent) throw new LogError("unavailable", "it does not answer");
      return super.state();
    }
  }
  const log = new SilentLog(servers.shared);
  const [a, b, c] = [await servers.open(), await servers.open(), await servers.open({ log })];
  await append(a, puts("t", "right"));
  await servers.settle();
  assertEquals(await texts(c), ["wrong"]);
  [log.isDamaging, log.isSilent] = [false, true];
  await append(a, puts("t", "2"));
  await append(b, puts("t", "3"));
  await servers.pass(3000);
  assertEquals(c.findFault(), "other servers have applied something else than this one");
  log.isSilent = false;
  await servers.pass(3000);
  assertEquals(c.findFault(), undefined);
  assertEquals(await texts(c), ["right", "2", "3"]);
});

Deno.test("a server that starts with a file of what the log has lost begins an epoch", async () => {
  const folder = await Deno.makeTempDir();
  {
    await using servers = new ReplicatedStores();
    const path = `${folder}/replica.db`;
    const before = await servers.open({ path });
    const { epoch } = before;
    await append(before, puts("t", "1"));
    const backup = [...servers.shared.entries];
    await append(before, puts("t", "lost"));
    await before[Symbol.asyncDispose]();
    servers.shared.entries = backup;
    const after = await servers.open({ path });
    await servers.pass(3000);
    assertEquals(after.findFault(), undefined);
    assertNotEquals(after.epoch, epoch);
    const [bounds] = await after.topicBounds([{ epoch }]);
    assertEquals(bounds!.end, 1);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a server that closes while its snapshot is stored does close", async () => {
  await using servers = new ReplicatedStores();
  const [written, stored] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  class SlowLog extends MemoryRecordLog {
    override get snapshots(): Snapshots {
      const { snapshots } = servers.shared;
      return {
        ...super.snapshots,
        write: async ({ position, digest }: SnapshotName, parts: AsyncIterable<Uint8Array>) => {
          const chunks = await Array.fromAsync(parts);
          snapshots.set(`${position}-${digest}`, chunks[0]!);
          written.resolve();
          await stored.promise;
        },
      };
    }
  }
  const store = await servers.open({ log: new SlowLog(servers.shared) });
  await append(store, puts("t", "1"));
  const making = store.makeSnapshot();
  await written.promise;
  const closing = store[Symbol.asyncDispose]();
  stored.resolve();
  await making;
  await closing;
});

Deno.test("a server that was away for longer than anybody knows the digests begins no epoch: nothing is lost", async () => {
  await using servers = new ReplicatedStores();
  let cut: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({ disturb: (what) => what === "tail" ? cut?.promise : undefined });
  await append(a, puts("t", "1"));
  await b.fence();
  const { epoch } = a;
  cut = Promise.withResolvers();
  for (let i = 0; i < RECENT.records; i++) servers.shared.append(new Uint8Array(0));
  for (const text of ["2", "3"]) {
    await append(a, puts("t", text));
    await a.makeSnapshot();
  }
  cut.resolve();
  cut = undefined;
  await servers.pass(3000);
  assertEquals([b.findFault(), b.epoch, a.epoch], [undefined, epoch, epoch]);
  assertEquals(await texts(b), ["1", "2", "3"]);
});
