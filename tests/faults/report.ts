/**
 * What a test of faults has found, in words and figures.
 *
 * @module
 */

import { table } from "../../measure/table.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  readonly seen: number | string;
  /** It is as it has to be. */
  readonly good: boolean;
}

/** What was looked for and must not be there. */
export function none(what: string, found: readonly unknown[]): Finding {
  return { what, seen: found.length, good: found.length === 0 };
}

/** Throws unless everything is as it has to be; for tests. */
export function allGood(findings: readonly Finding[]): void {
  const bad = findings.filter(({ good }) => !good).map(({ what, seen }) => `${what}: ${seen}`);
  if (bad.length > 0) throw new Error(`It is not as it has to be.\n${bad.join("\n")}`);
}

/**
 * Prints findings, and ends the process with 1 if one is not good.
 *
 * @param title what was done
 * @param findings what was found
 */
export function report(title: string, findings: readonly Finding[]): void {
  console.log(`${title}\n`);
  const rows = findings.map(({ what, seen, good }) => [what, `${seen}`, good ? "yes" : "NO"]);
  console.log(table(["what", "seen", "good"], rows));
  if (findings.some(({ good }) => !good)) Deno.exitCode = 1;
}
