/**
 * What the messages in the table take of what may be stored, counted by whole rows where that is possible.
 *
 * @module
 */

import { utf8Length } from "../protocol/text.ts";
import type { Database, Statement } from "./engine.ts";
import { BETWEEN } from "./run_table.ts";

/** What the messages of a row take. */
interface Sized {
  readonly last: number;
  readonly first: number;
  /** What they take together, as `size.ts` counts it. */
  readonly size: number;
}

/** The sizes of the messages in a table of runs. */
export class RunSizes {
  readonly #sql: Record<"total" | "next" | "bodies", Statement>;
  /** The row that was looked at last: what its messages take up to each of them. */
  #row: Sized & { readonly sums: readonly number[] } | undefined;
  /** Where the first row of all ends. */
  #firstEnd: number | undefined;

  /**
   * Looks at a table.
   *
   * @param db an open database that has the table of messages
   */
  constructor(db: Database) {
    this.#sql = {
      total: db.prepare(
        "SELECT coalesce(sum(size), 0) AS size FROM runs WHERE last > ? AND last <= ?",
      ),
      next: db.prepare("SELECT last, first, size FROM runs WHERE last > ? ORDER BY last LIMIT ?"),
      bodies: db.prepare("SELECT bodies FROM runs WHERE last = ?"),
    };
  }

  /** What the messages after one number and up to another take; they must be there. */
  size(after: number, upTo: number): number {
    if (this.#holds(after) && this.#holds(upTo)) return this.#head(upTo) - this.#head(after);
    const [{ size }] = this.#sql.total.all(after, upTo) as [{ size: number }];
    return size - this.#head(after) + this.#head(upTo);
  }

  /** The number up to which the messages after one take so much together, or all of them, and what is lacking then. */
  reach(after: number, size: number): { readonly upTo: number; readonly lacking: number } {
    let [upTo, lacking] = [after, size];
    let rows: Sized[] = [];
    for (let i = 0, many = 1; lacking > 0; i++) {
      // Mostly the first is enough; where a large message takes the place of many small ones, it is not.
      if (i === rows.length) {
        rows = this.#holds(upTo) ? [this.#row!] : this.#sql.next.all(upTo, many) as Sized[];
        [i, many] = [0, Math.min(256, many * 4)];
      }
      const row = rows[i];
      if (!row) break;
      const before = row.first <= upTo ? this.#head(upTo) : 0;
      if (row.size - before <= lacking || row.first === row.last) {
        [upTo, lacking] = [row.last, lacking - (row.size - before)];
      } else {
        const i = this.#sums(row).findIndex((sum) => sum - before >= lacking);
        return { upTo: row.first + i, lacking: 0 };
      }
    }
    return { upTo, lacking: Math.max(0, lacking) };
  }

  /** Whether there are rows of which no message comes after a number. */
  endBy(upTo: number): boolean {
    this.#firstEnd ??= this.#next(0)?.last ?? Infinity;
    return this.#firstEnd <= upTo;
  }

  /** Rows were inserted, deleted or undone: what is remembered of them is void. */
  changed(): void {
    this.#row = this.#firstEnd = undefined;
  }

  /** Whether the message after this one is in the row that was looked at last. */
  #holds(seq: number): boolean {
    const row = this.#row;
    return row !== undefined && seq >= row.first - 1 && seq < row.last;
  }

  /** What the messages up to a number take that share their row with the next one. */
  #head(upTo: number): number {
    const row = this.#holds(upTo) ? this.#row : this.#next(upTo);
    return row && row.first <= upTo ? this.#sums(row)[upTo - row.first]! : 0;
  }

  #sums(row: Sized): readonly number[] {
    if (this.#row?.first === row.first) return this.#row.sums;
    const [{ bodies }] = this.#sql.bodies.all(row.last) as [{ bodies: string }];
    const lengths = bodies.split(BETWEEN).map(utf8Length);
    const all = lengths.reduce((sum, length) => sum + length, 0);
    const overhead = (row.size - all) / lengths.length;
    let sum = 0;
    const sums = lengths.map((length) => sum += length + overhead);
    this.#row = { ...row, sums };
    return sums;
  }

  /** The first row that ends after a number. */
  #next(after: number): Sized | undefined {
    return (this.#sql.next.all(after, 1) as [Sized?])[0];
  }
}
