/**
 * What a store promises about commands: their results depend on them and their times, and on nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { type Command, type Gone, type Store, StoreError } from "../../stores/store.ts";
import {
  type Bench,
  numbered,
  type Promises,
  put,
  puts,
  RETENTION,
  texts,
  topicNames,
} from "./support.ts";
import { identified } from "./message_ids.ts";
import { ManualClock } from "../manual_clock.ts";
import { type Random, seeded } from "../seeded.ts";

/** Commands, and the times at which they are applied. */
type Step = readonly [time: number, ...commands: Command[]];

/** Ten bytes of body, one of topic and 100 make one message. */
const SIZE = 111;
const message = (topic: string) => put(topic, "12345678");

/** Three stores with different clocks: the first is neither read nor purged, the second is purged, the third is read and purged in part. */
class Alike implements AsyncDisposable {
  readonly #stores: readonly Store[];
  readonly #clocks: readonly ManualClock[];

  private constructor(stores: readonly Store[], clocks: readonly ManualClock[]) {
    this.#stores = stores;
    this.#clocks = clocks;
  }

  static async open(bench: Bench, limits: Partial<StoreLimits> = {}): Promise<Alike> {
    const clocks = [0, 500, 1e12].map((now) => new ManualClock(now));
    const stores = [];
    for (const clock of clocks) stores.push(await bench.another(limits, clock));
    return new Alike(stores, clocks);
  }

  /** Applies commands to each store, and returns their results, which must be the same. */
  async apply(...[time, ...commands]: Step): Promise<unknown[]> {
    const [results, ...others] = await Promise.all(this.#stores.map(async (store) => {
      return shown(await store.apply({ time, commands }));
    }));
    for (const other of others) assertEquals(other, results);
    const [, purged, read] = this.#stores as [Store, Store, Store];
    for (const clock of this.#clocks.slice(1)) clock.advance(RETENTION / 3);
    await purged.trim(1000);
    await read.trim(0.01);
    await texts(read);
    await topicNames(read);
    await read.bounds();
    await read.isDedupComplete("s", { epoch: read.epoch, seq: 0 });
    return results!;
  }

  /** Applies batches in one turn: a store may commit them together. */
  async applyAtOnce(...steps: Step[]): Promise<void> {
    const [first, ...others] = await Promise.all(this.#stores.map(async (store, i) => {
      const results = [];
      for (const [time, ...commands] of steps) {
        const applied = store.apply({ time, commands });
        if (i === 0) await applied;
        results.push(applied);
      }
      return (await Promise.all(results)).map(shown);
    }));
    for (const other of others) assertEquals(other, first);
  }

  /** What is gone of a topic, by each store. */
  async gone(topic: string): Promise<(Gone | undefined)[]> {
    const told = this.#stores.map(async (store) => (await store.topicBounds([{ topic }]))[0]!.gone);
    return await Promise.all(told);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store[Symbol.asyncDispose]();
  }
}

/** Results, in a form to compare. */
function shown(results: readonly (object | StoreError)[]): unknown[] {
  return results.map((result) => {
    if (result instanceof StoreError) return [result.code, result.message];
    const { seq, time, dup } = result as { seq?: number; time?: number; dup?: boolean };
    return { seq, time, dup };
  });
}

const open = (session: string, owner?: string): Command => ({
  type: "open_session",
  session,
  owner,
});
const forget = (session: string): Command => ({ type: "forget_session", session });

export const commands: Promises = {
  async "the times of the commands decide whether a repeated put is recognized, whenever a store is purged"(
    bench,
  ) {
    await using alike = await Alike.open(bench);
    await alike.apply(1000, numbered("s", 1), numbered("u", 1));
    await alike.apply(999 + RETENTION, numbered("u", 1));
    const again = await alike.apply(1000 + RETENTION, numbered("s", 1), numbered("u", 1));
    assertEquals(again, [
      { seq: 3, time: 1000 + RETENTION, dup: undefined },
      { seq: 2, time: undefined, dup: true },
    ]);
    // Also if more have expired than are freed at once.
    const many = Array.from({ length: 600 }, (_, i) => numbered(`many ${i}`, 1));
    await alike.apply(1001 + RETENTION, ...many);
    const last = await alike.apply(1001 + 2 * RETENTION, many[599]!);
    assertEquals(last, [{ seq: 604, time: 1001 + 2 * RETENTION, dup: undefined }]);
  },

  async "the times of the commands decide when messages make room, whenever a store is read and purged"(
    bench,
  ) {
    await using alike = await Alike.open(bench, { storedBytes: 3 * SIZE });
    await alike.apply(1000, message("t"), message("t"), message("t"));
    const full = await alike.apply(999 + RETENTION, message("t"));
    assertEquals((full[0] as string[])[0], "full");
    const stored = await alike.apply(1000 + RETENTION, message("t"));
    assertEquals(stored, [{ seq: 4, time: 1000 + RETENTION, dup: undefined }]);
  },

  async "the times of the commands decide when topics make room, wherever their messages are"(
    bench,
  ) {
    await using alike = await Alike.open(bench, { topics: 2 });
    await alike.apply(1000, put("a"), put("a"));
    await alike.apply(1001, put("b"));
    await alike.apply(1000 + RETENTION, put("c"));
    const full = await alike.apply(1000 + RETENTION, put("a"), put("b"));
    assertEquals((full[0] as string[])[0], "limit_exceeded", "what it held has expired");
    await alike.apply(1001 + RETENTION, put("a"), put("b"), ...puts("c", "1", "2"));
    // Many topics come and go: empty ones do not count, purged or not.
    for (let i = 0; i < 40; i++) {
      const time = (i + 2) * (1001 + RETENTION);
      const results = await alike.apply(time, put(`${i}`), put(`${i}+`), put("too many"));
      assertEquals(results.map((result) => Array.isArray(result)), [false, false, true], `${i}`);
    }
  },

  async "topics make room however many messages there are to purge first"(bench) {
    await using alike = await Alike.open(bench, { topics: 2 });
    // Alternating topics: each message is in a row of its own.
    const many = Array.from({ length: 1500 }, (_, i) => put(i % 2 === 0 ? "a" : "b"));
    await alike.apply(1000, ...many);
    await alike.apply(1000 + RETENTION, put("c"), put("d"));
    assertEquals(await alike.apply(1000 + 2 * RETENTION, put("e")), [
      { seq: 1503, time: 1000 + 2 * RETENTION, dup: undefined },
    ]);
  },

  async "drop-oldest evicts the same messages at the same time, whether or not somebody has read the bounds before"(
    bench,
  ) {
    await using alike = await Alike.open(bench, {
      storedBytes: 3 * SIZE,
      overflow: "drop-oldest",
    });
    await alike.apply(1000, message("t"), message("u"), message("v"));
    await alike.apply(1007, message("w"));
    await alike.apply(1007, message("w"));
    // A reader may have seen them in that very millisecond.
    for (const [topic, seq] of [["t", 1], ["u", 2]] as const) {
      assertEquals(await alike.gone(topic), Array(3).fill({ seq, at: 1008 }));
    }
    await alike.apply(1000 + RETENTION, message("w"), message("w"));
  },

  async "each batch bounds the sessions, however many batches are committed together"(bench) {
    await using alike = await Alike.open(bench, { dedupRuns: 6, dedupWindow: 4 });
    const steps: Step[] = [];
    for (let n = 1; n <= 9; n++) {
      steps.push([1000, numbered("a", 2 * n)], [1000, numbered("b", 2 * n)]);
      steps.push([1001, numbered("a", 2), numbered("b", 2 * n)]);
    }
    steps.push([1002, open("c"), numbered("a", 16), forget("b"), numbered("b", 1)]);
    await alike.applyAtOnce(...steps);
    await alike.applyAtOnce(
      ...["a", "b", "c"].map((session): Step => [1003, numbered(session, 12)]),
    );
  },

  async "commands have the time that they come with, or the time of the last commands if that is later"(
    bench,
  ) {
    await using alike = await Alike.open(bench);
    assertEquals(await alike.apply(1000, put("t")), [{ seq: 1, time: 1000, dup: undefined }]);
    assertEquals(await alike.apply(900, put("t")), [{ seq: 2, time: 1000, dup: undefined }]);
    assertEquals(await alike.apply(2000), []);
    assertEquals(await alike.apply(1500, put("t")), [{ seq: 3, time: 2000, dup: undefined }]);
  },

  async "sessions are opened and forgotten in the order of the commands"(bench) {
    await using alike = await Alike.open(bench);
    const results = await alike.apply(
      1000,
      open("s", "me"),
      numbered("s", 1),
      forget("s"),
      numbered("s", 1),
      numbered("s", 1),
    );
    const seqs = results.map((result) => (result as { seq?: number }).seq);
    assertEquals(seqs, [undefined, 1, undefined, 2, 2]);
    await alike.applyAtOnce([1001, forget("s")], [1001, numbered("s", 1)], [1001, forget("s")]);
    assertEquals(await alike.apply(1002, numbered("s", 1)), [
      { seq: 4, time: 1002, dup: undefined },
    ]);
  },

  async "stores with the same commands give the same results, whatever the commands are"(bench) {
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed);
      await using alike = await Alike.open(bench, {
        topics: 3,
        storedBytes: 24 * SIZE,
        overflow: seed === 1 ? "reject" : "drop-oldest",
        dedupRuns: 8,
        dedupWindow: 6,
      });
      let time = 1000;
      const last = new Map<string, number>();
      for (let step = 0; step < 60; step++) {
        time += [0, 0, 1, 7, RETENTION / 7, RETENTION][random(6)]!;
        const steps = Array.from({ length: 1 + random(4) }, (): Step => {
          return [
            time - random(3),
            ...Array.from({ length: random(5) }, () => draw(random, last)),
          ];
        });
        if (random(3) === 0) await alike.applyAtOnce(...steps);
        else for (const one of steps) await alike.apply(...one);
      }
      assert(last.size > 2);
    }
  },
};

/** Any command. */
function draw(random: Random, last: Map<string, number>): Command {
  const session = `s${random(4)}`;
  const chance = random(20);
  if (chance === 0) return forget(session);
  if (chance < 3) return open(session, `owner ${random(2)}`);
  const topic = `t${random(5)}`;
  if (chance < 7) {
    const identity = `${random(2)}`;
    const more = random(3) === 0 ? { session, n: 1 + random(9) } : {};
    return identified(`${random(4)}`, { topic: `t${random(2)}`, text: "", identity, ...more });
  }
  if (chance < 11) return put(topic, "x".repeat(random(random(8) === 0 ? 400 : 12)));
  const before = last.get(session) ?? 0;
  const n = Math.max(1, before - random(6) + 3);
  last.set(session, Math.max(before, n));
  return numbered(session, n, topic, "12345678");
}
