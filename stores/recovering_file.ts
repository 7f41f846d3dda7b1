/**
 * A file that may fail: what is known of it then, and how it recovers.
 *
 * @module
 */

import type { NameMap } from "../protocol/name_map.ts";
import type { DatabaseFile, FileLocation } from "./database_file.ts";
import { WalInUseError } from "./database_wal.ts";
import { toOpenError, unknownOutcome, UnusableFileError } from "./file_faults.ts";
import { FileGuard, type FileNotice } from "./file_guard.ts";
import { FileOnDisk } from "./file_on_disk.ts";
import {
  type OpenedFile,
  openFile,
  type OpenFileOptions,
  type RememberedPuts,
} from "./opened_file.ts";
import { FORGOTTEN } from "./dedup_session.ts";
import type { Command, Put, PutAck, StoreError, TopicMessage } from "./store.ts";

/** How a {@linkcode RecoveringFile} is opened. */
export interface RecoveringFileOptions
  extends Omit<FileLocation, "disk">, Omit<OpenFileOptions, "location" | "onFailure"> {
  /** The epoch that begins. */
  readonly epoch: string;
  /** Takes what the operator should know about the file. */
  notify(notice: FileNotice): void;
  /** The file was opened again, and its messages do not end where the feed has come to. */
  onFeedBroken(error: Error): void;
}

/**
 * Keeps a file open. If it fails, the file is the truth: unless its state is certain, it is closed and opened again,
 * now or with the next query.
 */
export class RecoveringFile {
  /** The id of its history. */
  readonly id: string;
  /** The last numbers of the epochs before this one. */
  readonly ends: NameMap<number>;
  readonly #epoch: string;
  readonly #options: OpenFileOptions;
  readonly #disk: FileOnDisk;
  readonly #guard: FileGuard;
  readonly #onFeedBroken: (error: Error) => void;
  #opened: OpenedFile | undefined;
  /** What is remembered for deduplication, as far as it is known while the file is closed. */
  #remembered: RememberedPuts;
  /** The feed has brought everything up to here. */
  #fedTo: number;
  /** Everything up to here is as durable as promised, and may be acknowledged. */
  #durableTo: number;
  /** The last transaction that failed may have been committed. */
  mayBeCommitted = false;
  /** A commit failed: the disk may not have what is in the log, and nothing may rely on it. */
  #needsSync = false;

  /**
   * Opens a file, or makes a new one.
   *
   * @param options which file, how, and who hears of it
   * @throws {Error} if it cannot be used
   */
  constructor(options: RecoveringFileOptions) {
    const { path, engine, durability, retention, limits, time, epoch, notify, onFeedBroken } =
      options;
    const disk = acquire(path);
    const onFailure = (mayBeCommitted: boolean) => this.#onFailure(mayBeCommitted);
    this.#disk = disk;
    this.#options = {
      location: { path, disk, engine, durability },
      retention,
      limits,
      time,
      onFailure,
    };
    this.#epoch = epoch;
    this.#onFeedBroken = onFeedBroken;
    try {
      const opened = this.#opened = openFile(this.#options, epoch);
      this.id = opened.file.storeId;
      this.ends = opened.file.epochs.ends;
      this.#remembered = opened.remembered;
      this.#fedTo = this.#durableTo = opened.messageLog.range.last;
      this.#guard = new FileGuard(disk, notify);
    } catch (error) {
      // Otherwise it would stay in use until this process ends.
      if (this.#opened) this.#closeFile();
      disk.releaseUnopened();
      throw toOpenError(path, error);
    }
    // The last process may have left data in the log that the disk does not have.
    const isSynced = syncToDisk(this.#opened.file, disk);
    if (this.#survivesPowerLoss) this.#needsSync = !isSynced;
    if (this.#needsSync) this.#durableTo = 0;
  }

  /** Its path, without links. */
  get realPath(): string {
    return this.#disk.realPath;
  }

  /** Why puts are refused now. */
  get fault(): string | undefined {
    return this.#guard.fault;
  }

  /** It can be read and written, but nobody knows whether the disk has what is in it. */
  get needsSync(): boolean {
    return this.#needsSync;
  }

  /** The open file; opens it again if it had to be closed. */
  ready(): OpenedFile {
    if (this.#opened) return this.#opened;
    const opened = this.#reopen();
    const { last } = opened.messageLog.range;
    if (!this.#needsSync) this.#durableTo = last;
    if (last !== this.#fedTo) {
      this.#fedTo = last;
      this.#onFeedBroken(new Error(`sqlite:${this.#path} was opened again`));
    }
    return opened;
  }

  /** The open file, once the disk is known to have everything in it. */
  readyToCommit(): OpenedFile {
    let opened = this.ready();
    const { file } = opened;
    if (!this.#guard.requireIntact(file, () => this.#isUnchanged(opened))) {
      this.#closeFile();
      opened = this.ready();
    }
    if (!this.#needsSync) return opened;
    try {
      opened.file.wal.checkpoint();
    } catch (error) {
      this.#closeFile();
      throw error;
    }
    this.#needsSync = false;
    this.#durableTo = opened.messageLog.range.last;
    return opened;
  }

  /** Everything in it is durable now. */
  committed(): void {
    this.#durableTo = this.#opened!.messageLog.range.last;
  }

  /** The feed delivers everything up to here. */
  fed(upTo: number): void {
    this.#fedTo = upTo;
  }

  /** After a transaction failed: whether it was committed all the same. `message` is its last one, if it stored any. */
  isStored(message: TopicMessage | undefined): boolean {
    const { doubt } = this.#remembered;
    if (!this.mayBeCommitted || (!message && !doubt?.drop && !doubt?.recorded)) return false;
    try {
      const { messageLog, remembered } = this.#reopen();
      if (!message) return remembered.wasCommitted;
      const { seq, topic, body } = message;
      if (messageLog.range.last < seq) return false;
      const query = { topic, after: seq - 1, count: 1, bytes: 1 };
      return messageLog.pages.page(query, 0).messages[0]?.body === body;
    } catch (cause) {
      throw unknownOutcome(cause);
    }
  }

  /** While the file fails: what is known of a put that is repeated, by its session or with its `messageId`. */
  findDuplicate(command: Command): PutAck | StoreError | undefined {
    if (command.type !== "put") return undefined;
    const { session, n } = command;
    const seq = session === undefined || n === undefined
      ? 0
      : this.#remembered.dedup.find(session, n);
    if (seq > 0 && seq <= this.#durableTo) return { seq, dup: true };
    const seqOfId = seq > 0 ? 0 : this.#findById(command);
    if (seqOfId > 0) return { seq: seqOfId, dup: true };
    // It is in the file, or was: it would be wrong to say that it is not stored.
    return seq > 0 || seq === FORGOTTEN ? FILE_FAILS_ERROR : undefined;
  }

  /** The message with the id of a put, if the file can be read and surely has it; else 0. */
  #findById(put: Put): number {
    try {
      if (put.attributes === undefined || !this.#opened) return 0;
      const { messageLog: { ids, range } } = this.#opened;
      const { time, retention } = this.#options;
      // What had expired for the commands that failed has expired here.
      const seq = ids.find(put, range.readFloor(time.now() - retention));
      return seq <= this.#durableTo ? seq : 0;
    } catch {
      return 0;
    }
  }

  /** Closes it for good. */
  close(): void {
    const opened = this.#opened;
    if (!opened) return this.#disk.release();
    let problem = "";
    try {
      this.#disk.requireIntact();
      // So that what is gone stays gone if the clock is set back before the next start.
      opened.messageLog.transaction(() => {});
      if (!this.#needsSync) opened.file.markClean();
    } catch (error) {
      // What was acknowledged is in the file. The floor follows from the time, and the next start checks the file.
      if (error instanceof UnusableFileError) problem = error.message;
    }
    // A transaction that failed may have closed it.
    if (this.#opened && problem !== "") this.#guard.beforeClose(this.#opened.file, problem);
    if (this.#opened) this.#closeFile();
    this.#disk.release(problem !== "");
  }

  get #path(): string {
    return this.#options.location.path;
  }

  get #survivesPowerLoss(): boolean {
    return this.#options.location.durability === "disk";
  }

  /**
   * After another program has written to the file: whether the queue is as known, as it is if the program only copies
   * a growing file.
   */
  #isUnchanged({ file, messageLog }: OpenedFile): boolean {
    const { current } = file.epochs;
    return current === this.#epoch && file.read().last === messageLog.range.last;
  }

  #reopen(): OpenedFile {
    const opened = openFile(this.#options, undefined, this.#remembered);
    const { file, messageLog } = opened;
    try {
      if (file.storeId !== this.id || file.epochs.current !== this.#epoch) {
        throw new Error("it is not the same file as before");
      }
      if (messageLog.range.last < this.#fedTo) throw new Error("it has lost messages");
    } catch (error) {
      file.close();
      throw toOpenError(this.#path, error);
    }
    this.#remembered = opened.remembered;
    return this.#opened = opened;
  }

  /** A transaction failed: closes the file, unless its state is certainly as before. */
  #onFailure(mayBeCommitted: boolean): void {
    this.mayBeCommitted = mayBeCommitted;
    // What a failed commit left in the log, and everything after it, may not be on the disk.
    if (mayBeCommitted && this.#survivesPowerLoss) this.#needsSync = true;
    try {
      if (!mayBeCommitted) return this.#opened!.file.requireIdle();
    } catch {
      // A transaction that cannot be rolled back is undone by closing the file.
    }
    this.#closeFile();
  }

  #closeFile(): void {
    const { file } = this.#opened!;
    this.#opened = undefined;
    try {
      file.close();
    } catch {
      // There is nothing left to do for it.
    }
  }
}

function acquire(path: string): FileOnDisk {
  try {
    return FileOnDisk.acquire(path);
  } catch (error) {
    throw toOpenError(path, error);
  }
}

function syncToDisk(file: DatabaseFile, disk: FileOnDisk): boolean {
  try {
    file.wal.checkpoint();
    return true;
  } catch (error) {
    // Its messages can be read all the same; if the problem lasts, the next put gets the error. A program that copies a growing
    // file may read all the time: then the data stays in the log.
    return error instanceof WalInUseError && disk.syncWal();
  }
}

/** One object for all puts of a list: to make one for each takes as long as to store them. */
const FILE_FAILS_ERROR = unknownOutcome(new Error("the file fails"));
