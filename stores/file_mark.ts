/**
 * What a database in use says of the log beside it, in its header, and in its lock in case the process is killed.
 *
 * @module
 */

import type { FileLock, NamedLog } from "./file_lock.ts";
import { isCheckpointed } from "./file_preflight.ts";
import type { WalFile } from "./wal_file.ts";
import {
  ANY_USE,
  type DatabaseHeader,
  hasOwnSchema,
  isMarked,
  isOwnWal,
  MAX_RESTARTS_ELSEWHERE,
  MAX_WAL_RESTARTS,
  readDatabaseHeader,
  readWalHeader,
  walRestarts,
  writeInUseVersion,
} from "./wal_mark.ts";

/** The mark of a file, see `wal_mark.ts`: set by each checkpoint, removed right after it. */
export class FileMark {
  /** The number of this use of the file, from 1 to 65535, at random. */
  readonly use: number = 1 + Math.floor(Math.random() * 65535);
  readonly #realPath: string;
  readonly #handle: Deno.FsFile;
  readonly #lock: FileLock;
  readonly #walFile: WalFile;
  /** The use in the file where it has no mark: not known before the first checkpoint. */
  #useInFile = ANY_USE;
  /** Its header at the last checkpoint, and a function that asks SQLite for the present `schema_version`. */
  #checkpointed: DatabaseHeader;
  #currentSchemaCookie: () => number = () => Infinity;
  /** The mark that the present checkpoint has set. */
  #set: number | undefined;
  /**
   * The marks that may be in the file. They are known exactly: other programs may begin the log again any number of
   * times before a mark is removed, and keep it in the file meanwhile (`VACUUM` writes it there again).
   */
  #marks = new Set<number>();
  /** The mark that could not be removed: with the log, closing writes it to the file. */
  #left: number | undefined;
  /** Since the mark was written to the file, nothing else came to the log. */
  #isWhole = false;

  /**
   * Takes a file that is about to be opened for the first time, and is known to be whole with the log beside it.
   *
   * @param realPath the file, without links
   * @param handle the same, open
   * @param lock its lock
   * @param wal its log
   */
  constructor(realPath: string, handle: Deno.FsFile, lock: FileLock, wal: WalFile) {
    this.#realPath = realPath;
    this.#handle = handle;
    this.#lock = lock;
    this.#walFile = wal;
    const header = this.#checkpointed = readDatabaseHeader(handle);
    const { previous } = lock;
    if (isMarked(header)) this.#marks.add(header.userVersion);
    if (this.#wal) {
      // The log may end with the mark of a killed process: a start that fails has SQLite write it to the file.
      this.#left = previous?.mark;
      this.#isWhole = true;
    } else if (isMarked(header)) {
      // It is whole without a log: the mark would belong to the next one. No use has the number 0.
      writeInUseVersion(handle, previous?.use ?? 0);
    }
  }

  /** What is in the file is of this use of it, and no copy that SQLite has made of it. */
  get isOwn(): boolean {
    const header = readDatabaseHeader(this.#handle);
    if (!this.#marks.has(header.userVersion)) {
      // After the first checkpoint, no other mark comes to the file.
      if (isMarked(header) && this.#useInFile !== ANY_USE) return false;
      if (!isOwnWal(header, this.#wal, this.#useInFile)) return false;
    }
    const { schemaCookie, changeCounter } = this.#checkpointed;
    return changeCounter <= header.changeCounter && schemaCookie <= header.schemaCookie &&
      header.schemaCookie <= this.#currentSchemaCookie();
  }

  /** The file says that the log beside it belongs to it, also to the next one that opens it. */
  get isSet(): boolean {
    const header = readDatabaseHeader(this.#handle);
    return isMarked(header) && hasOwnSchema(header) && isOwnWal(header, this.#wal, this.use);
  }

  /** The last mark could not be removed. */
  get isLeft(): boolean {
    return this.#left !== undefined;
  }

  /** SQLite is about to open the file again: what it has written there when it closed it, no longer needs a log. */
  beforeOpening(): void {
    const header = readDatabaseHeader(this.#handle);
    if (!isCheckpointed(this.#realPath, header, this.#lock)) {
      const { mark, log } = this.#lock;
      // The transaction of the opening may be the one that removes the mark.
      if (header.userVersion === mark || header.userVersion === log?.mark) this.#nameLog();
      return;
    }
    writeInUseVersion(this.#handle, this.#useInFile);
    this.#left = undefined;
    this.#lock.markInUse(this.#useInFile);
  }

  /**
   * The file is open.
   *
   * @param schemaCookie asks SQLite for its `schema_version`
   */
  opened(schemaCookie: () => number): void {
    this.#currentSchemaCookie = schemaCookie;
    this.#updateLock();
  }

  /**
   * Wraps what writes the log, and with it the mark, to the file.
   *
   * @param write sets the mark, and writes it
   * @param remove removes it. If that fails, the next transaction has to
   */
  duringCheckpoint(write: () => void, remove: () => void): void {
    this.#set = undefined;
    this.#isWhole = false;
    try {
      write();
      this.#isWhole = true;
      this.#useInFile = this.use;
      if (this.#set !== undefined) this.#marks = new Set([this.#set]);
      this.#checkpointed = readDatabaseHeader(this.#handle);
    } finally {
      this.#remove(remove);
    }
  }

  /**
   * A checkpoint is about to set the mark: if the process is killed before it is removed, its lock says so. Then another
   * program may finish the checkpoint and delete the log.
   *
   * @param mark the value of `user_version`
   */
  setting(mark: number): void {
    this.#set = mark;
    this.#marks.add(mark);
    this.#lock.markInUse(this.#useInFile, mark, this.#namedLog(false));
  }

  /**
   * A transaction is about to remove the mark. If another program has begun the log before, only the lock tells then
   * which log belongs to the file: until a mark that does is in the file.
   */
  removing(): void {
    if (this.#set !== undefined || this.isLeft) this.#nameLog();
  }

  /** A transaction is about to remove the mark that is left. */
  beforeCommit(): void {
    this.#isWhole = false;
  }

  /** It has removed the mark, if one was left. */
  committed(): void {
    if (!this.isLeft) return;
    this.#left = undefined;
    this.#updateLock();
  }

  /** SQLite is about to write the log to the file, and to delete it: from now on no log needs to be there. */
  closing(): void {
    const log = this.#namedLog(false);
    if (this.#left !== undefined) this.#lock.markInUse(this.#useInFile, this.#left, log);
    // What comes to the file in place of the mark has no number of a use any more.
    else if (log) this.#lock.markInUse(ANY_USE, undefined, log);
    else this.#lock.markIdle();
  }

  /**
   * SQLite has closed the file, whether or not it could write the log to it.
   *
   * @param inPlace it was in its place, and no other file
   */
  closed(inPlace: boolean): void {
    this.#currentSchemaCookie = () => Infinity;
    const { log } = this.#lock;
    if (!inPlace || (this.#left === undefined && !log)) return;
    try {
      if (this.#wal) return this.isLeft ? this.#updateLock() : this.closing();
      this.beforeOpening();
      if (!this.isLeft && this.#headerVersion !== log?.mark) this.#lock.markIdle();
    } catch {
      // The lock tells it to the next one that opens the file.
    }
  }

  /** A copy of the file in its place says the same as it did then: not the number of this use, but another. */
  disown(): void {
    this.#lock.markInUse(this.use % (ANY_USE - 1) + 1);
  }

  get #wal(): ReturnType<typeof readWalHeader> {
    return readWalHeader(`${this.#realPath}-wal`);
  }

  #remove(remove: () => void): void {
    try {
      remove();
      this.#left = this.#set = undefined;
    } catch (error) {
      this.#left = this.#set ?? this.#left;
      throw error;
    } finally {
      this.#updateLock();
    }
  }

  /** As long as a mark is left, another program may finish a checkpoint and delete the log, as during one. */
  #updateLock(): void {
    const left = this.#left;
    // Where the mark came to the file and the rest did not, nothing else would tell that the log is missing.
    const mayBeFinished = left !== undefined && (this.#isWhole || this.#headerVersion !== left);
    this.#lock.markInUse(
      this.#useInFile,
      mayBeFinished ? left : undefined,
      this.#namedLog(false),
    );
  }

  /** The lock names the log, if what comes next may begin it once more than the mark in the file permits. */
  #nameLog(): void {
    const log = this.#namedLog(true);
    if (log) this.#lock.nameLog(log);
  }

  /** The log beside the file, if the mark in the file does not tell, or soon may not, that it belongs to it. */
  #namedLog(mayRestart: boolean): NamedLog | undefined {
    try {
      const header = readDatabaseHeader(this.#handle);
      const salt = this.#wal?.salt;
      if (!isMarked(header) || salt === undefined) return undefined;
      const mark = header.userVersion;
      const restarts = walRestarts(mark, salt);
      if (restarts + Number(mayRestart) <= MAX_WAL_RESTARTS) return undefined;
      // What was put in its place must not be taken for it.
      const isOwn = this.#walFile.state === "there" && restarts <= MAX_RESTARTS_ELSEWHERE;
      return isOwn ? { mark, salt, mayRestart } : this.#lock.log;
    } catch {
      return this.#lock.log;
    }
  }

  get #headerVersion(): number | undefined {
    try {
      return readDatabaseHeader(this.#handle).userVersion;
    } catch {
      return this.#left;
    }
  }
}
