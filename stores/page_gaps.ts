/**
 * Overwrites what SQLite leaves in the pages of an open file, while it is used; see `database_pages.ts`.
 *
 * @module
 */

import type { DatabaseFile } from "./database_file.ts";
import type { Database } from "./engine.ts";
import { DatabasePages, rootsOf } from "./database_pages.ts";
import { FreeList, type PageSet } from "./free_list.ts";
import { WalInUseError } from "./database_wal.ts";
import { countWalFrames, FRAME_HEADER_BYTES, WAL_HEADER_BYTES } from "./wal_mark.ts";

/** How many pages are looked at in a slice, unless they are larger than those of SQLite mostly are. */
const SLICE = 512;
/** How many bytes are looked at in a slice at most. */
const SLICE_BYTES = 4096 * SLICE;

/** So often all pages are looked at again because another program cut the log meanwhile: or this would not end. */
const MAX_RESTARTS = 8;

const IN_USE = "another program writes to it";

/**
 * Goes through all pages of a database, and again through those that are written meanwhile.
 *
 * While it does, the log is empty, SQLite can begin no transaction that writes, and the disk has the file as it is: so which
 * pages are free, and what is between rows, stays as it is, also if the process or the machine fails. If SQLite uses such a
 * page or part again, that comes to the log first, and later replaces what was written here.
 */
export class PageGaps {
  readonly #slice: number;
  #opened: DatabaseFile | undefined;
  /** The first page that was not looked at. */
  #next = 1;
  /** The last page that there was at first: a file that grows has no other that was not written meanwhile. */
  #last = Infinity;
  /** The pages that were written since the last slice: what was in others may have moved there. */
  readonly #written = new Set<number>();
  /** The salt of the log when it was read last. It grows by one when the log begins again. */
  #salt: number | undefined;
  /** How often all pages had to be looked at again. */
  #restarts = 0;
  /** The pages that had rows at first. Those that have some now were written since, if they are not among these. */
  #trees: PageSet | undefined;
  /** The pages that are free, and what tells whether they still are. */
  #free: { readonly changes: string; readonly list: FreeList } | undefined;
  /** How many of these are looked at in a slice, how many there were before the last one, and whether some were left. */
  #budget: number;
  #before = 0;
  #isLeft = false;
  readonly #beforeCheckpoint = () => {
    try {
      this.#noteWritten();
    } catch {
      // Nobody knows what was written: all is looked at again.
      this.#begin();
    }
  };

  /**
   * Has looked at nothing yet.
   *
   * @param slice how many pages it looks at in a slice
   */
  constructor(slice: number = SLICE) {
    this.#slice = this.#budget = slice;
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
      this.#salt = undefined;
      this.#begin();
      opened.wal.beforeCheckpoint.add(this.#beforeCheckpoint);
      // That takes a while if there is much in the log, so the pages come later.
      opened.wal.empty();
      return true;
    }
    const { db, disk, wal } = opened;
    let more = false;
    wal.empty(() => {
      // While nobody can write to the log, and nothing is in it, nobody writes to the file.
      db.prepare("BEGIN IMMEDIATE").run();
      try {
        // Where it has no name any more, others begin another.
        if (disk.hasLostWal || countWalFrames(`${disk.realPath}-wal`) > 0) {
          throw new WalInUseError(IN_USE);
        }
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
    if (this.#restarts > MAX_RESTARTS) throw new WalInUseError(IN_USE);
    const pages = new DatabasePages(disk.handle);
    if (this.#last === Infinity) this.#findTrees(db, pages);
    const free = this.#freePages(db, pages);
    const end = Math.min(this.#last, pages.count);
    const count = Math.min(this.#slice, Math.max(1, Math.floor(SLICE_BYTES / pages.size)));
    const [first, last] = [this.#next, Math.min(this.#next + count - 1, end)];
    if (first <= last) pages.load(first, last);
    const overwrite = (number: number, hasCells: boolean) => {
      if (free.has(number)) pages.overwriteFrom(number, free.usedBytes(number));
      else if (pages.knowsCells) {
        pages.overwriteGaps(number);
        if (hasCells) pages.overwriteTails(number);
      }
    };
    for (let number = first; number <= last; number++) overwrite(number, this.#trees!.has(number));
    // If as many were written as were looked at, more are looked at: so this ends.
    if (this.#isLeft && this.#written.size >= this.#before) this.#budget *= 2;
    this.#before = this.#written.size;
    let budget = this.#budget;
    for (const number of this.#written) {
      if (budget-- === 0) break;
      this.#written.delete(number);
      // A transaction that was rolled back may have written pages to the log which the file does not have.
      if (number <= pages.count) overwrite(number, true);
    }
    pages.sync();
    this.#next = Math.max(first, last + 1);
    this.#isLeft = this.#written.size > 0;
    return this.#next <= end || this.#isLeft;
  }

  /** All pages are still to be looked at. */
  #begin(): void {
    [this.#next, this.#last, this.#free] = [1, Infinity, undefined];
  }

  #findTrees(db: Database, pages: DatabasePages): void {
    this.#last = pages.count;
    this.#trees = pages.treePages(rootsOf(db));
  }

  /** The free pages; they are looked for again if anything has changed. */
  #freePages(db: Database, pages: DatabasePages): FreeList {
    const changes = [
      ...["PRAGMA data_version", "PRAGMA schema_version", "SELECT total_changes()"],
    ].map((sql) => Object.values(Object(db.prepare(sql).all()[0]))[0]).join();
    if (this.#free?.changes !== changes) this.#free = { changes, list: new FreeList(pages) };
    return this.#free.list;
  }

  /** The pages in the log, which is about to be written to the file. */
  #noteWritten(): void {
    using wal = Deno.openSync(`${this.#opened!.disk.realPath}-wal`);
    const { size } = wal.statSync();
    const bytes = new Uint8Array(WAL_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    if (wal.readSync(bytes) !== bytes.length) return;
    const [frame, salt] = [FRAME_HEADER_BYTES + view.getUint32(8), view.getUint32(16)];
    const before = this.#salt ?? salt;
    this.#salt = salt;
    if ((salt - before) >>> 0 > 1) {
      // It began again, and again: what was in it between was not read.
      this.#restarts++;
      this.#begin();
    }
    for (let at = WAL_HEADER_BYTES; at + frame <= size; at += frame) {
      wal.seekSync(at, Deno.SeekMode.Start);
      if (wal.readSync(bytes) !== bytes.length || view.getUint32(8) !== salt) return;
      this.#written.add(view.getUint32(0));
    }
  }
}
