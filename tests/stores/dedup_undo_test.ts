/**
 * What a failed transaction leaves of the deduplication index: what was there before, no more and no less.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DedupTable } from "../../stores/dedup_table.ts";
import type { DedupIndex } from "../../stores/dedup_index.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { PendingDrops } from "../../stores/pending_drops.ts";
import { remember } from "../support/dedup_turns.ts";
import { type Random, seeded } from "../../testing/seeded.ts";

const RUNS = 40;
const STEPS = 150;
const SESSION_IDS = ["a", "b", "c", "d", "e", "f"];
const OWNERS: Readonly<Record<string, string>> = { a: "x", b: "x", c: "y", d: "z", e: "", f: "y" };
/** Two thirds of the time for which a session is remembered. */
const PAUSE = 400_000;

type Step = (index: DedupIndex) => void;

/** How many runs an index remembers, and how many numbers of a session. */
type Bounds = readonly [max: number, window: number];

/** Draws turns; each does the same to any index in the same state. */
class Turns {
  readonly #random: Random;
  #now = 1_000_000;
  #seq = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Time passes; returns when that is. */
  pause(): number {
    return this.#now += this.#random(PAUSE);
  }

  /** All that happens in one turn. What a turn that is undone would have advanced stays as it was. */
  draw(isUndone: boolean): Step[] {
    const [now, seq] = [this.#now, this.#seq];
    const random = this.#random;
    const at = this.#now += random(4) === 0 ? random(PAUSE) : random(3);
    const steps: Step[] = [(index) => index.begin(at)];
    for (let i = random(6); i > 0; i--) steps.push(this.#step());
    steps.push((index) => index.settle());
    if (isUndone) [this.#now, this.#seq] = [now, seq];
    return steps;
  }

  #step(): Step {
    const random = this.#random;
    const name = SESSION_IDS[random(SESSION_IDS.length)]!;
    const chance = random(20);
    if (chance === 0) return (index) => index.forget(name);
    if (chance < 3) return (index) => index.open(name, OWNERS[name]);
    if (chance < 5) return (index) => index.refresh(name);
    const seq = this.#seq += 1 + random(2);
    const skipped = random(3) === 0 ? 2 : 0;
    return (index) => {
      let n = 1 + skipped;
      while (index.find(name, n) !== 0) n++;
      index.record(name, n, seq, OWNERS[name]);
    };
  }
}

/** A run in the tables, with its session. */
interface Row {
  readonly name: string;
  readonly first: number;
  readonly count: number;
  readonly seq: number;
}

/** An index and its tables: what is committed is in both, and a restart loads it. */
class StoredIndex implements Disposable {
  readonly #db = nodeSqlite.open(":memory:");
  #table = new DedupTable(this.#db);
  #lost = 0;
  puts: DedupIndex;
  drops: PendingDrops;

  constructor(bounds: Bounds) {
    ({ puts: this.puts, drops: this.drops } = remember(...bounds));
  }

  commit(): void {
    this.#save();
    this.#lost = this.puts.evictedTo;
    this.puts.commit();
    this.drops.clear();
  }

  /** Writes all that happened since the last commit, and undoes it. */
  undo(): void {
    this.#db.exec("BEGIN");
    this.#save();
    this.#db.exec("ROLLBACK");
    this.puts.rollback();
  }

  /** Begins anew with what the tables have. */
  restart(bounds: Bounds, now: number): void {
    ({ puts: this.puts, drops: this.drops } = remember(...bounds));
    this.#table = new DedupTable(this.#db);
    this.#table.load(this.puts, this.#lost, now);
  }

  /** What the tables have, but for the ids of sessions: an undone turn may have taken some. */
  get rows(): Row[] {
    return this.#db.prepare(
      "SELECT name, owner, forgotten, lost, first, count, seq " +
        "FROM sessions LEFT JOIN numbers ON session = id ORDER BY name, first",
    ).all() as Row[];
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #save(): void {
    this.#table.save(this.puts.recorded(), this.drops.all);
  }
}

/** All that an index tells, and what it would write and delete. */
function shown({ puts, drops }: StoredIndex): unknown {
  return {
    evictedTo: puts.evictedTo,
    runs: puts.runs,
    holdsExpired: puts.holdsExpired(),
    recorded: [...puts.recorded()].map(({ id: _, ...run }) => run),
    dropped: drops.all.map(({ id: _, ...drop }) => drop),
    sessions: SESSION_IDS.map((name) => [
      Array.from({ length: 40 }, (_, n) => puts.find(name, n + 1)),
      Array.from({ length: 40 }, (_, i) => puts.isCompleteAfter(name, 10 * i)),
    ]),
  };
}

/** Asserts that everything in the tables is still known. Of a session that has expired nothing needs to be. */
function assertKnown({ puts, rows }: StoredIndex, where: string): void {
  for (const { name, first, count, seq } of rows) {
    for (let i = 0; i < count; i++) {
      const found = puts.find(name, first + i);
      if (found !== 0 || !puts.holdsExpired()) assertEquals(found, seq + i, where);
    }
  }
}

Deno.test("an index whose turns are undone now and then is like one that never had them, also after restarts", () => {
  let undoneLoads = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const random = seeded(seed);
    const drawBounds = (): Bounds => [
      [1, 4, 12, 1000][random(4)]!,
      [1, 3, 10, 1000][random(4)]!,
    ];
    const bounds = drawBounds();
    using plain = new StoredIndex(bounds);
    using undone = new StoredIndex(bounds);
    const turns = new Turns(random);
    let undoings = 0;
    for (let step = 0; step < STEPS; step++) {
      const where = `seed ${seed}, step ${step}`;
      const restarts = random(10) === 0;
      if (restarts) {
        const now = turns.pause();
        const bounds = drawBounds();
        for (const index of [plain, undone]) index.restart(bounds, now);
      }
      if (random(3) === 0) {
        undoings++;
        if (restarts) undoneLoads++;
        for (let turn = random(3); turn >= 0; turn--) {
          for (const happens of turns.draw(true)) happens(undone.puts);
        }
        undone.undo();
      }
      assertEquals(shown(undone), shown(plain), where);
      for (let turn = random(3); turn >= 0; turn--) {
        for (const happens of turns.draw(false)) {
          happens(plain.puts);
          happens(undone.puts);
        }
      }
      assertEquals(shown(undone), shown(plain), where);
      for (const index of [plain, undone]) index.commit();
      assertEquals(undone.rows, plain.rows, where);
      assertKnown(undone, where);
    }
    assert(undoings > STEPS / 10);
  }
  assert(undoneLoads > RUNS);
});
