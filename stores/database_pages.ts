/**
 * The pages of a database file that nobody writes to: what SQLite leaves in them besides their contents is overwritten.
 *
 * When SQLite moves rows from page to page, it writes the cells of a page anew and leaves what was between them; and what
 * was in a page behind the end of a long row. So a text may be there that has since moved on, and was deleted elsewhere.
 * `secure_delete` overwrites only where something is deleted. Nothing reads these bytes.
 *
 * @module
 */

import type { Database } from "./engine.ts";
import { PageSet } from "./free_list.ts";

/** The first byte of the pages that have cells: inner pages of an index and of a table, and leaves of both. */
const [INNER_INDEX, INNER_TABLE, LEAF_INDEX, LEAF_TABLE] = [2, 5, 10, 13] as const;

/**
 * All other pages begin with the number of a page, but for maps. From this one on its first byte could be that of a page with
 * cells: that takes a file of 128 GB.
 */
const PAGES_END = 2 << 24;

/** The header of the file is before that of the cells of its first page. */
const FILE_HEADER = 100;

/** SQLite locks this byte, and uses nothing of its page. */
const LOCK_BYTE = 0x40000000;

/** A page, and where its cells are. */
export interface Page {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the header of its cells begins. */
  readonly header: number;
}

/** The pages of a file. */
export class DatabasePages {
  /** How many there are. */
  readonly count: number;
  /** Whether pages with cells can be told from others. */
  readonly knowsCells: boolean;
  /** The size of a page. */
  readonly size: number;
  /** What SQLite uses of a page. */
  readonly usable: number;
  readonly #file: Deno.FsFile;
  /** Some pages are maps that say what the pages after them are for, as in a file that shrinks (`auto_vacuum`). */
  readonly #hasMaps: boolean;
  /** Pages that follow each other and were read together, and the first of them. */
  #slice: Uint8Array = new Uint8Array();
  #first = 1;
  /** Which of these were changed. */
  readonly #changed = new Set<number>();

  /**
   * Reads the head of a file.
   *
   * @param file the open file; it must stay as it is
   */
  constructor(file: Deno.FsFile) {
    this.#file = file;
    const view = new DataView(this.#read(0, FILE_HEADER).buffer);
    this.size = view.getUint16(16) === 1 ? 65_536 : view.getUint16(16);
    this.usable = this.size - view.getUint8(20);
    this.#hasMaps = view.getUint32(52) > 0;
    const { size } = file.statSync();
    // The number of pages is valid if the two numbers of the last change are the same.
    const isValid = view.getUint32(24) === view.getUint32(92);
    this.count = isValid ? view.getUint32(28) : Math.floor(size / this.size);
    this.knowsCells = this.count < PAGES_END;
    if (this.count * this.size > size) throw damaged("it ends too early");
  }

  /** The first page of the list of free pages, and how many these are. */
  get freeList(): { readonly first: number; readonly count: number } {
    const { view } = this.page(1);
    return { first: view.getUint32(32), count: view.getUint32(36) };
  }

  /** Whether a page is one that may hold contents, and so be free. */
  mayBeFree(number: number): boolean {
    return number > 1 && number <= this.count && !this.#isMap(number) &&
      number !== LOCK_BYTE / this.size + 1;
  }

  /** Reads pages together, for what follows. */
  load(first: number, last: number): void {
    this.#first = first;
    this.#changed.clear();
    this.#slice = this.#read((first - 1) * this.size, (last - first + 1) * this.size);
  }

  /** All pages that have cells, by the roots of the tables and indexes. */
  treePages(roots: readonly number[]): PageSet {
    const found = new PageSet(this.count);
    const inner = [...roots];
    for (let number; (number = inner.pop()) !== undefined;) {
      if (found.has(number)) throw damaged(`page ${number} is twice in its trees`);
      found.add(number);
      const { bytes, view, header } = this.page(number);
      if (!isInner(bytes[header])) continue;
      const children = [view.getUint32(header + 8)];
      for (let i = 0; i < view.getUint16(header + 3); i++) {
        children.push(view.getUint32(view.getUint16(header + 12 + 2 * i)));
      }
      // All leaves are as deep as the first: only that one is looked at.
      const isLast = !isInner(this.page(children[0]!).bytes[0]);
      for (const child of children) isLast ? found.add(child) : inner.push(child);
    }
    return found;
  }

  /** Overwrites a page from a place on: nothing of that is read. */
  overwriteFrom(number: number, from: number): void {
    const page = this.page(number);
    if (!clear(page.bytes, from, this.usable)) this.#write(page);
  }

  /** Overwrites what is between the cells of a page, if it has any. */
  overwriteGaps(number: number): void {
    const page = this.page(number);
    const { bytes, view, header } = page;
    const kind = this.#kind(page);
    if (!isInner(kind) && kind !== LEAF_INDEX && kind !== LEAF_TABLE) return;
    const cells = header + (isInner(kind) ? 12 : 8) + 2 * view.getUint16(header + 3);
    const contents = view.getUint16(header + 5) || 65_536;
    if (cells > contents || contents > this.usable) return;
    let isClean = clear(bytes, cells, contents);
    // A list in the order of the page: each block begins with the place of the next one, and with its own length.
    for (let at = view.getUint16(header + 1); at >= contents && at + 4 <= this.usable;) {
      const [next, length] = [view.getUint16(at), view.getUint16(at + 2)];
      if (length < 4 || at + length > this.usable || (next !== 0 && next < at + length)) break;
      isClean = clear(bytes, at + 4, at + length) && isClean;
      at = next;
    }
    if (!isClean) this.#write(page);
  }

  /** Overwrites what is behind the ends of the rows of a page that have pages of their own. */
  overwriteTails(number: number): void {
    const owner = this.page(number);
    const { view, header } = owner;
    const kind = this.#kind(owner);
    // Inner pages of a table have numbers of rows alone.
    if (kind !== LEAF_TABLE && kind !== LEAF_INDEX && kind !== INNER_INDEX) return;
    const isTable = kind === LEAF_TABLE;
    const pointers = header + (isTable || kind === LEAF_INDEX ? 8 : 12);
    const inPage = this.usable - 4;
    // How much of a row is in its own page (https://www.sqlite.org/fileformat.html).
    const maxLocal = isTable ? this.usable - 35 : Math.floor(((this.usable - 12) * 64) / 255) - 23;
    const minLocal = Math.floor(((this.usable - 12) * 32) / 255) - 23;
    for (let i = 0; i < view.getUint16(header + 3); i++) {
      const cell = view.getUint16(pointers + 2 * i);
      let [length, start] = varint(view, kind === INNER_INDEX ? cell + 4 : cell);
      if (length <= maxLocal) continue;
      if (isTable) [, start] = varint(view, start);
      let here = minLocal + (length - minLocal) % inPage;
      if (here > maxLocal) here = minLocal;
      let page = this.page(view.getUint32(start + here));
      let rest = length - here;
      if (rest > this.count * inPage) throw damaged(`page ${number} has a row that is too long`);
      for (; rest > inPage; rest -= inPage) page = this.page(page.view.getUint32(0));
      if (page.view.getUint32(0) !== 0) {
        throw damaged(`page ${page.number} is not the last of its row`);
      }
      if (!clear(page.bytes, 4 + rest, this.usable)) this.#write(page);
    }
  }

  /** Writes what was changed, and it is on the disk. */
  sync(): void {
    for (const first of this.#changed) {
      let end = first;
      // Pages that follow each other are written together.
      while (this.#changed.delete(end)) end++;
      this.#writeBytes(first, this.#loaded(first, end - first)!);
    }
    this.#file.syncDataSync();
  }

  /** What a page with cells begins with, or another one with something else. */
  #kind({ number, bytes, header }: Page): number {
    return this.#isMap(number) ? 0 : bytes[header]!;
  }

  /** Maps are at regular distances, from page 2 on; five bytes are for each page. */
  #isMap(number: number): boolean {
    if (!this.#hasMaps) return false;
    const distance = Math.floor(this.usable / 5) + 1;
    const map = number - (number - 2) % distance;
    return number === map || (number - 1 === map && map * this.size - this.size === LOCK_BYTE);
  }

  /** A page. */
  page(number: number): Page {
    if (number < 1 || number > this.count) throw damaged(`it has no page ${number}`);
    const bytes = this.#loaded(number, 1) ?? this.#read((number - 1) * this.size, this.size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return { number, bytes, view, header: number === 1 ? FILE_HEADER : 0 };
  }

  /** Pages that follow each other, if they are among those that were read together. */
  #loaded(number: number, count: number): Uint8Array | undefined {
    const start = (number - this.#first) * this.size;
    const end = start + count * this.size;
    return start >= 0 && end <= this.#slice.length ? this.#slice.subarray(start, end) : undefined;
  }

  #read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let read = 0; read < length;) {
      const more = this.#file.readSync(bytes.subarray(read));
      if (more === null) throw damaged("it ends too early");
      read += more;
    }
    return bytes;
  }

  #write({ number, bytes }: Page): void {
    if (this.#loaded(number, 1)) this.#changed.add(number);
    else this.#writeBytes(number, bytes);
  }

  #writeBytes(first: number, bytes: Uint8Array): void {
    this.#file.seekSync((first - 1) * this.size, Deno.SeekMode.Start);
    for (let written = 0; written < bytes.length;) {
      written += this.#file.writeSync(bytes.subarray(written));
    }
  }
}

function isInner(kind: number | undefined): boolean {
  return kind === INNER_INDEX || kind === INNER_TABLE;
}

function damaged(reason: string): Error {
  return new Error(`it is damaged: ${reason}`);
}

/** Overwrites a part with zeros; returns whether it had nothing else. */
function clear(bytes: Uint8Array, from: number, to: number): boolean {
  // A loop: with a function for each byte it would take five times as long.
  for (let at = from; at < to; at++) {
    if (bytes[at] === 0) continue;
    bytes.fill(0, at, to);
    return false;
  }
  return true;
}

/** A number of SQLite's variable length, and where it ends. It is exact up to 2^53, which lengths are. */
function varint(view: DataView, start: number): [value: number, end: number] {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const byte = view.getUint8(at);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + 1];
  }
  return [value * 256 + view.getUint8(start + 8), start + 9];
}

/** The roots of the tables and indexes of a database. */
export function rootsOf(db: Database): number[] {
  const rows = db.prepare("SELECT rootpage AS root FROM sqlite_schema WHERE rootpage > 0").all();
  return [1, ...(rows as { root: number }[]).map(({ root }) => root)];
}
