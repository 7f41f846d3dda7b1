/**
 * Dumps of the deduplication index: one index goes on, and another one is dumped and restored in between; both do the same.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type DedupRow, dumpDedup, restoreDedup } from "../../stores/dedup_dump.ts";
import { DedupIndex, type DedupIndexOptions } from "../../stores/dedup_index.ts";
import { modelRuns } from "../support/model_runs.ts";

/** Names as they may come: with what ends a text in C, and with half a character. */
const SESSIONS = ["a", "b", "c\0d", "c", "\ud800", "9", ""];
const OWNERS = ["", "x", "x\0y", "\udfff"];

/** Freed at once are 256 runs: some sessions have more. */
type DedupStep =
  | {
    readonly do: "put";
    readonly name: string;
    readonly owner: string;
    /** How many numbers it passes over before each; below 0 it goes back. */
    readonly skip: number;
    readonly count: number;
    /** It repeats a message that was stored before. */
    readonly repeats: boolean;
  }
  | { readonly do: "open"; readonly name: string; readonly owner: string }
  | { readonly do: "refresh" | "forget"; readonly name: string };

interface DedupTurn {
  readonly pass: number;
  readonly steps: readonly DedupStep[];
  readonly restores: boolean;
}

interface DedupProgram {
  readonly options: DedupIndexOptions;
  readonly turns: readonly DedupTurn[];
}

const name = fc.constantFrom(...SESSIONS);
const owner = fc.constantFrom(...OWNERS);

const programs: fc.Arbitrary<DedupProgram> = fc.record({
  options: fc.record({
    window: fc.constantFrom(1, 3, 1000),
    retention: fc.constantFrom(1000, 900_000),
    maxRuns: fc.constantFrom(1, 3, 8, 1000),
  }),
  turns: fc.array(
    fc.record({
      pass: fc.constantFrom(0, 1, 1000, 200_000, 599_999, 600_000),
      steps: fc.array(
        fc.oneof(
          {
            weight: 8,
            arbitrary: fc.record({
              do: fc.constant("put" as const),
              name,
              owner,
              skip: fc.constantFrom(0, 0, 0, 1, 2, -1, -2),
              count: fc.constantFrom(1, 1, 2, 300),
              repeats: fc.boolean(),
            }),
          },
          {
            weight: 2,
            arbitrary: fc.record({ do: fc.constant("open" as const), name, owner }),
          },
          {
            weight: 1,
            arbitrary: fc.record({ do: fc.constantFrom("refresh" as const, "forget"), name }),
          },
        ),
        { maxLength: 8, size: "max" },
      ),
      restores: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30, size: "max" },
  ),
});

/** Does the steps of a program with one index; what it answers is collected. */
class DedupRun {
  readonly #options: DedupIndexOptions;
  readonly #last = new Map<string, number>();
  #index: DedupIndex;
  #seq = 0;
  #now = 1_000_000;

  constructor(options: DedupIndexOptions) {
    this.#options = options;
    this.#index = new DedupIndex(options);
  }

  restore(): void {
    const text = JSON.stringify([...dumpDedup(this.#index)]);
    this.#index = new DedupIndex(this.#options);
    restoreDedup(this.#index, JSON.parse(text) as DedupRow[]);
    assertEquals(JSON.stringify([...dumpDedup(this.#index)]), text, "the dump of what is restored");
  }

  turn({ pass, steps }: DedupTurn): unknown[] {
    const index = this.#index;
    // Before the turn begins, too: readers ask then.
    const answers: unknown[] = [index.holdsExpired, ...this.#completeness()];
    index.begin(this.#now += pass);
    for (const step of steps) answers.push(this.#do(step));
    index.settle();
    index.commit();
    answers.push(index.runs, index.evictedTo, index.holdsExpired, ...this.#completeness());
    for (const [name, last] of this.#last) {
      for (let n = Math.max(1, last - 5); n <= last + 1; n++) answers.push(index.find(name, n));
    }
    return answers;
  }

  dump(): DedupRow[] {
    return [...dumpDedup(this.#index)];
  }

  *#completeness(): Generator<string | undefined> {
    for (const name of SESSIONS) {
      for (let seq = this.#seq; seq >= Math.max(0, this.#seq - 20); seq--) {
        if (!this.#index.isCompleteAfter(name, seq)) yield `${name} ${seq}`;
      }
    }
  }

  #do(step: DedupStep): unknown {
    const index = this.#index;
    switch (step.do) {
      case "open":
        return index.open(step.name, step.owner);
      case "refresh":
      case "forget":
        return index[step.do](step.name);
      case "put":
        return Array.from({ length: step.count }, () => this.#put(step));
    }
  }

  #put({ name, owner, skip, repeats }: DedupStep & { do: "put" }): number {
    const last = this.#last.get(name) ?? 0;
    const n = Math.max(1, last + 1 + skip);
    const found = this.#index.find(name, n);
    if (found !== 0) {
      this.#index.refresh(name);
      return found;
    }
    const isRepeated = repeats && this.#seq > 0;
    const seq = isRepeated ? 1 + n % this.#seq : ++this.#seq;
    this.#index.record(name, n, seq, owner, isRepeated ? this.#seq + 1 : undefined);
    this.#last.set(name, n);
    return seq;
  }
}

Deno.test("an index that is dumped and restored does the same as one that goes on, and so does its next dump", () => {
  fc.assert(
    fc.property(programs, ({ options, turns }) => {
      const [one, other] = [new DedupRun(options), new DedupRun(options)];
      for (const [i, turn] of turns.entries()) {
        if (turn.restores) other.restore();
        assertEquals(other.turn(turn), one.turn(turn), `turn ${i}`);
        assertEquals(other.dump(), one.dump(), `the dumps after turn ${i}`);
      }
    }),
    modelRuns("DUMPS", 300),
  );
});
