/**
 * Formats tables as Markdown that is also readable as plain text.
 *
 * @module
 */

/**
 * Formats a table.
 *
 * @param head the names of the columns
 * @param rows the cells
 * @returns lines of Markdown with aligned columns
 */
export function formatMarkdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const separator = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [row(head), separator, ...rows.map(row)].join("\n");
}

/**
 * Formats a figure with three significant digits, or all digits before the point.
 *
 * @param value a number above 0
 * @returns such as `1,234`, `12.3`, `0.123`
 */
export function formatFigure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value === 0 ? "0" : value.toPrecision(3);
}
