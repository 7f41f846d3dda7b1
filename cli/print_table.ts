/**
 * Tables for people: one line for each thing, in columns.
 *
 * @module
 */

import { print, printLine, waitForSpace } from "./terminal.ts";

/** The columns of a table: the head of each, and what is below it. */
export type Columns<T> = readonly (readonly [head: string, cell: (item: T) => string])[];

/**
 * Prints things: as a table, or each as a line of JSON.
 *
 * @param items the things
 * @param columns the columns
 * @param json turns one into JSON; `undefined`: a table is printed
 */
export async function printTable<T>(
  items: readonly T[],
  columns: Columns<T>,
  json: ((item: T) => string) | undefined,
): Promise<void> {
  if (json) {
    for (const item of items) {
      print(json(item));
      await waitForSpace();
    }
    return;
  }
  const rows = [
    columns.map(([head]) => head),
    ...items.map((item) => columns.map(([, cell]) => cell(item))),
  ];
  const widths = columns.map((_, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]!.length), 0)
  );
  for (const row of rows) {
    printLine(row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
    await waitForSpace();
  }
}

/** A time in UTC, to the second. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
