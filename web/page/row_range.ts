/**
 * Which rows of a long list are on the screen.
 *
 * @module
 */

/** Rows beyond the edges of the screen, so that the keyboard finds the next one. */
export const MARGIN = 6;

/** A part of a list, from the first to before the second. */
export type RowRange = readonly [from: number, to: number];

/**
 * Which rows are on the screen.
 *
 * @param top where the list begins, in pixels below the upper edge of what can be seen
 * @param height of what can be seen, in pixels
 * @param rowHeight of each row, in pixels
 * @param count how many rows there are
 */
export function rowsOnScreen(
  top: number,
  height: number,
  rowHeight: number,
  count: number,
): RowRange {
  const from = Math.floor(-top / rowHeight) - MARGIN;
  const to = Math.ceil((height - top) / rowHeight) + MARGIN;
  return [Math.min(count, Math.max(0, from)), Math.max(0, Math.min(count, to))];
}

/**
 * The indexes of a part of a list, and of one row besides, in their order.
 *
 * @param range the part; it may reach beyond the end, where rows are gone since it was found
 * @param row the other one; -1: none
 * @param count how many rows there are
 */
export function withRow([from, end]: RowRange, row: number, count: number): readonly number[] {
  const to = Math.min(end, count);
  const indexes = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  if (row < 0 || (row >= from && row < to)) return indexes;
  return row < from ? [row, ...indexes] : [...indexes, row];
}
