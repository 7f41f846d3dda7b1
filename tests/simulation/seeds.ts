/**
 * Runs seeds of the simulation, and has the oracle judge each.
 *
 * @module
 */

import type { TimedEntry } from "./history.ts";
import { judge } from "./oracle/oracle.ts";
import { type RunSetting, simulate } from "./run.ts";

/** How many faults of a seed are told: what follows from the first says little. */
const TOLD = 5;

/** What seeds came to. */
export interface SeedResults {
  /** Of each seed that failed: how to repeat it, and what was wrong. */
  readonly failed: readonly string[];
  /** How often each kind of entry was in the histories. */
  readonly counts: Readonly<Partial<Record<TimedEntry["kind"], number>>>;
}

/**
 * Runs seeds, one after another.
 *
 * @param first the first seed
 * @param count how many
 * @param onRun is told of each
 * @param settingOf what a seed has beside its chance. Default: one server
 */
export async function runSeeds(
  first: number,
  count: number,
  onRun: (seed: number, history: readonly TimedEntry[], faults: readonly string[]) => void =
    () => {},
  settingOf: (seed: number) => RunSetting = () => ({ servers: 1, moves: false }),
): Promise<SeedResults> {
  const failed: string[] = [];
  const counts: Partial<Record<TimedEntry["kind"], number>> = {};
  for (let seed = first; seed < first + count; seed++) {
    const setting = settingOf(seed);
    const { entries } = await simulate(seed, setting);
    for (const { kind } of entries) counts[kind] = (counts[kind] ?? 0) + 1;
    const faults = judge(entries);
    onRun(seed, entries, faults);
    if (faults.length === 0) continue;
    failed.push(
      [
        `deno task simulate 1 ${seed} ${setting.servers}${setting.moves ? " move" : ""}:`,
        ...faults.slice(0, TOLD),
      ].join("\n  "),
    );
  }
  return { failed, counts };
}
