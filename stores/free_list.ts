/**
 * The pages of a database file that hold nothing, and may still have the text of what was in them.
 *
 * SQLite lists them in some of them, the trunks: each has the number of the next one, how many pages it lists, and their
 * numbers. Nothing reads the others, the leaves, nor what is behind the list of a trunk, whether SQLite uses them again or not.
 *
 * @module
 */

/** Numbers of pages, a bit for each page of a file. */
export class PageSet {
  readonly #bits: Uint8Array;

  /** Has none of this many pages yet. */
  constructor(pages: number) {
    this.#bits = new Uint8Array((pages >> 3) + 1);
  }

  add(page: number): void {
    this.#bits[page >> 3]! |= 1 << (page & 7);
  }

  has(page: number): boolean {
    return (this.#bits[page >> 3]! & (1 << (page & 7))) !== 0;
  }
}

/** What is asked of a file; see `database_pages.ts`. */
interface ListedPages {
  readonly count: number;
  readonly usable: number;
  readonly freeList: { readonly first: number; readonly count: number };
  mayBeFree(page: number): boolean;
  page(number: number): { readonly view: DataView };
}

/** The free pages of a file, as of one moment. */
export class FreeList {
  /** The pages that hold nothing. */
  readonly #empty: PageSet;
  /** How many leaves each trunk lists. */
  readonly #trunks = new Map<number, number>();

  /**
   * Reads it.
   *
   * @param pages the file
   * @throws {Error} if it is not as it must be: then no page is known to be free
   */
  constructor(pages: ListedPages) {
    this.#empty = new PageSet(pages.count);
    const { first, count } = pages.freeList;
    let found = 0;
    for (let trunk = first; trunk !== 0;) {
      const { view } = pages.page(trunk);
      const [next, length] = [view.getUint32(0), view.getUint32(4)];
      const isUsable = !this.has(trunk) && pages.mayBeFree(trunk) && length <= pages.usable / 4 - 2;
      if (!isUsable || (found += 1 + length) > count) throw damaged(trunk);
      this.#trunks.set(trunk, length);
      for (let i = 0; i < length; i++) {
        const leaf = view.getUint32(8 + 4 * i);
        if (!pages.mayBeFree(leaf) || this.has(leaf)) throw damaged(leaf);
        this.#empty.add(leaf);
      }
      trunk = next;
    }
    if (found !== count) throw new Error(`it is damaged: it has ${found} free pages, not ${count}`);
  }

  /** Whether a page is free. */
  has(page: number): boolean {
    return this.#empty.has(page) || this.#trunks.has(page);
  }

  /** From where on a free page has nothing that SQLite reads. */
  usedBytes(page: number): number {
    const listed = this.#trunks.get(page);
    return listed === undefined ? 0 : 8 + 4 * listed;
  }
}

function damaged(page: number): Error {
  return new Error(`it is damaged: page ${page} cannot be free`);
}
