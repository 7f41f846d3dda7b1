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
