/**
 * The lock beside a database: its holder has the database to itself.
 *
 * @module
 */

import { UnusableFileError } from "./file_faults.ts";

/**
 * What a lock file may hold: nothing, zeros after a power loss, or a {@linkcode LockContent}; from an earlier version without
 * the mark that was being written.
 */
const CONTENT_PATTERN = /^(?:dsmq ([1-9]\d{0,4})(?: writing(?: (\d{1,10}))?)?\n)?\0*$/;

/** The bytes that it takes. They are overwritten in place: so a full disk does not matter, and it is never half empty. */
const CONTENT_BYTES = 32;

/** What a process leaves behind if it is killed. */
export interface LockContent {
  /** The number of this use of the database; 0 if there is nothing to tell. */
  readonly use: number;
  /** The mark of the database (see `wal_mark.ts`) that was being written to it with the log. */
  readonly mark: number | undefined;
}

const IDLE: LockContent = { use: 0, mark: undefined };

/**
 * A lock, held until it is released or the process ends.
 *
 * SQLite's own locks are not enough: POSIX drops them as soon as anything in this process closes the same file. This
 * lock belongs to one handle. Its file is deleted when it is released; one left behind by a killed process is taken
 * over, and tells that the database was in use.
 */
export class FileLock {
  readonly path: string;
  /** What a killed process left in it; `undefined` if there was no lock file. */
  readonly previous: LockContent | undefined;
  readonly #file: Deno.FsFile;
  /** What is in it now; `undefined` if it could not be written. */
  #content: LockContent | undefined;

  private constructor(path: string, file: Deno.FsFile, previous: LockContent | undefined) {
    this.path = path;
    this.#file = file;
    this.previous = previous;
    this.#content = previous ?? IDLE;
  }

  /**
   * Takes a lock.
   *
   * @param path the lock file; it is made if it does not exist
   * @returns the lock
   * @throws {UnusableFileError} if another process has it, or the file system has no locks
   */
  static acquire(path: string): FileLock {
    for (;;) {
      const before = lstat(path);
      if (before && !before.isFile) throw new UnusableFileError(`${path} is not a plain file`);
      const file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
      try {
        if (!tryLock(file)) {
          throw new UnusableFileError(
            "it is in use already, by this process or another one",
            "store_in_use",
          );
        }
        // The last holder may have deleted it meanwhile: then another file is in its place, or none.
        if (isSameFile(lstat(path), file.statSync())) {
          const previous = readContent(file, path);
          return new FileLock(path, file, before ? previous : undefined);
        }
      } catch (error) {
        unlock(file);
        throw error;
      }
      unlock(file);
    }
  }

  /** See {@linkcode LockContent.mark}. */
  get mark(): number | undefined {
    return this.#content?.mark;
  }

  /**
   * From now on a killed process leaves this behind; on a full disk perhaps nothing.
   *
   * @param use the number of this use
   * @param mark see {@linkcode LockContent.mark}
   */
  markInUse(use: number, mark?: number): void {
    this.#write({ use, mark });
  }

  /** A killed process leaves nothing to tell. */
  markIdle(): void {
    this.#write(IDLE);
  }

  #write({ use, mark }: LockContent): void {
    if (this.#content?.use === use && this.#content.mark === mark) return;
    const text = use === 0 ? "" : `dsmq ${use}${mark === undefined ? "" : ` writing ${mark}`}\n`;
    this.#content = undefined;
    try {
      this.#file.seekSync(0, Deno.SeekMode.Start);
      this.#file.writeSync(new TextEncoder().encode(text.padEnd(CONTENT_BYTES, "\0")));
      this.#content = { use, mark };
    } catch {
      // The database reports it, too.
    }
  }

  /** Releases it. If the file is retained, or has something to tell, the next process that opens the database learns it. */
  release(retain = false): void {
    try {
      // Deleted before others can have it: or they would hold a file that nobody else finds.
      if (
        !retain && this.#content?.use === 0 && isSameFile(lstat(this.path), this.#file.statSync())
      ) {
        Deno.removeSync(this.path);
      }
    } catch {
      // It stays, and blocks nobody.
    }
    unlock(this.#file);
  }
}

/**
 * Closes a file and gives up its lock, if it has one. Closing alone would not: a program that this process is just starting
 * has the file open, too, for a moment.
 */
function unlock(file: Deno.FsFile): void {
  try {
    file.unlockSync();
  } catch {
    // Closing it does as well, but for that moment.
  }
  file.close();
}

function tryLock(file: Deno.FsFile): boolean {
  try {
    return file.tryLockSync(true);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnusableFileError(
      `it cannot be locked where it is; put it on a local disk (${reason})`,
    );
  }
}

function readContent(file: Deno.FsFile, path: string): LockContent {
  const bytes = new Uint8Array(64);
  const text = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  const content = CONTENT_PATTERN.exec(text);
  if (!content) throw new UnusableFileError(`${path} is not a lock of dsmq`);
  const [, use = 0, mark] = content;
  return { use: Number(use), mark: mark === undefined ? undefined : Number(mark) };
}

function lstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isSameFile(a: Deno.FileInfo | undefined, b: Deno.FileInfo): boolean {
  return a !== undefined && a.dev === b.dev && a.ino === b.ino;
}
