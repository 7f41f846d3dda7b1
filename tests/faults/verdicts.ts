/**
 * What a program of this room found, row by row.
 *
 * @module
 */

/** Prints a row for each thing that was tried, and remembers whether one failed. */
export class Verdicts {
  #failed = false;

  /** Prints a row. */
  row(what: string, passed: boolean, seen: string): void {
    if (!passed) this.#failed = true;
    console.log(`${passed ? "pass" : "FAIL"}  ${what}: ${seen}`);
  }

  /** Prints a row that is neither good nor bad. */
  fact(what: string, seen: string): void {
    console.log(`  –   ${what}: ${seen}`);
  }

  /** The code to exit with. */
  get code(): number {
    return this.#failed ? 1 : 0;
  }
}

/** Bytes as a person reads them. */
export function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
