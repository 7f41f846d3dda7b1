/**
 * Prefixes as ranges of names, in the order in which SQLite sorts text: that of UTF-8, which is that of code points.
 *
 * @module
 */

const LAST_CODE_POINT = 0x10ffff;
/** Before the surrogates, which no name has, and after them. */
const [BEFORE_SURROGATES, AFTER_SURROGATES] = [0xd7ff, 0xe000];

/**
 * The condition that a column of names begins with a prefix, which is ?1 with its end ?2. An index over the names gives just
 * these: to SQLite, every text comes before a blob.
 *
 * @param column the column
 */
export function withPrefix(column: string): string {
  return `${column} >= ?1 AND ${column} < coalesce(nullif(?2, ''), x'ff')`;
}

/**
 * The first name after all that begin with a prefix.
 *
 * @param prefix well-formed text
 * @returns that name; `""` if no name comes after them
 */
export function prefixEnd(prefix: string): string {
  const points = [...prefix];
  while (points.length > 0) {
    const last = points.pop()!.codePointAt(0)!;
    if (last === LAST_CODE_POINT) continue;
    const next = last === BEFORE_SURROGATES ? AFTER_SURROGATES : last + 1;
    return points.join("") + String.fromCodePoint(next);
  }
  return "";
}
