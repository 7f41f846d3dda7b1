/**
 * The log beside a database in use: that it is the one that was there, and complete.
 *
 * @module
 */

import { UnusableFileError } from "./file_faults.ts";
import { countWalFrames, FRAME_HEADER_BYTES, WAL_HEADER_BYTES } from "./wal_mark.ts";
import { type FileSnapshot, fileSnapshot, isOtherFile } from "./file_snapshot.ts";

/** The log is cut back to this size after a checkpoint, in bytes. */
export const WAL_SIZE_LIMIT = 64 * 1024 * 1024;

/** A log, by its name. */
export class WalFile {
  readonly #path: string;
  /** The log when it was checked last. */
  #snapshot: FileSnapshot | undefined;
  /** It was gone when SQLite opened the database: the one that is there now was made by SQLite. */
  #isNew = false;
  /** Its least size, by what SQLite knows. */
  #minBytes: () => number = () => Infinity;

  /**
   * Looks at nothing yet.
   *
   * @param path where it is, or will be
   */
  constructor(path: string) {
    this.#path = path;
  }

  /** Whether it is known which log it is. */
  get isKnown(): boolean {
    return this.#snapshot !== undefined;
  }

  /** What its name stands for now. */
  get state(): "gone" | "another" | "there" {
    const snapshot = fileSnapshot(this.#path);
    if (!snapshot) return "gone";
    const before = this.#before;
    return before && isOtherFile(snapshot, before) ? "another" : "there";
  }

  /** SQLite is about to open the database. Throws if another file is in its place. */
  beforeOpening(): void {
    this.#isNew = false;
    this.requireNotReplaced();
    // Opening may fail once SQLite has made a new one: that is to be closed like any other.
    this.#isNew = this.state === "gone";
  }

  /**
   * The log at its name is the right one.
   *
   * @param minBytes asks SQLite for its least size
   */
  opened(minBytes: () => number): void {
    this.#identify(fileSnapshot(this.#path));
    this.#minBytes = minBytes;
  }

  /** Everything in it is in the database: SQLite may have cut it back. */
  restarted(): void {
    if (this.state === "there") this.#snapshot = fileSnapshot(this.#path);
  }

  /** Throws if another file is in its place. */
  requireNotReplaced(): void {
    if (this.state === "another") throw this.#replacedError();
  }

  /** Whether it is shorter than before, whether SQLite cut it or somebody else. */
  get isShorter(): boolean {
    return (fileSnapshot(this.#path)?.size ?? 0) < (this.#snapshot?.size ?? 0);
  }

  /** Throws unless it is there, and complete. */
  requireIntact(): void {
    const snapshot = fileSnapshot(this.#path);
    const before = this.#before;
    if (!snapshot) throw new UnusableFileError(`its log, ${this.#path}, is not there any more`);
    if (before && isOtherFile(snapshot, before)) throw this.#replacedError();
    if (before && this.#isCut(snapshot.size, before.size)) {
      throw new UnusableFileError(`its log, ${this.#path}, was emptied or shortened`);
    }
    this.#identify(snapshot);
  }

  /** Whether it has all pages after a number and up to another one. */
  hasPages(after: number, upTo: number): boolean {
    try {
      const { pages } = readWalPages(this.#path);
      for (let page = Math.floor(after) + 1; page <= upTo; page++) {
        if (!pages.has(page)) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Syncs it to the disk; returns whether that worked. */
  sync(): boolean {
    try {
      using log = Deno.openSync(this.#path);
      log.syncSync();
      return true;
    } catch {
      return false;
    }
  }

  /** What must be in its place, as far as that is known. */
  get #before(): FileSnapshot | undefined {
    return this.#isNew ? undefined : this.#snapshot;
  }

  #identify(snapshot: FileSnapshot | undefined): void {
    this.#snapshot = snapshot;
    this.#isNew = false;
  }

  #isCut(size: number, before: number): boolean {
    // Shorter, too, if SQLite has cut it back: everything after that is in the file.
    if (size < before) {
      const minBytes = this.#minBytes();
      // Another program may have begun it since the size was taken.
      return (fileSnapshot(this.#path)?.size ?? 0) < minBytes;
    }
    // Longer, too, if SQLite has written on where the end was: before that there is nothing.
    return size > before && !hasFrameBefore(this.#path, before);
  }

  #replacedError(): Error {
    return new UnusableFileError(`${this.#path} is not the same file as before`);
  }
}

/** What is committed in a log. */
export interface WalPages {
  /** For each page where its newest content begins in the log. */
  readonly pages: ReadonlyMap<number, number>;
  /** The size of the database after the last transaction, in bytes; 0 if there is none. */
  readonly databaseSize: number;
}

/**
 * Which pages a log has, as far as they are committed.
 *
 * @param path where it is
 * @returns its pages
 */
export function readWalPages(path: string): WalPages {
  const frames = countWalFrames(path);
  using file = Deno.openSync(path);
  const view = new DataView(new ArrayBuffer(WAL_HEADER_BYTES));
  const bytes = new Uint8Array(view.buffer);
  file.readSync(bytes);
  const pageSize = view.getUint32(8);
  const size = FRAME_HEADER_BYTES + pageSize;
  const pages = new Map<number, number>();
  let databaseSize = 0;
  let written: [number, number][] = [];
  for (let frame = 0; frame < frames; frame++) {
    const at = WAL_HEADER_BYTES + frame * size;
    file.seekSync(at, Deno.SeekMode.Start);
    file.readSync(bytes);
    written.push([view.getUint32(0), at + FRAME_HEADER_BYTES]);
    // Only the last frame of a transaction has the size of the database.
    if (view.getUint32(4) === 0) continue;
    databaseSize = view.getUint32(4) * pageSize;
    for (const [page, content] of written) pages.set(page, content);
    written = [];
  }
  return { pages, databaseSize };
}

/**
 * Whether there is something at the end that a log once had: a frame begins with the number of a page.
 *
 * @param path where the log is
 * @param end how large it was
 */
function hasFrameBefore(path: string, end: number): boolean {
  using file = Deno.openSync(path);
  const view = new DataView(new ArrayBuffer(32));
  file.readSync(new Uint8Array(view.buffer));
  const frame = FRAME_HEADER_BYTES + view.getUint32(8);
  const frames = Math.floor((end - WAL_HEADER_BYTES) / frame);
  if (frames <= 0) return true;
  if (frame === FRAME_HEADER_BYTES) return false;
  file.seekSync(WAL_HEADER_BYTES + (frames - 1) * frame, Deno.SeekMode.Start);
  file.readSync(new Uint8Array(view.buffer));
  return view.getUint32(0) > 0;
}
