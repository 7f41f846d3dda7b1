/**
 * Random simultaneous calls, compared with a model: over memory, a slow store, and a file.
 *
 * @module
 */

import fc from "fast-check";
import { programs } from "../support/model_program.ts";
import { runProgram, STORE_KINDS, type StoreKind } from "../support/model_run.ts";
import type { Finding } from "./report.ts";

/** The options of a run. */
export interface TurnsOptions {
  /** How many programs to run for each of the stores. */
  readonly runs: number;
  /** Two runs with the same seed have the same programs. */
  readonly seed: number;
  /** The program that failed, as it was reported. */
  readonly path?: string | undefined;
  /** Which stores. Default: all. */
  readonly storeKinds?: readonly StoreKind[];
}

/**
 * Runs random programs.
 *
 * @param options how many
 * @returns what was found; of a fault, how to repeat it
 */
export async function turns(
  { runs, seed, path, storeKinds = STORE_KINDS }: TurnsOptions,
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const storeKind of storeKinds) {
    let faults: readonly string[] = [];
    const property = fc.asyncProperty(programs, async (program) => {
      const seen = await runProgram(program, storeKind);
      if (seen.length === 0) return;
      faults = seen;
      throw new Error(seen.join("\n"));
    });
    const { failed, counterexamplePath, counterexample, numRuns, errorInstance } = await fc.check(
      property,
      { numRuns: runs, seed, ...(path !== undefined && { path }) },
    );
    found.push({ what: `programs over ${storeKind}`, seen: numRuns, good: !failed });
    if (!failed) continue;
    console.error(`deno task fuzz turns 1 ${seed} ${counterexamplePath} ${storeKind}`);
    console.error(JSON.stringify(counterexample?.[0], undefined, 1));
    console.error(faults.length > 0 ? faults.join("\n") : errorInstance);
    const lines: string[] = [];
    await runProgram(counterexample![0], storeKind, lines).catch(() => {});
    if (path !== undefined) console.error(lines.join("\n"));
    found.push({
      what: faults[0] ?? String(errorInstance),
      seen: `path ${counterexamplePath}`,
      good: false,
    });
  }
  return found;
}
