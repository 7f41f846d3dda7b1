/**
 * Deduplication, compared with a model: sessions, rollbacks, passing time, and restarts on a table.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Database } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { DedupIndex } from "../../stores/dedup_index.ts";
import { FORGOTTEN, SUPERSEDED } from "../../stores/dedup_session.ts";
import { DedupTable } from "../../stores/dedup_table.ts";
import { PendingDrops } from "../../stores/pending_drops.ts";
import { type Random, seeded } from "../../testing/seeded.ts";

const RUNS = 120;
const STEPS = 200;
const SESSION_IDS = ["a", "b", "c", "d"];
const OWNERS: Readonly<Record<string, string>> = { a: "x", b: "x", c: "y", d: "z" };

/** Where a number was stored; or where it had been, as the store said when the next sequence number was `at`. */
interface ModelAnswer {
  readonly seq: number;
  readonly at: number;
}

/** A session of the model: the last number that it stored, and what was answered to each. */
interface ModelSession {
  readonly last: number;
  readonly stored: ReadonlyMap<number, ModelAnswer>;
}

/** What is tested: {@linkcode DedupIndex} and its table, which stay the same over any restart. */
class RestartingIndex {
  readonly #options: {
    readonly window: number;
    readonly maxRuns: number;
    readonly retention: number;
  };
  readonly #db: Database = nodeSqlite.open(":memory:");
  #table: DedupTable;
  #drops = new PendingDrops();
  #lost = 0;
  puts: DedupIndex;

  constructor(window: number, max: number) {
    this.#options = { window, maxRuns: max, retention: 0 };
    this.#table = new DedupTable(this.#db);
    this.puts = this.#open();
  }

  commit(): void {
    this.puts.settle();
    this.#save();
    this.puts.commit();
  }

  restart(now: number): void {
    this.#save();
    this.#table = new DedupTable(this.#db);
    this.puts = this.#open();
    this.#table.load(this.puts, this.#lost, now);
  }

  close(): void {
    this.#db.close();
  }

  #open(): DedupIndex {
    return new DedupIndex(this.#options, this.#drops);
  }

  #save(): void {
    this.#table.save(this.puts.recorded(), this.#drops.all);
    this.#lost = this.puts.evictedTo;
    this.#drops.clear();
  }
}

/** Everything that was ever stored, as if all of it could be remembered for good. */
class Model {
  #sessions = new Map<string, ModelSession>();
  seq = 0;

  /** The next put: mostly the next number of a session, or a later one; otherwise one that it has passed. */
  draw(random: Random): { name: string; n: number } {
    const name = SESSION_IDS[random(SESSION_IDS.length)]!;
    const last = this.#sessions.get(name)?.last ?? 0;
    const next = last + 1 + (random(10) < 3 ? random(4) : 0);
    return { name, n: random(10) < 7 ? next : 1 + random(last + 2) };
  }

  /** Checks what the index says about a number. */
  check(name: string, n: number, found: number): void {
    const entry = this.#sessions.get(name);
    const known = entry?.stored.get(n)?.seq;
    if (found > 0) return assertEquals(found, known, "where it was stored");
    if (found === 0) return;
    assert(found === FORGOTTEN || found === SUPERSEDED, `${found} means nothing`);
    assert(n <= (entry?.last ?? 0), "a number that its session has not passed is refused");
    if (found === SUPERSEDED) assertEquals(known, undefined, "superseded, though it was stored");
  }

  /** Stores a number that the index does not know; or one that repeats what was stored as `first`. */
  store(name: string, n: number, first?: number): ModelAnswer {
    const entry = this.#sessions.get(name);
    const answer = { seq: first ?? ++this.seq, at: first ? this.seq + 1 : this.seq };
    // A second store of a number starts its session anew: nobody was told that the first is still remembered.
    const before = entry && n > entry.last ? entry.stored : [];
    this.#sessions.set(name, { last: n, stored: new Map([...before, [n, answer]]) });
    return answer;
  }

  forget(name: string): void {
    this.#sessions.delete(name);
  }

  /** How to roll back everything from now on. */
  mark(): () => void {
    const sessions = new Map(this.#sessions);
    return () => {
      this.#sessions = sessions;
    };
  }

  /** Checks that everything above the reported floor would be recognized, as far as a client may repeat it. */
  checkRemembered(puts: DedupIndex, window: number, random: Random): void {
    for (const [name, { last, stored }] of this.#sessions) {
      const known = random(this.seq + 1);
      if (!puts.isCompleteAfter(name, known)) continue;
      for (const [n, { seq, at }] of stored) {
        if (at <= known || n <= last - window) continue;
        const found = puts.find(name, n);
        assertEquals(found, seq, `${name} ${n} of ${last}, window ${window}, after ${known}`);
      }
    }
  }
}

/** One run of random steps from a seed. */
function run(seed: number): void {
  const random = seeded(seed);
  const window = [1, 3, 10, 1000][random(4)]!;
  const index = new RestartingIndex(window, [1, 3, 8, 1000][random(4)]!);
  const model = new Model();
  const anySession = () => SESSION_IDS[random(SESSION_IDS.length)]!;
  let now = 1_000_000;
  const forget = () => {
    const name = anySession();
    index.puts.forget(name);
    model.forget(name);
  };
  const open = () => {
    const name = anySession();
    index.puts.open(name, OWNERS[name]);
    index.puts.settle();
  };
  const put = () => {
    const undo = model.mark();
    for (let i = random(4); i >= 0; i--) {
      if (random(12) === 0) forget();
      if (random(12) === 0) open();
      const { name, n } = model.draw(random);
      const found = index.puts.find(name, n);
      model.check(name, n, found);
      if (found !== 0) continue;
      const first = model.seq > 0 && random(4) === 0 ? 1 + random(model.seq) : undefined;
      const { seq, at } = model.store(name, n, first);
      index.puts.record(name, n, seq, OWNERS[name], first && at);
    }
    if (random(5) > 0) return index.commit();
    index.puts.rollback();
    undo();
  };
  for (let step = 0; step < STEPS; step++) {
    const chance = random(100);
    if (chance < 72) put();
    else if (chance < 80) index.puts.begin(now += random(400_000));
    else if (chance < 84) forget();
    else if (chance < 86) index.puts.refresh(anySession());
    else if (chance < 89) open();
    else if (chance < 94) index.restart(now);
    index.puts.commit();
    model.checkRemembered(index.puts, window, random);
  }
  index.close();
}

Deno.test("deduplication behaves as its model, and recognizes everything above the floor that it reports", () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    try {
      run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
