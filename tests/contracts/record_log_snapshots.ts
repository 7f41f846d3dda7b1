/**
 * The contract of a log: snapshots.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { LogError, type SnapshotName, type Snapshots } from "../../stores/replicated/record_log.ts";
import type { ProveLog } from "./record_log.ts";

const NAME = { position: 7, digest: "0a1b" };

/** Promises of snapshots. */
export const recordLogSnapshots: Readonly<Record<string, ProveLog>> = {
  "a snapshot is read as it was written, by all who open the log": async (open, name) => {
    await using log = await open(name);
    await using other = await open(name);
    assertEquals(await log.snapshots.list(), []);
    const sizes = [1, 0, 700_000, 3, 262_144, 262_145];
    await log.snapshots.write(NAME, parts(sizes));
    assertEquals(await other.snapshots.list(), [NAME]);
    const expected = joined(await Array.fromAsync(parts(sizes)));
    assertEquals(differs(await read(other.snapshots, NAME), expected), -1);
    assertEquals(differs(await read(log.snapshots, NAME), expected), -1);
  },

  "an empty snapshot is one": async (open, name) => {
    await using log = await open(name);
    await log.snapshots.write(NAME, parts([]));
    assertEquals(await log.snapshots.list(), [NAME]);
    assertEquals((await read(log.snapshots, NAME)).length, 0);
  },

  "snapshots are listed from the newest to the oldest": async (open, name) => {
    await using log = await open(name);
    const names = [9, 1000, 10].map((position) => ({ position, digest: "ff" }));
    for (const each of names) await log.snapshots.write(each, parts([10]));
    const listed = await log.snapshots.list();
    assertEquals(listed.map(({ position }) => position), [1000, 10, 9]);
  },

  "two snapshots at one position are told apart by their digest": async (open, name) => {
    await using log = await open(name);
    await log.snapshots.write({ position: 5, digest: "aa" }, parts([1]));
    await log.snapshots.write({ position: 5, digest: "bb" }, parts([2]));
    const listed = await log.snapshots.list();
    assertEquals(listed.map(({ digest }) => digest).sort(), ["aa", "bb"]);
    assertEquals((await read(log.snapshots, { position: 5, digest: "bb" })).length, 2);
  },

  "a snapshot is not there before it is complete": async (open, name) => {
    await using log = await open(name);
    const arrived = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const writing = log.snapshots.write(
      NAME,
      async function* () {
        yield* parts([600_000]);
        arrived.resolve();
        await end.promise;
        yield* parts([600_000]);
      }(),
    );
    await arrived.promise;
    assertEquals(await log.snapshots.list(), []);
    await assertRejects(() => read(log.snapshots, NAME), LogError);
    end.resolve();
    await writing;
    assertEquals(await log.snapshots.list(), [NAME]);
  },

  "a snapshot whose parts end with an error is none, and the error is told": async (open, name) => {
    await using log = await open(name);
    const failing = async function* () {
      yield* parts([600_000]);
      throw new RangeError("no more");
    };
    await assertRejects(() => log.snapshots.write(NAME, failing()), RangeError, "no more");
    assertEquals(await log.snapshots.list(), []);
    await assertRejects(() => read(log.snapshots, NAME), LogError);
    await log.snapshots.write(NAME, parts([5]));
    assertEquals((await read(log.snapshots, NAME)).length, 5);
  },

  "a snapshot that is written again takes the place of the first": async (open, name) => {
    await using log = await open(name);
    await log.snapshots.write(NAME, parts([300_000]));
    await log.snapshots.write(NAME, parts([5]));
    assertEquals(await log.snapshots.list(), [NAME]);
    assertEquals((await read(log.snapshots, NAME)).length, 5);
  },

  "a snapshot that is deleted is gone, once and twice, and the others stay": async (open, name) => {
    await using log = await open(name);
    const other = { position: 8, digest: "cc" };
    await log.snapshots.write(NAME, parts([300_000]));
    await log.snapshots.write(other, parts([300_000]));
    await log.snapshots.delete(NAME);
    await log.snapshots.delete(NAME);
    assertEquals(await log.snapshots.list(), [other]);
    await assertRejects(() => read(log.snapshots, NAME), LogError);
    assertEquals((await read(log.snapshots, other)).length, 300_000);
  },

  "reading a snapshot ends by the signal, with its reason": async (open, name) => {
    await using log = await open(name);
    await log.snapshots.write(NAME, parts(Array(50).fill(100_000)));
    const stop = new AbortController();
    const reading = async (signal: AbortSignal) => {
      for await (const _ of log.snapshots.read(NAME, signal)) stop.abort(new RangeError("enough"));
    };
    await assertRejects(() => reading(stop.signal), RangeError, "enough");
    await assertRejects(() => reading(stop.signal), RangeError, "enough");
    assertEquals((await read(log.snapshots, NAME)).length, 5_000_000);
  },

  "a reader of a snapshot may leave it": async (open, name) => {
    await using log = await open(name);
    await log.snapshots.write(NAME, parts([1_000_000]));
    for await (const _ of log.snapshots.read(NAME, new AbortController().signal)) break;
    assertEquals((await read(log.snapshots, NAME)).length, 1_000_000);
  },
};

/** Parts of these sizes. */
async function* parts(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let next = 0;
  for (const size of sizes) {
    await Promise.resolve();
    yield Uint8Array.from({ length: size }, () => next++ % 251);
  }
}

async function read(snapshots: Snapshots, name: SnapshotName): Promise<Uint8Array> {
  return joined(await Array.fromAsync(snapshots.read(name, new AbortController().signal)));
}

function joined(all: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of all) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

/** Where two texts of bytes first differ; -1 if nowhere. */
function differs(one: Uint8Array, other: Uint8Array): number {
  if (one.length !== other.length) return Math.min(one.length, other.length);
  return one.findIndex((byte, i) => byte !== other[i]);
}
