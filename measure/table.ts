/**
 * Tables as Markdown has them, which a person can read as they stand.
 *
 * @module
 */

/**
 * Lays out a table.
 *
 * @param head the names of the columns
 * @param rows the cells
 * @returns lines of Markdown, the columns aligned
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/**
 * Writes a figure with three digits that count, or all before the point.
 *
 * @param value a number above 0
 * @returns such as `1,234`, `12.3`, `0.123`
 */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value === 0 ? "0" : value.toPrecision(3);
}
