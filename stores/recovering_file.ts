/**
 * A file that may fail: what is known of it then, and how it comes back.
 *
 * @module
 */

import type { NameMap } from "../protocol/name_map.ts";
import type { DatabaseFile, FilePlace } from "./database_file.ts";
import { LogInUse } from "./database_log.ts";
import { cannotOpen, Unusable } from "./file_faults.ts";
import { FileGuard } from "./file_guard.ts";
import { FileOnDisk } from "./file_on_disk.ts";
import { type FileOpening, type OpenedFile, openFile } from "./opened_file.ts";
import type { PutOnce } from "./put_once.ts";
import { FORGOTTEN } from "./put_session.ts";
import { type Message, type Put, type Stored, StoreError } from "./store.ts";

/** How a {@linkcode RecoveringFile} is opened. */
export interface RecoveringOptions
  extends Omit<FilePlace, "disk">, Omit<FileOpening, "place" | "failed"> {
  /** The epoch that begins. */
  readonly epoch: string;
  /** Takes what a person should know of the file. */
  warn(text: string): void;
  /** It was opened again, and its messages do not end where the feed has come to. */
  jumped(error: Error): void;
}

/**
 * Keeps a file open. Where it fails, the file is the truth: if it cannot be said for sure how it stands it is closed and
 * opened again, now or when someone asks next.
 */
export class RecoveringFile {
  /** Names the history that is in it. */
  readonly id: string;
  /** Where the epochs before this one ended. */
  readonly ends: NameMap<number>;
  readonly #epoch: string;
  readonly #opening: FileOpening;
  readonly #disk: FileOnDisk;
  readonly #guard: FileGuard;
  readonly #jumped: (error: Error) => void;
  #opened: OpenedFile | undefined;
  /** What was put once, as far as is known while the file is closed. */
  #knownPuts: PutOnce;
  /** The feed has brought everything up to here. */
  #fedTo: number;
  /** Everything up to here is known to survive what the durability says, and may be told to who put it. */
  #safeTo: number;
  /** The last transaction that failed may have been committed. */
  #unsure = false;
  /** A commit failed: the disk may not have what is in the log, and nothing may rest on it. */
  #doubtful = false;

  /**
   * Opens a file, or makes a new one.
   *
   * @param options which file, how, and who hears of it
   * @throws {Error} if it cannot be used
   */
  constructor(options: RecoveringOptions) {
    const { path, engine, durability, retention, limits, time, epoch, warn, jumped } = options;
    const disk = taken(path);
    const failed = (unsure: boolean) => this.#settle(unsure);
    this.#disk = disk;
    this.#opening = { place: { path, disk, engine, durability }, retention, limits, time, failed };
    this.#epoch = epoch;
    this.#jumped = jumped;
    const opened = this.#first();
    this.id = opened.file.store;
    this.ends = opened.file.epochs.ends;
    this.#opened = opened;
    this.#knownPuts = opened.puts;
    this.#fedTo = this.#safeTo = opened.holdings.span.last;
    this.#guard = new FileGuard(disk, warn);
    // Whoever had it before may have left in the log what the disk does not have.
    const safe = isOnDisk(opened.file, disk);
    if (this.#survivesPowerLoss) this.#doubtful = !safe;
    if (this.#doubtful) this.#safeTo = 0;
  }

  /** Where it is, without links. */
  get realPath(): string {
    return this.#disk.real;
  }

  /** Why puts are refused now. */
  get fault(): string | undefined {
    return this.#guard.fault;
  }

  /** It takes and gives messages, but nobody knows whether the disk has what is in it. */
  get isDoubtful(): boolean {
    return this.#doubtful;
  }

  /** The open file; if it had to be closed, it is opened again. */
  ready(): OpenedFile {
    if (this.#opened) return this.#opened;
    const opened = this.#reopen();
    const { last } = opened.holdings.span;
    if (!this.#doubtful) this.#safeTo = last;
    if (last !== this.#fedTo) {
      this.#fedTo = last;
      this.#jumped(new Error(`sqlite:${this.#path} was opened again`));
    }
    return opened;
  }

  /** The open file, once it is known that the disk has all that is in it. */
  readyToCommit(): OpenedFile {
    let opened = this.ready();
    const { file } = opened;
    if (!this.#guard.requireWhole(file, () => this.#isAsKnown(opened))) {
      this.#closeFile();
      opened = this.ready();
    }
    if (!this.#doubtful) return opened;
    try {
      opened.file.log.checkpoint();
    } catch (error) {
      this.#closeFile();
      throw error;
    }
    this.#doubtful = false;
    this.#safeTo = opened.holdings.span.last;
    return opened;
  }

  /** All that is in it is safe now. */
  committed(): void {
    this.#safeTo = this.#opened!.holdings.span.last;
  }

  /** The feed brings everything up to here. */
  fed(upTo: number): void {
    this.#fedTo = upTo;
  }

  /** After a transaction failed: whether it was committed all the same, of which this was the last message. */
  isStored({ seq, topic, body }: Message): boolean {
    if (!this.#unsure) return false;
    try {
      const { holdings } = this.#reopen();
      if (holdings.span.last < seq) return false;
      const query = { topic, after: seq - 1, count: 1, bytes: 1 };
      return holdings.page(query).messages[0]?.body === body;
    } catch (cause) {
      throw unknownOutcome(cause);
    }
  }

  /** While the file fails: what is known of a put that its session repeats. */
  foundBefore({ session, n }: Put): Stored | StoreError | undefined {
    if (session === undefined || n === undefined) return undefined;
    const seq = this.#knownPuts.find(session, n);
    if (seq > 0 && seq <= this.#safeTo) return { seq, dup: true };
    // It is in the file, or was: to say that it is not stored would be wrong.
    return seq > 0 || seq === FORGOTTEN ? FAILS_ERROR : undefined;
  }

  /** Forgets a session, also while the file is closed. */
  forget(session: string): void {
    this.#knownPuts.forget(session);
  }

  /** Closes it for good. */
  close(): void {
    const opened = this.#opened;
    if (!opened) return this.#disk.release();
    let wrong = "";
    try {
      this.#disk.requireWhole();
      // So that what is gone stays gone, also if the clock is set back before the next start.
      opened.holdings.transaction(() => {});
      if (!this.#doubtful) opened.file.markClean();
    } catch (error) {
      // What was acknowledged is in the file. The floor is found again by the time; and the next start checks the file.
      if (error instanceof Unusable) wrong = error.message;
    }
    // A transaction that failed may have closed it.
    if (this.#opened && wrong !== "") this.#guard.closing(this.#opened.file, wrong);
    if (this.#opened) this.#closeFile();
    this.#disk.release(wrong !== "");
  }

  get #path(): string {
    return this.#opening.place.path;
  }

  get #survivesPowerLoss(): boolean {
    return this.#opening.place.durability === "full";
  }

  /** Another program has written to the file: whether only beside the queue, as programs do that copy it as it grows. */
  #isAsKnown({ file, holdings }: OpenedFile): boolean {
    const { present } = file.epochs;
    return present === this.#epoch && file.read().last === holdings.span.last;
  }

  /** Opens it for the first time. */
  #first(): OpenedFile {
    try {
      return openFile(this.#opening, this.#epoch);
    } catch (error) {
      this.#disk.releaseAsFound();
      throw error;
    }
  }

  #reopen(): OpenedFile {
    const opened = openFile(this.#opening);
    const { file, holdings } = opened;
    try {
      if (file.store !== this.id || file.epochs.present !== this.#epoch) {
        throw new Error("it is another file than before");
      }
      if (holdings.span.last < this.#fedTo) throw new Error("messages are missing that it had");
    } catch (error) {
      file.close();
      throw cannotOpen(this.#path, error);
    }
    this.#knownPuts = opened.puts;
    return this.#opened = opened;
  }

  /** A transaction failed: closes the file, unless it is sure that it stands as before. */
  #settle(unsure: boolean): void {
    this.#unsure = unsure;
    // What a commit left in the log that failed: the disk may not have it, nor anything that comes after it.
    if (unsure && this.#survivesPowerLoss) this.#doubtful = true;
    try {
      if (!unsure) return this.#opened!.file.requireRest();
    } catch {
      // A transaction that cannot be undone is undone by closing the file.
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

/**
 * Words that nobody knows whether messages are stored.
 *
 * @param cause what was thrown
 * @returns the error
 */
export function unknownOutcome(cause: unknown): StoreError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot tell whether messages are stored: ${why}`, {
    cause,
    code: "unknown_outcome",
  });
}

function taken(path: string): FileOnDisk {
  try {
    return FileOnDisk.take(path);
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function isOnDisk(file: DatabaseFile, disk: FileOnDisk): boolean {
  try {
    file.log.checkpoint();
    return true;
  } catch (error) {
    // What is in it can be read all the same; the next who puts is told, if it is so then. Who copies the file as it grows
    // may read there all the time: then it stays in the log.
    return error instanceof LogInUse && disk.syncLog();
  }
}

/** The same for all puts of a list: to make one for each takes as long as to store them. */
const FAILS_ERROR = unknownOutcome(new Error("the file fails"));
