/**
 * The lock beside a database: its holder has the database to itself.
 *
 * @module
 */

import { UnusableFileError } from "./file_faults.ts";

/**
 * What a lock file may hold: nothing, zeros after a power loss, or a {@linkcode LockContent}; from an earlier version without
 * the mark that was being written, or without the log.
 */
const CONTENT_PATTERN =
  /^(?:dsmq ([1-9]\d{0,4})(?: writing(?: (\d{1,10}))?)?(?: log (\d{1,10}) (\d{1,10})(\+?))?\n)?\0*$/;

/** The bytes that it takes. They are overwritten in place: so a full disk does not matter, and it is never half empty. */
const CONTENT_BYTES = 64;

/** The log that belongs to a database whose mark does not tell it, because another program has begun it. */
export interface NamedLog {
  /** The mark in the file. */
  readonly mark: number;
  /** The salt of the log. */
  readonly salt: number;
  /** A transaction is about to be written that may begin the log once more. */
  readonly mayRestart: boolean;
}

/** What a process leaves behind if it is killed. */
export interface LockContent {
  /** The number of this use of the database; 0 if there is nothing to tell. */
  readonly use: number;
  /** The mark of the database (see `wal_mark.ts`) that was being written to it with the log. */
  readonly mark: number | undefined;
  /** See {@linkcode NamedLog}. */
  readonly log: NamedLog | undefined;
}

const IDLE: LockContent = { use: 0, mark: undefined, log: undefined };

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

  /** See {@linkcode LockContent.log}. */
  get log(): NamedLog | undefined {
    return this.#content?.log;
  }

  /**
   * From now on a killed process leaves this behind; on a full disk perhaps nothing.
   *
   * @param use the number of this use
   * @param mark see {@linkcode LockContent.mark}
   * @param log see {@linkcode LockContent.log}
   */
  markInUse(use: number, mark?: number, log?: NamedLog): void {
    this.#write({ use, mark, log });
  }

  /**
   * The same as before, and the log.
   *
   * @param log see {@linkcode LockContent.log}
   */
  nameLog(log: NamedLog): void {
    if (this.#content?.use) this.#write({ ...this.#content, log });
  }

  /** A killed process leaves nothing to tell. */
  markIdle(): void {
    this.#write(IDLE);
  }

  #write(content: LockContent): void {
    const text = textOf(content);
    if (this.#content && textOf(this.#content) === text) return;
    this.#content = undefined;
    try {
      this.#file.seekSync(0, Deno.SeekMode.Start);
      this.#file.writeSync(new TextEncoder().encode(text.padEnd(CONTENT_BYTES, "\0")));
      this.#content = content;
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
  const bytes = new Uint8Array(CONTENT_BYTES + 1);
  const text = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  const content = CONTENT_PATTERN.exec(text);
  if (!content) throw new UnusableFileError(`${path} is not a lock of dsmq`);
  const [, use = 0, mark, logMark, salt, mayRestart] = content;
  return {
    use: Number(use),
    mark: mark === undefined ? undefined : Number(mark),
    log: logMark === undefined
      ? undefined
      : { mark: Number(logMark), salt: Number(salt), mayRestart: mayRestart === "+" },
  };
}

function textOf({ use, mark, log }: LockContent): string {
  if (use === 0) return "";
  const writing = mark === undefined ? "" : ` writing ${mark}`;
  const named = log ? ` log ${log.mark} ${log.salt}${log.mayRestart ? "+" : ""}` : "";
  return `dsmq ${use}${writing}${named}\n`;
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
