/**
 * What a failed transaction leaves of the deduplication index: nothing.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { DedupIndex } from "../../stores/dedup_index.ts";
import { remember } from "../support/dedup_turns.ts";
import { type Random, seeded } from "../support/seeded.ts";

const RUNS = 40;
const STEPS = 150;
const SESSION_IDS = ["a", "b", "c", "d", "e", "f"];
const OWNERS: Readonly<Record<string, string>> = { a: "x", b: "x", c: "y", d: "z", e: "", f: "y" };
/** Two thirds of the time for which a session is remembered. */
const PAUSE = 400_000;

type Step = (index: DedupIndex) => void;

/** Draws turns; each does the same to any index in the same state. */
class Turns {
  readonly #random: Random;
  #now = 1_000_000;
  #seq = 0;

  constructor(random: Random) {
    this.#random = random;
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

/** All that an index tells, and what it would write. */
function shown(index: DedupIndex): unknown {
  return {
    evictedTo: index.evictedTo,
    runs: index.runs,
    holdsExpired: index.holdsExpired,
    recorded: [...index.recorded()].map(({ id: _, ...run }) => run),
    sessions: SESSION_IDS.map((name) => [
      Array.from({ length: 40 }, (_, n) => index.find(name, n + 1)),
      Array.from({ length: 40 }, (_, i) => index.isCompleteAfter(name, 10 * i)),
    ]),
  };
}

Deno.test("an index whose turns are undone now and then is like one that never had them", () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const random = seeded(seed);
    const [max, window] = [[1, 4, 12, 1000][random(4)]!, [1, 3, 10, 1000][random(4)]!];
    const [plain, undone] = [remember(max, window), remember(max, window)];
    const turns = new Turns(random);
    let undoings = 0;
    for (let step = 0; step < STEPS; step++) {
      if (random(3) === 0) {
        undoings++;
        for (let turn = random(3); turn >= 0; turn--) {
          for (const happens of turns.draw(true)) happens(undone.puts);
        }
        undone.puts.rollback();
      }
      for (let turn = random(3); turn >= 0; turn--) {
        for (const happens of turns.draw(false)) {
          happens(plain.puts);
          happens(undone.puts);
        }
      }
      assertEquals(shown(undone.puts), shown(plain.puts), `seed ${seed}, step ${step}`);
      for (const { puts } of [plain, undone]) puts.commit();
      const [dropped, expected] = [undone, plain].map(({ drops }) =>
        drops.all.map(({ id: _, ...drop }) => drop)
      );
      assertEquals(dropped, expected, `seed ${seed}, step ${step}`);
      for (const { drops } of [plain, undone]) drops.clear();
    }
    assert(undoings > STEPS / 10);
  }
});
