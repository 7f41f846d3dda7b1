/**
 * The file of a database on the disk: that it is ours alone, complete, and still the one that was opened.
 *
 * @module
 */

import { requireFilePermissions, requireShortPath, UnusableFileError } from "./file_faults.ts";
import { FileLock } from "./file_lock.ts";
import {
  absolutePath,
  isNewFile,
  openPrivateFile,
  requireNoSiblingName,
  requirePlainFile,
} from "./file_preflight.ts";
import { FileMark } from "./file_mark.ts";
import { WalFile } from "./wal_file.ts";
import { readDatabaseHeader } from "./wal_mark.ts";
import { type FileSnapshot, fileSnapshot, isOtherFile } from "./file_snapshot.ts";

/** A file, from before it is opened until after it was closed. */
export class FileOnDisk {
  /** Its absolute path, as it was given: others find it by that. */
  readonly path: string;
  /** The same without links: SQLite's files are beside this one. */
  readonly realPath: string;
  /** Nothing was ever acknowledged in it. */
  readonly isNew: boolean;
  /** What it says of its log. */
  readonly mark: FileMark;
  readonly #lock: FileLock;
  /** Open as long as SQLite has the file open: to close it would drop SQLite's own locks. */
  readonly handle: Deno.FsFile;
  #file: FileSnapshot;
  readonly #wal: WalFile;
  #isClosed = false;

  private constructor(path: string, realPath: string, lock: FileLock, handle: Deno.FsFile) {
    this.handle = handle;
    this.path = path;
    this.realPath = realPath;
    this.#lock = lock;
    this.#wal = new WalFile(`${realPath}-wal`);
    this.isNew = isNewFile(realPath, handle, lock.previous);
    this.mark = new FileMark(realPath, handle, lock, this.#wal);
    this.#file = fileSnapshot(realPath)!;
  }

  /**
   * Takes a file for this process only. A file that does not exist is created, readable only by its owner.
   *
   * @param given its path
   * @returns the file; the caller releases it
   * @throws {Error} if it cannot be used, or is not what it was when it was used last
   */
  static acquire(given: string): FileOnDisk {
    requireFilePermissions(given);
    requireNoSiblingName(given);
    const path = absolutePath(given);
    const exists = requirePlainFile(path);
    // Only a new file is opened and closed before it is locked: closing drops SQLite's locks in this process.
    if (!exists) {
      requireShortPath(path);
      openPrivateFile(path).close();
    }
    const realPath = Deno.realPathSync(path);
    let lock: FileLock | undefined;
    let handle: Deno.FsFile | undefined;
    try {
      lock = FileLock.acquire(`${realPath}-lock`);
      handle = openPrivateFile(realPath);
      return new FileOnDisk(path, realPath, lock, handle);
    } catch (error) {
      handle?.close();
      // Only while the lock is held: another process may have begun to use it.
      if (lock && !exists && fileSnapshot(realPath)?.size === 0) Deno.removeSync(realPath);
      lock?.release(lock.previous !== undefined);
      throw error;
    }
  }

  /** Its permissions as in `chmod`; 0 if the system has none. */
  get mode(): number {
    return (Deno.statSync(this.realPath).mode ?? 0) & 0o777;
  }

  /** It is opened by name, perhaps again: throws unless the same file has that name. */
  requireSameFile(): void {
    this.mark.beforeOpening();
    this.#file = this.#requireFile();
    this.#wal.beforeOpening();
  }

  /**
   * It is open: from now on a log belongs to it.
   *
   * @param minWalBytes asks SQLite for the least size of the log
   * @param schemaCookie asks SQLite for its `schema_version`
   */
  opened(minWalBytes: () => number, schemaCookie: () => number): void {
    this.checkpointed();
    this.#wal.opened(minWalBytes);
    this.mark.opened(schemaCookie);
  }

  /** Throws unless the file is where it was opened, and complete; returns whether nobody has written to it since. */
  requireFile(): boolean {
    const file = this.#requireFile();
    const isUntouched = file.time === this.#file.time;
    this.#file = file;
    return isUntouched;
  }

  /** Throws unless the log is where the file was opened, and complete. */
  requireWal(): void {
    this.#wal.requireIntact();
  }

  /** Throws if another log is in the place of the one that SQLite has open. */
  requireWalNotReplaced(): void {
    this.#wal.requireNotReplaced();
  }

  /** Throws unless the file and its log are where the file was opened, and complete. */
  requireIntact(): void {
    this.requireFile();
    this.requireWal();
  }

  /** What is wrong with the file or its log; nothing of this check is remembered. */
  get fault(): string | undefined {
    try {
      this.#requireFile();
      this.#wal.requireNotReplaced();
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** See {@linkcode WalFile.isShorter}. */
  get walIsShorter(): boolean {
    return this.#wal.isShorter;
  }

  /** Whether the log has lost its name while its file is there: SQLite still has everything in it. */
  get hasLostWal(): boolean {
    return this.#walState === "gone" || this.#walState === "another";
  }

  /** Whether the name of the log has no file. */
  get walIsGone(): boolean {
    return this.#walState === "gone";
  }

  get #walState(): "gone" | "another" | "there" | undefined {
    try {
      this.#requireFile();
      return this.#wal.state;
    } catch {
      return undefined;
    }
  }

  /**
   * Has SQLite close it. If SQLite would write the log into another file, or delete another log, the file is moved
   * away meanwhile: then it leaves both alone, which it would not at the end of a program that left the file open.
   *
   * @param close closes the database
   */
  close(close: () => void): void {
    const mayClose = this.#mayClose();
    if (!mayClose && !this.mark.isOwn) this.mark.disown();
    try {
      if (mayClose) close();
      else this.#closeAside(close);
    } finally {
      this.mark.closed(mayClose);
    }
  }

  #closeAside(close: () => void): void {
    const aside = `${this.realPath}-aside`;
    try {
      if (fileSnapshot(aside)) return;
      Deno.renameSync(this.realPath, aside);
    } catch {
      // It stays open until the process exits.
      return;
    }
    try {
      close();
    } finally {
      Deno.renameSync(aside, this.realPath);
    }
  }

  #mayClose(): boolean {
    try {
      this.requireIntact();
      this.mark.closing();
      return true;
    } catch {
      // That depends on what is wrong.
    }
    try {
      const file = fileSnapshot(this.path);
      // SQLite itself notices that the file is missing or another, and then leaves the log alone.
      if (!file || isOtherFile(file, this.#file)) {
        return fileSnapshot(this.realPath)?.ino !== this.#file.ino;
      }
      if (file.size === 0) {
        // An empty file like it, but another one.
        Deno.removeSync(this.realPath);
        openPrivateFile(this.realPath).close();
        return true;
      }
      return this.walIsGone;
    } catch {
      return false;
    }
  }

  /** Syncs the log to the disk; returns whether that worked. */
  syncWal(): boolean {
    return this.#wal.sync();
  }

  /** What SQLite was asked to checkpoint is in the file. */
  checkpointed(): void {
    const file = fileSnapshot(this.path);
    if (file && !isOtherFile(file, this.#file) && !this.#isShortened(file)) this.#file = file;
  }

  /** See {@linkcode FileMark.duringCheckpoint}. */
  duringCheckpoint(write: () => void, remove: () => void): void {
    this.mark.duringCheckpoint(write, remove);
    this.#wal.restarted();
  }

  /** Releases a file that could not be opened. What says that it is new, or was in use, stays. */
  releaseUnopened(): void {
    this.release(this.isNew || !!this.#lock.previous?.use);
  }

  /** Releases it after it was closed. If that failed, the next start detects it. */
  release(hasFailed = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.handle.close();
    this.#lock.release(hasFailed);
  }

  #requireFile(): FileSnapshot {
    const file = fileSnapshot(this.path);
    if (!file) throw new UnusableFileError(`${this.path} is missing`);
    if (isOtherFile(file, this.#file)) {
      throw new UnusableFileError(`${this.path} is not the same file as before`);
    }
    if (this.#isShortened(file)) {
      throw new UnusableFileError(`${this.path} was emptied or shortened`);
    }
    if (file.time !== this.#file.time && this.#wal.isKnown && !this.mark.isOwn) {
      throw new UnusableFileError(`${this.path} was overwritten`);
    }
    return file;
  }

  /**
   * Shorter than before, and not by SQLite (`VACUUM`), which says in the head how long the file is then, and writes that
   * before the pages that the file still lacks.
   */
  #isShortened({ size }: FileSnapshot): boolean {
    if (size >= this.#file.size) return false;
    if (size === 0) return true;
    const { size: full, pageSize } = readDatabaseHeader(this.handle);
    if (full <= size || this.#wal.hasPages(size / pageSize, full / pageSize)) return false;
    // Unless the last of them came meanwhile.
    return (fileSnapshot(this.path)?.size ?? 0) <= size;
  }
}
