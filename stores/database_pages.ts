/**
 * The pages of a database file that nobody writes to: what SQLite leaves in them besides their contents is overwritten.
 *
 * When SQLite moves rows from page to page, it writes the cells of a page anew and leaves what was between them; and what
 * was in a page behind the end of a long row. So a text may be there that has since moved on, and was deleted elsewhere.
 * `secure_delete` overwrites only where something is deleted. Nothing reads these bytes.
 *
 * @module
 */

/** The first byte of the pages that have cells: inner pages of an index and of a table, and leaves of both. */
const [INNER_INDEX, INNER_TABLE, LEAF_INDEX, LEAF_TABLE] = [2, 5, 10, 13] as const;

/**
 * All other pages begin with the number of a page, but for maps. From this one on its first byte could be that of a page with
 * cells: that takes a file of 128 GB.
 */
const PAGES_END = 2 << 24;

/** SQLite locks this byte, and uses nothing of its page. */
const LOCK_BYTE = 0x40000000;

/** A page, and where its cells are. */
interface Page {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** The pages of a file. */
export class DatabasePages {
  /** How many there are. */
  readonly count: number;
  readonly #file: Deno.FsFile;
  readonly #size: number;
  /** What SQLite uses of a page. */
  readonly #usable: number;
  /** Some pages are maps that say what the pages after them are for, as in a file that shrinks (`auto_vacuum`). */
  readonly #hasMaps: boolean;
  /** Pages that follow each other and were read together, and the first of them. */
  #slice: Uint8Array = new Uint8Array();
  #first = 1;

  /**
   * Reads the head of a file.
   *
   * @param file the open file; it must stay as it is
   */
  constructor(file: Deno.FsFile) {
    this.#file = file;
    const { view } = toPage(1, this.#read(0, 100));
    this.#size = view.getUint16(16) === 1 ? 65_536 : view.getUint16(16);
    this.#usable = this.#size - view.getUint8(20);
    this.#hasMaps = view.getUint32(52) > 0;
    const count = Math.floor(file.statSync().size / this.#size);
    this.count = count < PAGES_END ? count : 0;
  }

  /** Reads pages together, for what follows. */
  load(first: number, last: number): void {
    this.#first = first;
    this.#slice = this.#read((first - 1) * this.#size, (last - first + 1) * this.#size);
  }

  /** The leaves of a table, by the page of its root. */
  leafPages(root: number): Set<number> {
    const found = new Set<number>();
    const inner = [root];
    for (let number; (number = inner.pop()) !== undefined;) {
      const { view, bytes } = this.#page(number);
      if (bytes[0] === LEAF_TABLE) found.add(number);
      if (bytes[0] !== INNER_TABLE) continue;
      const children = [view.getUint32(8)];
      for (let i = 0; i < view.getUint16(3); i++) {
        children.push(view.getUint32(view.getUint16(12 + 2 * i)));
      }
      // All leaves are as deep as the first: only that one is looked at.
      const isLast = this.#page(children[0]!).bytes[0] === LEAF_TABLE;
      for (const child of children) isLast ? found.add(child) : inner.push(child);
    }
    return found;
  }

  /** Overwrites what is between the cells of a page, if it has any. */
  overwriteGaps(number: number): void {
    const page = this.#page(number);
    const { bytes, view } = page;
    const header = number === 1 ? 100 : 0;
    const kind = this.#isMap(number) ? 0 : bytes[header];
    const isInner = kind === INNER_INDEX || kind === INNER_TABLE;
    if (!isInner && kind !== LEAF_INDEX && kind !== LEAF_TABLE) return;
    const cells = header + (isInner ? 12 : 8) + 2 * view.getUint16(header + 3);
    const contents = view.getUint16(header + 5) || 65_536;
    if (cells > contents || contents > this.#usable) return;
    let isClean = clear(bytes, cells, contents);
    // A list in the order of the page: each block begins with the place of the next one, and with its own length.
    for (let at = view.getUint16(header + 1); at >= contents && at + 4 <= this.#usable;) {
      const [next, length] = [view.getUint16(at), view.getUint16(at + 2)];
      if (length < 4 || at + length > this.#usable || (next !== 0 && next < at + length)) break;
      isClean = clear(bytes, at + 4, at + length) && isClean;
      at = next;
    }
    if (!isClean) this.#write(page);
  }

  /** Overwrites what is behind the ends of the rows of a leaf that have pages of their own. */
  overwriteTails(leaf: number): void {
    const { view } = this.#page(leaf);
    const [inLeaf, inPage] = [this.#usable - 35, this.#usable - 4];
    const minimum = Math.floor(((this.#usable - 12) * 32) / 255) - 23;
    for (let i = 0; i < view.getUint16(3); i++) {
      const [length, key] = varint(view, view.getUint16(8 + 2 * i));
      if (length <= inLeaf) continue;
      const [, start] = varint(view, key);
      let here = minimum + (length - minimum) % inPage;
      if (here > inLeaf) here = minimum;
      let page = this.#page(view.getUint32(start + here));
      let rest = length - here;
      for (; rest > inPage; rest -= inPage) page = this.#page(page.view.getUint32(0));
      if (!clear(page.bytes, 4 + rest, this.#usable)) this.#write(page);
    }
  }

  /** What was written is on the disk. */
  sync(): void {
    this.#file.syncDataSync();
  }

  /** Maps are at regular distances, from page 2 on; five bytes are for each page. */
  #isMap(number: number): boolean {
    if (!this.#hasMaps || number < 2) return false;
    const distance = Math.floor(this.#usable / 5) + 1;
    const map = number - (number - 2) % distance;
    return number === map || (number - 1 === map && map * this.#size - this.#size === LOCK_BYTE);
  }

  #page(number: number): Page {
    if (number < 1 || number > this.count) throw new Error(`it is damaged: no page ${number}`);
    const start = (number - this.#first) * this.#size;
    const isLoaded = start >= 0 && start + this.#size <= this.#slice.length;
    const bytes = isLoaded
      ? this.#slice.subarray(start, start + this.#size)
      : this.#read((number - 1) * this.#size, this.#size);
    return toPage(number, bytes);
  }

  #read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let read = 0; read < length;) {
      const more = this.#file.readSync(bytes.subarray(read));
      if (more === null) throw new Error("it is damaged: it ends too early");
      read += more;
    }
    return bytes;
  }

  #write({ number, bytes }: Page): void {
    this.#file.seekSync((number - 1) * this.#size, Deno.SeekMode.Start);
    for (let written = 0; written < bytes.length;) {
      written += this.#file.writeSync(bytes.subarray(written));
    }
  }
}

function toPage(number: number, bytes: Uint8Array): Page {
  return { number, bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** Overwrites a part with zeros; returns whether it had nothing else. */
function clear(bytes: Uint8Array, from: number, to: number): boolean {
  const part = bytes.subarray(from, to);
  if (part.every((byte) => byte === 0)) return true;
  part.fill(0);
  return false;
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
