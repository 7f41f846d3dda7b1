/**
 * Random faults during reads, newest, streams and puts: connections that are cut at any byte, replies that are lost or
 * late, servers that restart, lose their memory or return with an older file, and two servers with two histories.
 * Nothing may be lost, duplicated, reordered, silently skipped, wrongly reported, or hang. A seed repeats a run exactly.
 *
 * @module
 */

import { RESUME_KINDS } from "../support/fuzz_calls.ts";
import { resumeRun } from "../support/fuzz_resume_run.ts";
import type { Finding } from "./report.ts";

/** The options of a run. */
export interface ResumeOptions {
  /** How many seeds, each with all kinds. */
  readonly runs: number;
  /** The first of them. */
  readonly seed: number;
}

/**
 * Runs many seeds.
 *
 * @param options how many
 * @returns what was found; of a fault, with which seed
 */
export async function resume({ runs, seed }: ResumeOptions): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const kind of RESUME_KINDS) {
    const bad: string[] = [];
    const sums: Record<string, number> = {};
    for (let i = seed; i < seed + runs; i++) {
      const { faults, seen, lines } = await resumeRun(kind, i, { keepLog: runs === 1 });
      for (const [name, count] of Object.entries(seen)) sums[name] = (sums[name] ?? 0) + count;
      if (faults.length === 0) continue;
      bad.push(`${i}`);
      console.error(`deno task fuzz resume 1 ${i}: ${kind}`);
      console.error([...lines, ...faults.slice(0, 10)].join("\n"));
    }
    const figures = Object.entries(sums).map(([name, count]) => `${count} ${name}`).join(", ");
    found.push({ what: `${kind}: ${runs} runs`, seen: figures, good: true });
    found.push({
      what: `${kind}: lost, duplicated, reordered, skipped, wrongly reported, or hanging`,
      seen: bad.length === 0 ? 0 : `seeds ${bad.slice(0, 10).join(", ")}`,
      good: bad.length === 0,
    });
  }
  return found;
}
