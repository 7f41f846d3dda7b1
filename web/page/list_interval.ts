/**
 * How often the page reads a list.
 *
 * @module
 */

/** In milliseconds: what is new is there within a second. */
export const MIN_LIST_INTERVAL = 900;

const MAX_LIST_INTERVAL = 30_000;

/**
 * When to read a list again, in milliseconds: once in so many milliseconds as it has rows, so that one of ten thousand is no
 * work for the server.
 */
export function listInterval(rows: number): number {
  return Math.min(MAX_LIST_INTERVAL, Math.max(MIN_LIST_INTERVAL, rows));
}
