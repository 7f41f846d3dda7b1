/**
 * Overwrites what SQLite has left in the unused parts of a file that nobody has open; see `database_pages.ts`.
 *
 * @module
 */

import { DatabasePages } from "./database_pages.ts";
import { FreeList } from "./free_list.ts";

/** So much of the file is read at once, in bytes. */
const SLICE_BYTES = 1024 * 1024;

/**
 * Overwrites it: free pages, and in others what is between and behind their rows.
 *
 * @param path the file, which is closed
 * @param roots the roots of its tables and indexes
 * @throws {Error} if it is damaged, or cannot be read or written
 */
export function eraseUnused(path: string, roots: readonly number[]): void {
  using file = Deno.openSync(path, { read: true, write: true });
  const pages = new DatabasePages(file);
  const free = new FreeList(pages);
  const trees = pages.treePages(roots);
  const slice = Math.floor(SLICE_BYTES / pages.size);
  for (let first = 1; first <= pages.count; first += slice) {
    const last = Math.min(first + slice - 1, pages.count);
    pages.load(first, last);
    for (let number = first; number <= last; number++) {
      if (free.has(number)) pages.overwriteFrom(number, free.usedBytes(number));
      else if (pages.knowsCells) {
        pages.overwriteGaps(number);
        if (trees.has(number)) pages.overwriteTails(number);
      }
    }
    pages.sync();
  }
}
