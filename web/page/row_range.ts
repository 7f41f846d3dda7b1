/**
 * Which rows of a long list are on the screen.
 *
 * @module
 */

/** Rows beyond the edges of the screen, so that the keyboard finds the next one. */
const MARGIN = 6;

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
