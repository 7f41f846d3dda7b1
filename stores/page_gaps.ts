/**
 * Overwrites what SQLite leaves in the pages of an open file, while it is used; see `database_pages.ts`.
 *
 * @module
 */

import type { DatabaseFile } from "./database_file.ts";
import { DatabasePages } from "./database_pages.ts";
import { WalInUseError } from "./database_wal.ts";
import { countWalFrames, FRAME_HEADER_BYTES, WAL_HEADER_BYTES } from "./wal_mark.ts";

/** How many pages are looked at in a slice. */
const SLICE = 1024;

const IN_USE = "another program writes to it";

/** Goes through all pages of a database, and again through those that are written meanwhile. */
export class PageGaps {
  readonly #slice: number;
  #opened: DatabaseFile | undefined;
  /** The first page that was not looked at. */
  #next = 1;
  /** The last page that there was at first: a file that grows has no other that was not written meanwhile. */
  #last = Infinity;
  /** The pages that were written since the last slice: what was in others may have moved there. */
  readonly #written = new Set<number>();
  /** How many of these are looked at in a slice, how many there were before the last one, and whether some were left. */
  #budget = SLICE;
  #before = 0;
  #isLeft = false;
  readonly #beforeCheckpoint = () => this.#noteWritten();

  /**
   * Has looked at nothing yet.
   *
   * @param slice how many pages it looks at in a slice
   */
  constructor(slice: number = SLICE) {
    this.#slice = slice;
  }

  /**
   * Overwrites some; the log is empty then. After the last ones it may be called again, for what was written since.
   *
   * @param opened the open file. If it is not the one of the last call, all begins anew
   * @returns whether there are more
   * @throws {Error} if the log cannot be emptied
   */
  overwriteSome(opened: DatabaseFile): boolean {
    if (opened !== this.#opened) {
      this.end();
      this.#opened = opened;
      [this.#next, this.#last] = [1, Infinity];
      opened.wal.beforeCheckpoint.add(this.#beforeCheckpoint);
    }
    const { db, disk, wal } = opened;
    let more = false;
    wal.empty(() => {
      // While nobody can write to the log, and nothing is in it, nobody writes to the file.
      db.prepare("BEGIN IMMEDIATE").run();
      try {
        if (countWalFrames(`${disk.realPath}-wal`) > 0) throw new WalInUseError(IN_USE);
        more = this.#overwriteSlice(opened);
      } finally {
        db.prepare("ROLLBACK").run();
      }
      // SQLite would write the gaps of pages that it remembers again.
      db.exec("PRAGMA shrink_memory");
    });
    return more;
  }

  /** All of it is done, or it failed. */
  end(): void {
    this.#opened?.wal.beforeCheckpoint.delete(this.#beforeCheckpoint);
  }

  #overwriteSlice({ db, disk }: DatabaseFile): boolean {
    const pages = new DatabasePages(disk.handle);
    if (pages.count === 0) return false;
    if (this.#last === Infinity) this.#last = pages.count;
    const end = Math.min(this.#last, pages.count);
    const [first, last] = [this.#next, Math.min(this.#next + this.#slice - 1, end)];
    const [{ root }] = db.prepare(
      "SELECT rootpage AS root FROM sqlite_schema WHERE name = 'runs'",
    ).all() as [{ root: number }];
    // What is no leaf now may have been one, with rows whose pages others have now.
    const leafPages = pages.leafPages(root);
    if (first <= last) pages.load(first, last);
    const overwrite = (number: number) => {
      pages.overwriteGaps(number);
      if (leafPages.has(number)) pages.overwriteTails(number);
    };
    for (let number = first; number <= last; number++) overwrite(number);
    // If as many were written as were looked at, more are looked at: so this ends.
    if (this.#isLeft && this.#written.size >= this.#before) this.#budget *= 2;
    this.#before = this.#written.size;
    let budget = this.#budget;
    for (const number of this.#written) {
      if (budget-- === 0) break;
      this.#written.delete(number);
      // A transaction that was rolled back may have written pages to the log which the file does not have.
      if (number <= pages.count && (number < first || number > this.#last)) overwrite(number);
    }
    pages.sync();
    this.#next = Math.max(first, last + 1);
    this.#isLeft = this.#written.size > 0;
    return this.#next <= end || this.#isLeft;
  }

  /** The pages in the log, which is about to be written to the file. */
  #noteWritten(): void {
    using wal = Deno.openSync(`${this.#opened!.disk.realPath}-wal`);
    const { size } = wal.statSync();
    const bytes = new Uint8Array(WAL_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    if (wal.readSync(bytes) !== bytes.length) return;
    const [frame, salt] = [FRAME_HEADER_BYTES + view.getUint32(8), view.getUint32(16)];
    for (let at = WAL_HEADER_BYTES; at + frame <= size; at += frame) {
      wal.seekSync(at, Deno.SeekMode.Start);
      if (wal.readSync(bytes) !== bytes.length || view.getUint32(8) !== salt) return;
      this.#written.add(view.getUint32(0));
    }
  }
}
