/**
 * What was put once, beside a model of it: sessions, rollbacks, time that passes, and restarts over a table.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Database } from "../stores/engine.ts";
import { nodeSqlite } from "../stores/engines/node_sqlite.ts";
import { PutOnce } from "../stores/put_once.ts";
import { type Dropped, FORGOTTEN, SUPERSEDED } from "../stores/put_session.ts";
import { PutTable } from "../stores/put_table.ts";
import { type Random, seeded } from "./support/seeded.ts";

const RUNS = 120;
const STEPS = 200;
const SESSIONS = ["a", "b", "c", "d"];
const OWNERS: Readonly<Record<string, string>> = { a: "x", b: "x", c: "y", d: "z" };

/** A session of the model: the last number that it stored, and where each was stored. */
interface Session {
  readonly last: number;
  readonly stored: ReadonlyMap<number, number>;
}

/** What is tested: {@linkcode PutOnce} and its table, which are one over any restart. */
class Tested {
  readonly #options: { readonly window: number; readonly most: number; readonly retention: number };
  readonly #db: Database = nodeSqlite.open(":memory:");
  #table: PutTable;
  #dropped: Dropped[] = [];
  #lost = 0;
  puts: PutOnce;

  constructor(window: number, most: number) {
    this.#options = { window, most, retention: 0 };
    this.#table = new PutTable(this.#db);
    this.puts = this.#open();
  }

  commit(now: number): void {
    this.#save();
    this.puts.commit(now);
  }

  restart(now: number): void {
    this.#save();
    this.#table = new PutTable(this.#db);
    this.puts = this.#open();
    this.#table.load(this.puts, this.#lost, now);
  }

  close(): void {
    this.#db.close();
  }

  #open(): PutOnce {
    return new PutOnce(this.#options, (dropped) => this.#dropped.push(dropped));
  }

  #save(): void {
    this.#table.save(this.puts.noted(), this.#dropped);
    this.#lost = this.puts.lost;
    this.#dropped = [];
  }
}

/** Everything that was ever stored, as if all of it could be remembered. */
class Model {
  #sessions = new Map<string, Session>();
  seq = 0;

  /** What is to be put: mostly the next number of a session, or one that comes later; else one that it has passed. */
  draw(random: Random): { name: string; n: number } {
    const name = SESSIONS[random(SESSIONS.length)]!;
    const last = this.#sessions.get(name)?.last ?? 0;
    const next = last + 1 + (random(10) < 3 ? random(4) : 0);
    return { name, n: random(10) < 7 ? next : 1 + random(last + 2) };
  }

  /** Checks what is said of a number. */
  check(name: string, n: number, found: number): void {
    const session = this.#sessions.get(name);
    const known = session?.stored.get(n);
    if (found > 0) return assertEquals(found, known, "where it was stored");
    if (found === 0) return;
    assert(found === FORGOTTEN || found === SUPERSEDED, `${found} means nothing`);
    assert(n <= (session?.last ?? 0), "a number that its session has not passed is refused");
    if (found === SUPERSEDED) assertEquals(known, undefined, "superseded, though it was stored");
  }

  /** Stores a number of which nothing is remembered. */
  store(name: string, n: number): number {
    const session = this.#sessions.get(name);
    const seq = ++this.seq;
    // What is stored a second time is a new life of its session: nobody was told that the first is recalled.
    const before = session && n > session.last ? session.stored : [];
    this.#sessions.set(name, { last: n, stored: new Map([...before, [n, seq]]) });
    return seq;
  }

  forget(name: string): void {
    this.#sessions.delete(name);
  }

  /** How to undo what is done from now on. */
  mark(): () => void {
    const sessions = new Map(this.#sessions);
    return () => {
      this.#sessions = sessions;
    };
  }

  /** Checks that whatever is said to be recalled would be recognised. */
  checkRecalled(puts: PutOnce, window: number, random: Random): void {
    for (const [name, { last, stored }] of this.#sessions) {
      const known = random(this.seq + 1);
      if (!puts.recalls(name, known)) continue;
      for (const [n, seq] of stored) {
        if (seq <= known) continue;
        const found = puts.find(name, n);
        assertEquals(found, seq, `${name} ${n} of ${last}, window ${window}, after ${known}`);
      }
    }
  }
}

/** One run of steps that are drawn from a seed. */
function run(seed: number): void {
  const random = seeded(seed);
  const window = [1, 3, 10, 1000][random(4)]!;
  const tested = new Tested(window, [1, 3, 8, 1000][random(4)]!);
  const model = new Model();
  const anyone = () => SESSIONS[random(SESSIONS.length)]!;
  let now = 1_000_000;
  const put = () => {
    const undo = model.mark();
    for (let i = random(4); i >= 0; i--) {
      const { name, n } = model.draw(random);
      const found = tested.puts.find(name, n);
      model.check(name, n, found);
      if (found === 0) tested.puts.note(name, n, model.store(name, n), OWNERS[name]);
    }
    if (random(5) > 0) return tested.commit(now);
    tested.puts.rollback();
    undo();
  };
  for (let step = 0; step < STEPS; step++) {
    const chance = random(100);
    if (chance < 72) put();
    else if (chance < 80) tested.puts.expire(now += random(400_000));
    else if (chance < 84) {
      const name = anyone();
      tested.puts.forget(name);
      model.forget(name);
    } else if (chance < 86) tested.puts.keep(anyone(), now);
    else if (chance < 89) {
      const name = anyone();
      tested.puts.open(name, now, OWNERS[name]);
    } else if (chance < 94) tested.restart(now);
    model.checkRecalled(tested.puts, window, random);
  }
  tested.close();
}

Deno.test("what was put once is remembered as a model says, and what is recalled is recognised", () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    try {
      run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
