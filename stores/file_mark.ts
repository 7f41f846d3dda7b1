/**
 * What a database in use says of the log beside it, in its header, and in its lock in case the process is killed.
 *
 * @module
 */

import type { FileLock } from "./file_lock.ts";
import {
  ANY_USE,
  inUseVersion,
  isMarked,
  isOwnWal,
  readDatabaseHeader,
  readWalHeader,
  type WalHeader,
} from "./wal_mark.ts";

/** The mark of a file, see `wal_mark.ts`: set by each checkpoint, removed right after it. */
export class FileMark {
  /** The number of this use of the file, from 1 to 65535, at random. */
  readonly use: number = 1 + Math.floor(Math.random() * 65535);
  readonly #handle: Deno.FsFile;
  readonly #walPath: string;
  readonly #lock: FileLock;
  /** The use in the file where it has no mark: not known before the first checkpoint. */
  #useInFile = ANY_USE;
  /** Its `schema_version` at the last checkpoint, and a function that asks SQLite for the present one. */
  #schemaCookie: number;
  #currentSchemaCookie: () => number = () => Infinity;
  /** The log whose mark could not be removed: closing would leave the mark in the file, without the log. */
  #markedWal: WalHeader | undefined;

  /**
   * Takes a file that is about to be opened.
   *
   * @param handle the file
   * @param walPath its log
   * @param lock its lock
   */
  constructor(handle: Deno.FsFile, walPath: string, lock: FileLock) {
    this.#handle = handle;
    this.#walPath = walPath;
    this.#lock = lock;
    this.#schemaCookie = readDatabaseHeader(handle).schemaCookie;
  }

  /** What is in the file is of this use of it, and no copy that SQLite has made of it. */
  get isOwn(): boolean {
    const header = readDatabaseHeader(this.#handle);
    const wals = [readWalHeader(this.#walPath), this.#markedWal];
    if (!wals.some((wal) => isOwnWal(header, wal, this.#useInFile))) return false;
    return isMarked(header) || (this.#schemaCookie <= header.schemaCookie &&
      header.schemaCookie <= this.#currentSchemaCookie());
  }

  /**
   * The `user_version` that the file must get before it has a log, if it has a mark although it is complete: or the
   * mark would belong to the next log.
   */
  get versionToRestore(): number | undefined {
    if (readWalHeader(this.#walPath) || !isMarked(readDatabaseHeader(this.#handle))) {
      return undefined;
    }
    // No use has the number 0.
    return inUseVersion(this.#lock.use % ANY_USE);
  }

  /** The mark could not be removed after the last checkpoint. */
  get isLeft(): boolean {
    return this.#markedWal !== undefined;
  }

  /**
   * The file is open.
   *
   * @param schemaCookie asks SQLite for its `schema_version`
   */
  opened(schemaCookie: () => number): void {
    this.#currentSchemaCookie = schemaCookie;
    this.#tellLock();
  }

  /** SQLite is about to write the log to the file, and to delete it. */
  closing(): void {
    // The file would have its mark: as during a checkpoint.
    if (!this.isLeft) this.#lock.markIdle();
  }

  /** SQLite can no longer be asked. */
  closed(): void {
    this.#currentSchemaCookie = () => Infinity;
  }

  /** A copy of the file in its place says the same as it did then: not the number of this use, but another. */
  disown(): void {
    this.#lock.markInUse(this.use % (ANY_USE - 1) + 1);
  }

  /**
   * Wraps what writes the log, and with it the mark, to the file: if the process is killed meanwhile, its lock says
   * so. Then another program may finish the checkpoint and delete the log.
   *
   * @param write sets the mark, and writes it
   * @param remove removes it. If that fails, the next transaction has to
   */
  duringCheckpoint(write: () => void, remove: () => void): void {
    this.#lock.markInUse(this.#useInFile, true);
    try {
      write();
      this.#useInFile = this.use;
      this.#schemaCookie = readDatabaseHeader(this.#handle).schemaCookie;
    } finally {
      this.#remove(remove);
    }
  }

  /** The log says that the file has no mark. */
  removed(): void {
    if (!this.isLeft) return;
    this.#markedWal = undefined;
    this.#tellLock();
  }

  #remove(remove: () => void): void {
    try {
      remove();
      this.#markedWal = undefined;
    } catch (error) {
      this.#markedWal = walHeaderOf(this.#walPath);
      throw error;
    } finally {
      this.#tellLock();
    }
  }

  #tellLock(): void {
    this.#lock.markInUse(this.#useInFile, this.isLeft);
  }
}

function walHeaderOf(path: string): WalHeader {
  const unknown = { salt: undefined };
  try {
    return readWalHeader(path) ?? unknown;
  } catch {
    // It can be deleted by then, or no file can be opened.
    return unknown;
  }
}
