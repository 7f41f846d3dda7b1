/**
 * The findings of a test of faults, in words and figures.
 *
 * @module
 */

import { formatMarkdownTable } from "../../cli/measure/table.ts";

/** Whether something is as it must be. */
export interface Verdict {
  readonly good: boolean;
  /** Why it is not promised to be good: then any result is only stated. */
  readonly stated?: string | undefined;
}

/** One thing that was checked. */
export interface Finding extends Verdict {
  readonly what: string;
  readonly seen: number | string;
}

/** So many of those that should not be there are named. */
const NAMED = 3;

/** A count that must be 0; else the first of what was found is named, too. */
export function none(what: string, found: readonly unknown[]): Finding {
  const { length } = found;
  const seen = length === 0 ? 0 : `${length}: ${found.slice(0, NAMED).join("; ")}`;
  return { what, seen, good: length === 0 };
}

/** Whether something is not as it must be. */
export function isBad({ good, stated }: Verdict): boolean {
  return !good && stated === undefined;
}

/** Throws unless everything is as it must be; for tests. */
export function allGood(findings: readonly Finding[]): void {
  const bad = findings.filter(isBad);
  if (bad.length === 0) return;
  const lines = bad.map(({ what, seen }) => `${what}: ${seen}`);
  throw new Error(`Not as it must be:\n${lines.join("\n")}`);
}

/** Rows of figures, each with a verdict. */
export class Report {
  readonly #head: readonly string[];
  readonly #rows: (readonly string[])[] = [];
  readonly #stated = new Set<string>();
  #failed = false;

  /** Creates a table with these columns; the verdict gets one more. */
  constructor(...head: string[]) {
    this.#head = [...head, "good"];
  }

  /** Adds a row, and returns its cells. */
  row(cells: readonly string[], { good, stated }: Verdict): readonly string[] {
    if (stated !== undefined) this.#stated.add(stated);
    else if (!good) this.#failed = true;
    const row = [...cells, stated !== undefined ? "stated" : good ? "yes" : "NO"];
    this.#rows.push(row);
    return row;
  }

  /** The code to exit with. */
  get code(): number {
    return this.#failed ? 1 : 0;
  }

  /** The table, and below it why some of it is only stated. */
  toString(): string {
    const reason = [...this.#stated].map((stated) => `\nStated: ${stated}.`);
    return [formatMarkdownTable(this.#head, this.#rows), ...reason].join("\n");
  }

  /** Prints it; the process ends with 1 if a row is not good. */
  print(title: string): void {
    console.log(`${title}\n\n${this}`);
    if (this.#failed) Deno.exitCode = 1;
  }
}

/**
 * Prints findings; the process ends with 1 if one is not good.
 *
 * @param title what was done
 * @param findings what was found
 */
export function report(title: string, findings: readonly Finding[]): void {
  const rows = new Report("what", "seen");
  for (const { what, seen, ...verdict } of findings) rows.row([what, `${seen}`], verdict);
  rows.print(title);
}

/** Bytes in a readable form. */
export function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The bytes of a MiB. */
export const MIB: number = 1024 * 1024;

/** The same in the unit of the limits. */
export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
}
