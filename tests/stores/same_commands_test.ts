/**
 * Stores of different kinds that are given the same commands and times: in memory, in a file, in one that is opened again
 * between the steps, and in one whose disk fails until a batch is repeated.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type Command, type CommandBatch, type Store, StoreError } from "../../stores/store.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { type WatchedEngine, watchEngine } from "../contracts/failing_engine.ts";
import { numbered, put } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type Random, seeded } from "../../testing/seeded.ts";

const STEPS = 40;
const RETENTION = 300;
/** A session that is not used expires after this time. */
const SESSION_LIFETIME = 600_000;
/** The messages of the failing engine, and of what is known of a put meanwhile. */
const DISK_FAILED = /the disk is full|the disk fails|the file fails/;

/** What else happens to the store in a file. */
type Trouble = "none" | "opened again" | "failing" | "failing late" | "failing in any way";

/** Draws batches of commands, in the order of their times. */
class Commands {
  readonly #random: Random;
  readonly #isReopened: boolean;
  readonly #mayPurge: boolean;
  readonly #lastNumbers = new Map<string, number>();
  #time = 2_000_000;

  constructor(random: Random, trouble: Trouble) {
    this.#random = random;
    this.#isReopened = trouble === "opened again";
    // A purge that was done, and is repeated because nobody knows that, finds nothing.
    this.#mayPurge = trouble === "none" || trouble === "opened again" || trouble === "failing";
  }

  batches(): CommandBatch[] {
    const random = this.#random;
    // An opened file counts its sessions as used then, so none may expire there.
    const jumps = this.#isReopened ? [] : [SESSION_LIFETIME / 3, SESSION_LIFETIME, 1e9];
    const steps = [0, 0, 1, 7, 50, RETENTION - 1, RETENTION, ...jumps];
    this.#time += steps[random(steps.length)]!;
    const batches = Array.from({ length: 1 + random(3) }, () => ({
      // The time of the last commands is in a file only if they stored something.
      time: this.#time - (this.#isReopened ? 0 : random(3)),
      commands: Array.from({ length: random(5) }, () => this.#command()),
    }));
    // Where the disk fails, a put without a number tells. A batch without puts cannot fail.
    if (batches.some(({ commands }) => commands.some(({ type }) => type === "put"))) {
      batches[0]!.commands.unshift(put("t0", ""));
    }
    return batches;
  }

  #command(): Command {
    const random = this.#random;
    const [number, chance] = [random(5), random(40)];
    const session = `s${number}`;
    const owner = `o${number % 2}`;
    if (chance === 0) return { type: "forget_session", session };
    // A session that has put nothing is not in the file.
    if (chance < 3 && !this.#isReopened) return { type: "open_session", session, owner };
    const topic = `t${random(6)}`;
    if (chance < 5 && this.#mayPurge) {
      const before = [undefined, { seq: random(200) }, { time: this.#time - random(RETENTION) }];
      return { type: "purge", topic, before: before[random(3)], max: 1 + random(20) };
    }
    if (chance < 18) return put(topic, "x".repeat(random(random(8) === 0 ? 400 : 12)));
    const before = this.#lastNumbers.get(session) ?? 0;
    const n = Math.max(1, before - random(6) + 3);
    this.#lastNumbers.set(session, Math.max(before, n));
    return { ...numbered(session, n, topic), owner };
  }
}

function drawLimits(random: Random): Partial<StoreLimits> {
  return {
    topics: [2, 4, 100][random(3)]!,
    storedBytes: [600, 1332, 6000][random(3)]!,
    overflow: (["reject", "drop-oldest"] as const)[random(2)]!,
    dedupRuns: [4, 8, 40][random(3)]!,
    dedupWindow: [1, 6, 40][random(3)]!,
  };
}

/** Results, in a form to compare. */
function shown(results: readonly (object | StoreError)[]): unknown[] {
  return results.map((result) => {
    if (result instanceof StoreError) return [result.code, result.message];
    return { ...result, body: undefined, bytes: undefined, topic: undefined };
  });
}

/** Applies batches in one turn, so that a file commits them together. */
async function applyAll(store: Store, batches: readonly CommandBatch[]): Promise<unknown[]> {
  return (await Promise.all(batches.map((batch) => store.apply(batch)))).map(shown);
}

/** Has the time pass, trims and reads: none of it may change what commands do. */
async function disturb(store: Store, clock: ManualClock, random: Random): Promise<void> {
  clock.advance(random(RETENTION));
  if (random(2) === 0) await store.trim(random(2) === 0 ? 0.01 : 50);
  await store.read([{ topic: "t1", after: random(40), count: 3, bytes: 1000, gone: true }]);
  if (random(3) === 0) await store.topics({ prefix: "", after: "", count: 10 });
  await store.isDedupComplete("s1", { epoch: store.epoch, seq: 0 });
}

/** Lets the disk fail during the next commands, or not. */
function fail({ failOn, failAfter }: WatchedEngine, trouble: Trouble, random: Random): void {
  const kinds = { "failing": [0, 1], "failing late": [2], "failing in any way": [0, 1, 2] };
  if (!(trouble in kinds) || random(2) === 0) return;
  const some = kinds[trouble as keyof typeof kinds];
  let left = 1;
  switch (some[random(some.length)]) {
    case 0:
      left = random(30);
      return failOn(() => left-- === 0);
    case 1:
      return failOn((sql) => sql === "COMMIT");
    default:
      // The commit is done all the same: the batches have their results.
      return failAfter((sql) => sql === "COMMIT" && left-- > 0);
  }
}

/** One run; returns how often the disk failed. */
async function run(seed: number, trouble: Trouble): Promise<number> {
  const random = seeded(seed);
  const limits = drawLimits(random);
  const folder = Deno.makeTempDirSync();
  const engine = watchEngine();
  const base = { engine: nodeSqlite, retention: RETENTION, limits };
  const clock = new ManualClock(500);
  const open = () =>
    new FileStore({
      ...base,
      engine: engine.failing,
      clock,
      path: `${folder}/queue.db`,
      durability: "process",
    });
  await using memory = new MemoryStore({ ...base, clock: new ManualClock(0) });
  let file: Store = open();
  let failures = 0;
  const commands = new Commands(random, trouble);
  try {
    for (let step = 0; step < STEPS; step++) {
      const batches = commands.batches();
      const expected = [];
      for (const batch of batches) expected.push(shown(await memory.apply(batch)));
      fail(engine, trouble, random);
      let results = await applyAll(file, batches);
      engine.failOn(() => {});
      engine.failAfter(() => {});
      if (DISK_FAILED.test(JSON.stringify(results))) {
        failures++;
        results = await applyAll(file, batches);
      }
      assertEquals(results, expected, `step ${step}`);
      await disturb(file, clock, random);
      if (trouble === "opened again" && random(6) === 0) {
        await file[Symbol.asyncDispose]();
        file = open();
      }
    }
  } finally {
    await file[Symbol.asyncDispose]();
    Deno.removeSync(folder, { recursive: true });
  }
  return failures;
}

const RUNS: Readonly<Record<string, readonly [trouble: Trouble, runs: number]>> = {
  "whoever reads or trims": ["none", 8],
  "also if the file is opened again between the steps": ["opened again", 5],
  "also if the disk fails and the batches are repeated": ["failing", 15],
  "also if commits fail after they are done": ["failing late", 15],
  "also if the disk fails in one way after another": ["failing in any way", 15],
};

for (const [name, [trouble, runs]] of Object.entries(RUNS)) {
  Deno.test(`memory and a file do the same with the same commands, ${name}`, async () => {
    let failures = 0;
    for (let seed = 1; seed <= runs; seed++) {
      try {
        failures += await run(seed, trouble);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    if (trouble.startsWith("failing") && trouble !== "failing late") {
      assert(failures > runs, `the disk failed ${failures} times`);
    }
  });
}
