/**
 * The file of a database on the disk: that it is ours alone, whole, and still the one that was opened.
 *
 * @module
 */

import { requirePermission, Unusable } from "./file_faults.ts";
import { FileLock } from "./file_lock.ts";
import { absolute, isNew, openForOwner, requireFile, requireNotBeside } from "./found_file.ts";
import { LogFile } from "./log_file.ts";
import { ANY_USE, headOf, inUse, isMarked, isOwnLog, logAt } from "./log_mark.ts";
import { isOther, type Seen, seen } from "./seen.ts";

/** A file, from before it is opened until after it was closed. */
export class FileOnDisk {
  /** Its absolute path, as it was given: others find it by that. */
  readonly path: string;
  /** The same without links: SQLite's files are beside this one. */
  readonly real: string;
  /** The number of this use of it, from 1 to 65535: at random. */
  readonly use: number = 1 + Math.floor(Math.random() * 65535);
  /** Nothing was ever acknowledged in it. */
  readonly isNew: boolean;
  /** Its `user_version` before it has a log, if it has a mark though it is whole: else that would go with the next log. */
  readonly unmarked: number | undefined;
  readonly #lock: FileLock;
  /** Open as long as SQLite has the file open: to close it would drop SQLite's own locks. */
  readonly #handle: Deno.FsFile;
  #file: Seen;
  readonly #log: LogFile;
  /** What the file says where it has no mark: not known before the log was brought into it once. */
  #number = ANY_USE;
  /** Its `schema_version` when the log was brought into it last, and what asks SQLite for that of now. */
  #schema: number;
  #schemaNow: () => number = () => Infinity;
  #isClosed = false;

  private constructor(path: string, real: string, lock: FileLock, handle: Deno.FsFile) {
    this.#handle = handle;
    this.path = path;
    this.real = real;
    this.#lock = lock;
    this.#log = new LogFile(`${real}-wal`);
    this.#file = seen(real)!;
    this.#schema = headOf(handle).schema;
    this.isNew = isNew(real, handle, lock.left);
    if (logAt(`${real}-wal`) || !isMarked(headOf(handle))) return;
    // Of any use that number is none.
    this.unmarked = inUse((lock.left?.use ?? 0) % ANY_USE);
  }

  /**
   * Takes a file for this process alone. One that is not there is made, for its owner alone to read.
   *
   * @param given its path
   * @returns the file; whoever took it releases it
   * @throws {Error} if it cannot be used, or is not what it was when it was used last
   */
  static take(given: string): FileOnDisk {
    requirePermission(given);
    requireNotBeside(given);
    const path = absolute(given);
    const isThere = requireFile(path);
    // Opened and closed before it is locked only where it is new: to close it drops the locks of SQLite in this process.
    if (!isThere) openForOwner(path).close();
    const real = Deno.realPathSync(path);
    let lock: FileLock | undefined;
    let handle: Deno.FsFile | undefined;
    try {
      lock = FileLock.take(`${real}-lock`);
      handle = openForOwner(real);
      return new FileOnDisk(path, real, lock, handle);
    } catch (error) {
      handle?.close();
      // Only while the lock is held: another process may have begun to use it.
      if (lock && !isThere && seen(real)?.size === 0) Deno.removeSync(real);
      lock?.release(lock.left !== undefined);
      throw error;
    }
  }

  /** Who may read and write it, as `chmod` says it; 0 where the system does not know that. */
  get mode(): number {
    return (Deno.statSync(this.real).mode ?? 0) & 0o777;
  }

  /** It is opened by name, perhaps again: throws unless there is the same file at that name. */
  requireSame(): void {
    this.#file = this.#requireFile();
    this.#log.requireNoOther();
  }

  /**
   * It is open: from now on there is a log that goes with it.
   *
   * @param logBytes asks SQLite how large that has to be at least
   * @param schema asks SQLite for its `schema_version`
   */
  opened(logBytes: () => number, schema: () => number): void {
    this.#schemaNow = schema;
    this.written();
    this.#log.opened(logBytes);
    this.#lock.markInUse(this.#number);
  }

  /** Throws unless the file is where it was when it was opened, and whole; says whether nobody has written to it since. */
  requireFile(): boolean {
    const file = this.#requireFile();
    const isUntouched = file.time === this.#file.time;
    this.#file = file;
    return isUntouched;
  }

  /** Throws unless the log is where it was when the file was opened, and whole. */
  requireLog(): void {
    this.#log.requireWhole();
  }

  /** Throws unless the file and its log are where they were when it was opened, and whole. */
  requireWhole(): void {
    this.requireFile();
    this.requireLog();
  }

  /** What is wrong with the file, or its log; nothing is remembered of this look. */
  get fault(): string | undefined {
    try {
      this.#requireFile();
      this.#log.requireNoOther();
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** See {@linkcode LogFile.isShorter}. */
  get logIsShorter(): boolean {
    return this.#log.isShorter;
  }

  /** Whether the log has lost its name, and the file that it goes with is there: SQLite still has all that is in it. */
  get hasLostLog(): boolean {
    return this.#logNow === "gone" || this.#logNow === "another";
  }

  /** Whether there is no log at its name. */
  get logIsGone(): boolean {
    return this.#logNow === "gone";
  }

  get #logNow(): "gone" | "another" | "there" | undefined {
    try {
      this.#requireFile();
      return this.#log.now;
    } catch {
      return undefined;
    }
  }

  /**
   * Has SQLite close it. Where it would write the log into a file that is not its own, or delete that of another, the file
   * is away meanwhile: then it leaves both alone, as it does not at the end of a program that has left it open.
   *
   * @param close closes the database
   */
  close(close: () => void): void {
    const mayBe = this.#mayBeClosed();
    // A copy of it that is in its place says the same as it did: not the number of this use then, but another.
    if (!mayBe && !this.#isOurs) this.#lock.markInUse(this.use % (ANY_USE - 1) + 1);
    this.#schemaNow = () => Infinity;
    if (mayBe) return close();
    const aside = `${this.real}-aside`;
    try {
      if (seen(aside)) return;
      Deno.renameSync(this.real, aside);
    } catch {
      // It stays open until the process exits.
      return;
    }
    try {
      close();
    } finally {
      Deno.renameSync(aside, this.real);
    }
  }

  #mayBeClosed(): boolean {
    try {
      this.requireWhole();
      // From now on the database does not say that a log goes with it.
      this.#lock.markIdle();
      return true;
    } catch {
      // It depends on what is wrong.
    }
    try {
      const file = seen(this.path);
      // What is not there, or another file, SQLite finds by itself, and it leaves the log alone then.
      if (!file || isOther(file, this.#file)) return seen(this.real)?.ino !== this.#file.ino;
      if (file.size === 0) {
        // An empty file like it, but another one.
        Deno.removeSync(this.real);
        openForOwner(this.real).close();
        return true;
      }
      return this.logIsGone;
    } catch {
      return false;
    }
  }

  /** Has the disk take all that is in the log; says whether it did. */
  syncLog(): boolean {
    return this.#log.sync();
  }

  /** What SQLite was told to bring into it is in it. */
  written(): void {
    const file = seen(this.path);
    if (file && !isOther(file, this.#file) && !this.#isShortened(file)) this.#file = file;
  }

  /**
   * Around what writes the log, and with that its mark, to the database: a process that is killed meanwhile says so. Another
   * program may do it to its end then, and delete the log.
   *
   * @param work writes it
   */
  writing(work: () => void): void {
    this.#lock.markInUse(this.#number, true);
    try {
      work();
      this.#number = this.use;
      this.#schema = headOf(this.#handle).schema;
      this.#log.beganAnew();
    } finally {
      this.#lock.markInUse(this.#number);
    }
  }

  /** Gives it back where it could not be opened. What says that it is new, or was in use, stays. */
  releaseAsFound(): void {
    this.release(this.isNew || !!this.#lock.left?.use);
  }

  /** Gives it back, after it was closed. If that went wrong, the next start is told. */
  release(wentWrong = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handle.close();
    this.#lock.release(wentWrong);
  }

  #requireFile(): Seen {
    const file = seen(this.path);
    if (!file) throw new Unusable(`${this.path} is not there any more`);
    if (isOther(file, this.#file)) throw new Unusable(`${this.path} is another file than before`);
    if (this.#isShortened(file)) throw new Unusable(`${this.path} was emptied or shortened`);
    if (file.time !== this.#file.time && this.#log.isKnown && !this.#isOurs) {
      throw new Unusable(`${this.path} was overwritten`);
    }
    return file;
  }

  /** Shorter than before, and not by SQLite (`VACUUM`), which says in the head how long the file is then. */
  #isShortened({ size }: Seen): boolean {
    return size < this.#file.size && (size === 0 || headOf(this.#handle).size !== size);
  }

  /** What is in it is of this use of the file, and no copy that SQLite has made of it. */
  get #isOurs(): boolean {
    const head = headOf(this.#handle);
    if (!isOwnLog(head, logAt(`${this.real}-wal`), this.#number)) return false;
    return isMarked(head) || (this.#schema <= head.schema && head.schema <= this.#schemaNow());
  }
}
