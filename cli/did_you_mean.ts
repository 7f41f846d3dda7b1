/**
 * Suggestions for misspelt words.
 *
 * @module
 */

/**
 * Suggests the word nearest to a misspelt one: a few letters differ, or it is the beginning of the word.
 *
 * @param word the misspelt word
 * @param words the known words
 * @returns `; did you mean WORD?`, or an empty text if no word is near
 */
export function didYouMean(word: string, words: Iterable<string>): string {
  const found = nearestWord(word, [...words]);
  return found === undefined ? "" : `; did you mean ${found}?`;
}

/**
 * Finds the word nearest to a misspelt one. The dashes before the names of options are alike, so they make none nearer.
 *
 * @param word the misspelt word
 * @param words the known words
 * @returns the nearest word; `undefined` if no word is near
 */
export function nearestWord(word: string, words: readonly string[]): string | undefined {
  const wanted = word.toLowerCase();
  // A very long text is near to no word, and takes long to compare.
  if (wanted.length < 2 || wanted.length > 40) return undefined;
  const dashes = /^-*/.exec(wanted)![0].length;
  const maxDistance = (candidate: string) =>
    Math.floor((Math.max(wanted.length, candidate.length) - dashes) / 3);
  const [best] = words
    .map((candidate) => ({ candidate, steps: editDistance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.steps - b.steps);
  if (best && best.steps <= Math.max(1, maxDistance(best.candidate))) return best.candidate;
  return words.find((candidate) => candidate.startsWith(wanted));
}

/** How many letters to insert, delete, change or swap with the next. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(
        rows[i - 1]![j]! + 1,
        row[j - 1]! + 1,
        rows[i - 1]![j - 1]! + (same ? 0 : 1),
      );
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
    }
    rows.push(row);
  }
  return rows.at(-1)!.at(-1)!;
}
