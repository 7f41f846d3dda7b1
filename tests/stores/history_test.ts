/**
 * A history when files are copied, restored, served twice, or lose what the disk did not have: no number
 * is trusted outside its epoch.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore, type FileStoreOptions } from "../../stores/file_store.ts";
import type { EpochPosition } from "../../stores/store.ts";
import {
  append,
  numbered,
  outcomes,
  put,
  puts,
  RETENTION,
  texts,
  trim,
} from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** Files in their own folder, and the stores that have them open. */
class Histories implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly #folder = Deno.makeTempDirSync();
  readonly #open = new Set<FileStore>();

  /** Opens a file. */
  open(
    name: string,
    options: Pick<Partial<FileStoreOptions>, "limits" | "retention"> = {},
  ): FileStore {
    const store = new FileStore({
      path: `${this.#folder}/${name}`,
      engine: nodeSqlite,
      clock: this.clock,
      durability: "process",
      retention: RETENTION,
      ...options,
    });
    this.#open.add(store);
    return store;
  }

  /** Copies a file with its log, as both are now. */
  copy(from: string, to: string): void {
    for (const part of ["", "-wal"]) {
      const [source, target] = [`${this.#folder}/${from}${part}`, `${this.#folder}/${to}${part}`];
      if (exists(target)) Deno.removeSync(target);
      if (exists(source)) Deno.copyFileSync(source, target);
    }
  }

  /** Removes the end of a log, as a power failure does. */
  lose(name: string, bytes: number): void {
    const path = `${this.#folder}/${name}-wal`;
    Deno.truncateSync(path, Deno.statSync(path).size - bytes);
  }

  async close(store: FileStore): Promise<void> {
    this.#open.delete(store);
    await store[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#open) await store[Symbol.asyncDispose]();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Where each position's epoch ends in a store, and whether the store would recognize all that a session stored after it. */
async function standingOf(store: FileStore, ...known: EpochPosition[]) {
  const standings = await store.topicBounds(known);
  const remembered = await Promise.all(
    known.map((position) => store.isDedupComplete("s", position)),
  );
  return standings.map(({ end }, i) => [end, remembered[i]]);
}

for (const closed of [true, false]) {
  Deno.test(
    `an older file that is brought back is noticed, also one that was ${
      closed ? "closed cleanly" : "copied while it was open"
    }, also twice`,
    async () => {
      await using files = new Histories();
      let store = files.open("queue.db");
      const first = store.epoch;
      await append(store, [numbered("s", 1), put("t")]);
      if (closed) await files.close(store);
      files.copy("queue.db", "backup.db");
      if (closed) store = files.open("queue.db");
      const second = store.epoch;
      await append(store, [numbered("s", 2), put("t"), put("t")]);
      await files.close(store);
      const positions = [
        { epoch: first, seq: 2 },
        { epoch: first, seq: 3 },
        { epoch: second, seq: 5 },
      ];
      const then = closed ? undefined : 2;
      const expected = [[2, true], [2, false], [then, false]];
      const epochs = new Set([first, second]);
      for (let time = 0; time < 2; time++) {
        files.copy("backup.db", "queue.db");
        store = files.open("queue.db");
        epochs.add(store.epoch);
        assertEquals(await standingOf(store, ...positions), expected);
        // Numbers are used again, in an epoch of their own.
        await append(store, [numbered("s", 2), put("t"), put("t")]);
        assertEquals(await standingOf(store, ...positions), expected);
        positions.push({ epoch: store.epoch, seq: 5 });
        expected.push([5, true]);
        assertEquals(await standingOf(store, ...positions), expected);
        await files.close(store);
        // The next restored file knows nothing of this one.
        expected[expected.length - 1] = [undefined, false];
      }
      assertEquals(epochs.size, closed ? 4 : 3);
    },
  );
}

Deno.test("two servers on copies of a file can be told apart, and agree on what they shared", async () => {
  await using files = new Histories();
  let one = files.open("one.db");
  const shared = { epoch: one.epoch, seq: 2 };
  await append(one, puts("t", "1", "2"));
  await files.close(one);
  files.copy("one.db", "two.db");
  one = files.open("one.db");
  const two = files.open("two.db");
  assertEquals(one.id, two.id, "a copied file keeps its name");
  await append(one, puts("t", "3 of one", "4 of one", "5 of one"));
  await append(two, puts("t", "3 of two"));
  const [ofOne, ofTwo] = [{ epoch: one.epoch, seq: 3 }, { epoch: two.epoch, seq: 3 }];
  const after = { epoch: shared.epoch, seq: 3 };
  assertEquals(await standingOf(one, shared, ofOne, ofTwo, after), [
    [2, true],
    [5, true],
    [undefined, false],
    [2, false],
  ]);
  assertEquals(await standingOf(two, shared, ofOne, ofTwo, after), [
    [2, true],
    [undefined, false],
    [3, true],
    [2, false],
  ]);
});

Deno.test("messages lost in a power failure are beyond the end of their epoch", async () => {
  await using files = new Histories();
  const store = files.open("queue.db");
  const { epoch } = store;
  for (let n = 1; n <= 6; n++) await append(store, [numbered("s", n)]);
  files.copy("queue.db", "lost.db");
  // The last frame of the last transaction: without it, the transaction never happened.
  files.lose("lost.db", 100);
  const after = files.open("lost.db");
  assertEquals(await texts(after), ["s 1", "s 2", "s 3", "s 4", "s 5"]);
  const known = [5, 6].map((seq) => ({ epoch, seq }));
  assertEquals(await standingOf(after, ...known), [[5, true], [5, false]]);
  await append(after, [put("t", "another 6"), put("t")]);
  assertEquals(
    await standingOf(after, ...known),
    [[5, true], [5, false]],
    "another message has its number now",
  );
  // A client that knows no more than what is left repeats what was lost, and it is stored once.
  assertEquals(await outcomes(after, [numbered("s", 5), numbered("s", 6)]), ["dup 5", 8]);
});

Deno.test("a power failure that loses the opening of a store loses its epoch as well", async () => {
  await using files = new Histories();
  let store = files.open("queue.db");
  const first = { epoch: store.epoch, seq: 1 };
  await append(store, [put("t")]);
  await files.close(store);
  files.copy("queue.db", "before.db");
  store = files.open("queue.db");
  const second = { epoch: store.epoch, seq: 2 };
  await append(store, [put("t")]);
  await files.close(store);
  store = files.open("before.db");
  assertEquals(await standingOf(store, first, second), [[1, true], [undefined, false]]);
});

Deno.test("in a file whose last time is in the future, nothing expires early, and nothing lives forever", async () => {
  await using files = new Histories();
  const YEAR = 31_536_000_000;
  files.clock.jump(YEAR);
  let store = files.open("queue.db");
  const [message] = await append(store, [put("t", "from the future")]);
  await files.close(store);
  files.clock.jump(-YEAR);
  store = files.open("queue.db");
  files.clock.advance(RETENTION - 1);
  assertEquals(await texts(store), ["from the future"]);
  assertEquals((await store.bounds()).time, message!.time + RETENTION - 1);
  files.clock.advance(1);
  assertEquals(await texts(store), []);
  const [gone] = await store.topicBounds([{ topic: "t" }]);
  assertEquals(gone!.gone, { seq: 1, at: message!.time + RETENTION });
});

Deno.test("with a shorter retention, old messages are gone when the file is opened", async () => {
  await using files = new Histories();
  const start = files.clock.now();
  let store = files.open("queue.db");
  await append(store, puts("old", "1", "2"));
  files.clock.advance(1000);
  await append(store, [put("t")]);
  files.clock.advance(9000);
  await files.close(store);
  const opened = files.clock.now();
  for (let time = 0; time < 3; time++) {
    store = files.open("queue.db", { retention: 2000 });
    files.clock.advance(10);
    // A client may have used the store until it was closed, and could have read them until then.
    const standings = await store.topicBounds([{ topic: "old" }, { topic: "t" }, { topic: "u" }]);
    const expected = [{ seq: 2, at: opened + 1 }, { seq: 3, at: opened + 1 }, undefined];
    assertEquals(standings.map(({ gone }) => gone), expected);
    if (time === 1) { while (await trim(store, 1000)); }
    await files.close(store);
  }
  // Those that had expired before were gone from then on.
  files.clock.advance(RETENTION);
  store = files.open("longer.db");
  await append(store, [put("t")]);
  files.clock.advance(RETENTION + 5);
  await files.close(store);
  store = files.open("longer.db", { retention: 2000 });
  const [standing] = await store.topicBounds([{ topic: "t" }]);
  assertEquals(standing!.gone, { seq: 1, at: start + 10_030 + 2 * RETENTION });
});

Deno.test("the time at which a message was dropped is known after a restart, or reported later than it was", async () => {
  await using files = new Histories();
  const limits = { storedBytes: 3 * 111, overflow: "drop-oldest" } as const;
  const message = (topic: string) => put(topic, "12345678");
  const gone = async (store: FileStore) =>
    (await store.topicBounds([{ topic: "t" }, { topic: "u" }])).map(({ gone }) => gone!);
  const start = files.clock.now();
  const store = files.open("queue.db", { limits });
  await append(store, [message("t"), message("u"), message("t")]);
  for (let i = 0; i < 3; i++) {
    files.clock.advance(100);
    await append(store, [message("v")]);
  }
  assertEquals(await gone(store), [{ seq: 3, at: start + 301 }, { seq: 2, at: start + 201 }]);
  await files.close(store);
  for (const { seq, at } of await gone(files.open("queue.db", { limits }))) {
    assert(at > start + seq * 100 && at <= start + 301, `${seq} went at ${at - start}`);
  }
});
