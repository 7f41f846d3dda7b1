/**
 * The keys that go from row to row in a list.
 *
 * @module
 */

/**
 * To which row a key goes.
 *
 * @param key as the browser names it
 * @param at the row where one is
 * @param page how many rows are seen at once
 * @param count how many there are, at least one
 * @returns the index of a row; `undefined`: the key has another meaning
 */
export function rowOfKey(
  key: string,
  at: number,
  page: number,
  count: number,
): number | undefined {
  // A page leaves one row of the one before.
  const step = Math.max(1, page - 1);
  const rows = new Map([
    ["ArrowUp", at - 1],
    ["ArrowDown", at + 1],
    ["PageUp", at - step],
    ["PageDown", at + step],
    ["Home", 0],
    ["End", count - 1],
  ]);
  const row = rows.get(key);
  return row === undefined ? undefined : Math.min(count - 1, Math.max(0, row));
}
