/**
 * Messages in a SQLite database in a file.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { NameMap } from "../protocol/name_map.ts";
import type { DatabaseFile, Durability } from "./database_file.ts";
import { LogInUse } from "./database_log.ts";
import { cannotOpen, Unusable } from "./file_faults.ts";
import { FileGuard } from "./file_guard.ts";
import { FileOnDisk } from "./file_on_disk.ts";
import type { Holdings } from "./holdings.ts";
import { type FileOpening, isFull, type OpenedFile, openFile } from "./opened_file.ts";
import { Parts } from "./parts.ts";
import type { PutOnce } from "./put_once.ts";
import { FORGOTTEN } from "./put_session.ts";
import { type SqliteOptions, SqliteStore } from "./sqlite.ts";
import { because, type Message, type Put, type Stored, StoreError } from "./store.ts";

/** How a {@linkcode FileStore} is opened. */
export interface FileOptions extends SqliteOptions {
  readonly path: string;
  /** What an acknowledged message survives: `full` a loss of power, `normal` the end of the process. */
  readonly durability: Durability;
  /** Takes what a person should know of the file. Default: nobody is told. */
  readonly warn?: ((text: string) => void) | undefined;
}

/** No more than so many puts are committed together, if it is not one append. */
const AT_ONCE = 1024;

/** An append that waits to be committed. */
interface Waiting {
  readonly batch: readonly Put[];
  readonly resolve: (results: readonly (Stored | StoreError)[]) => void;
}

const SURVIVES: Readonly<Record<Durability, string>> = {
  full: "an acknowledged message survives a loss of power",
  normal: "an acknowledged message survives the end of the process",
};

/**
 * Keeps messages in a file.
 *
 * What is appended in one turn of the event loop is committed together, in one transaction; then the feed
 * brings it, and then all are answered. Where the file fails, the file is the truth: if it cannot be said for
 * sure how it stands it is closed and opened again, now or when someone asks next.
 */
export class FileStore extends SqliteStore {
  override readonly id: string;
  override readonly epoch: string = crypto.randomUUID();
  override readonly kept: "disk" | "process";
  override readonly description: string;
  protected override readonly ends: NameMap<number>;
  readonly #opening: FileOpening;
  readonly #disk: FileOnDisk;
  readonly #guard: FileGuard;
  #opened: OpenedFile | undefined;
  /** What was put once, as far as is known while the file is closed. */
  #knownPuts: PutOnce;
  #waiting: Waiting[] = [];
  /** Puts do not wait for others who list topics. */
  readonly #commits: Parts;
  /** Ends the wait for the next commit. */
  #turn: (() => void) | undefined;
  /** Sessions that are forgotten once what waits is committed. */
  readonly #leaving: string[] = [];
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
   * @param options path, durability, engine, retention, clock and limits
   * @throws {Error} if it cannot be used
   */
  constructor(options: FileOptions) {
    super(options);
    const { path, engine, durability, warn = () => {} } = options;
    const { retention, limits, time } = this;
    this.#commits = new Parts(options.afterLook);
    const failed = (unsure: boolean) => this.#settle(unsure);
    const disk = taken(path);
    const place = { path, disk, engine, durability };
    this.#disk = disk;
    this.#opening = { place, retention, limits, time, failed };
    this.kept = durability === "full" ? "disk" : "process";
    this.description = `sqlite:${disk.real} on ${engine.name} (${SURVIVES[durability]})`;
    const opened = this.#first();
    this.id = opened.file.store;
    this.ends = opened.file.epochs.ends;
    this.#opened = opened;
    this.#knownPuts = opened.puts;
    this.#fedTo = this.#safeTo = opened.holdings.span.last;
    this.#guard = new FileGuard(disk, warn);
    // Whoever had it before may have left in the log what the disk does not have.
    const safe = isOnDisk(opened.file, disk);
    if (this.kept === "disk") this.#doubtful = !safe;
    if (this.#doubtful) this.#safeTo = 0;
  }

  get fault(): string | undefined {
    return this.closed ? undefined : this.#guard.fault;
  }

  // deno-lint-ignore require-await -- a closed store answers at once
  override async append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]> {
    if (batch.length === 0) return [];
    try {
      this.requireOpen();
    } catch (error) {
      const failure = because("store messages", error);
      return batch.map(() => failure);
    }
    if (!this.#turn) {
      const turn = setImmediate(() => this.#flush());
      this.#turn = () => clearImmediate(turn);
    }
    return new Promise((resolve) => this.#waiting.push({ batch, resolve }));
  }

  override forget(session: string): Promise<void> {
    // What it put before is stored first, or it would be remembered again.
    if (this.#waiting.length === 0 || this.closed) return super.forget(session);
    this.#leaving.push(session);
    return Promise.resolve();
  }

  protected override get holdings(): Holdings {
    return this.#ready().holdings;
  }

  protected override get puts(): PutOnce {
    return this.#ready().puts;
  }

  protected override close(): void {
    if (this.#turn) this.#flush();
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

  /** The open file; if it had to be closed, it is opened again. */
  #ready(): OpenedFile {
    if (this.#opened) return this.#opened;
    const opened = this.#reopen();
    const { last } = opened.holdings.span;
    if (!this.#doubtful) this.#safeTo = last;
    if (last !== this.#fedTo) {
      this.#fedTo = last;
      this.feed.lose(new Error(`sqlite:${this.#path} was opened again`));
    }
    return opened;
  }

  /** The open file, once it is known that the disk has all that is in it. */
  #readyToCommit(): OpenedFile {
    let opened = this.#ready();
    const { file } = opened;
    if (!this.#guard.requireWhole(file, () => this.#isAsKnown(opened))) {
      this.#closeFile();
      opened = this.#ready();
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

  /** Another program has written to the file: whether only beside the queue, as programs do that copy it as it grows. */
  #isAsKnown({ file, holdings }: OpenedFile): boolean {
    const { present } = file.epochs;
    return present === this.epoch && file.read().last === holdings.span.last;
  }

  get #path(): string {
    return this.#opening.place.path;
  }

  /** Opens it for the first time. */
  #first(): OpenedFile {
    try {
      return openFile(this.#opening, this.epoch);
    } catch (error) {
      this.#disk.releaseAsFound();
      throw error;
    }
  }

  #reopen(): OpenedFile {
    const opened = openFile(this.#opening);
    const { file, holdings } = opened;
    try {
      if (file.store !== this.id || file.epochs.present !== this.epoch) {
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

  /** Commits what waits, feeds it, and answers. */
  #flush(): void {
    this.#turn?.();
    this.#turn = undefined;
    const waiting = this.#next();
    // Those who have their turn in between do not wait for all that many others have put.
    if (this.#waiting.length > 0) this.#turn = this.#commits.next(() => this.#flush());
    let results: readonly (readonly (Stored | StoreError)[])[];
    try {
      results = this.#commit(waiting);
    } catch (error) {
      const failure = because("store messages", error, isFull(error) ? "full" : undefined);
      results = waiting.map(({ batch }) => batch.map((put) => this.#foundBefore(put) ?? failure));
    }
    if (this.#waiting.length === 0) {
      for (const session of this.#leaving.splice(0)) this.#knownPuts.forget(session);
    }
    for (const [i, { resolve }] of waiting.entries()) resolve(results[i]!);
  }

  /** What is committed together: what waits, but not much more than a certain number of puts. */
  #next(): Waiting[] {
    let puts = 0;
    const end = this.#waiting.findIndex(({ batch }) => (puts += batch.length) >= AT_ONCE);
    return this.#waiting.splice(0, end < 0 || this.closed ? Infinity : end + 1);
  }

  #commit(waiting: readonly Waiting[]): (Stored | StoreError)[][] {
    const { holdings, admission } = this.#readyToCommit();
    const results: (Stored | StoreError)[][] = [];
    const messages: Message[] = [];
    const now = this.time.now();
    try {
      holdings.transaction(() => {
        for (const { batch } of waiting) results.push(admission.take(batch, now, messages));
        holdings.moveTail();
      });
    } catch (error) {
      if (messages.length === 0 || !this.#isStored(messages.at(-1)!)) throw error;
      if (this.#doubtful) {
        // It is there for all to read, and so they get it. But whether the disk has it nobody knows.
        this.#feed(messages);
        throw unknownOutcome(error);
      }
    }
    this.#safeTo = this.#opened!.holdings.span.last;
    // Fed before the calls are answered: whoever is told that a message is stored finds its readers served.
    if (messages.length > 0) this.#feed(messages);
    return results;
  }

  #feed(messages: readonly Message[]): void {
    this.#fedTo = messages.at(-1)!.seq;
    this.feed.bring(messages);
  }

  /** While the file fails: what is known of a put that its session repeats. */
  #foundBefore({ session, n }: Put): Stored | StoreError | undefined {
    if (session === undefined || n === undefined) return undefined;
    const seq = this.#knownPuts.find(session, n);
    if (seq > 0 && seq <= this.#safeTo) return { seq, dup: true };
    // It is in the file, or was: to say that it is not stored would be wrong.
    return seq > 0 || seq === FORGOTTEN ? unknownOutcome(new Error("the file fails")) : undefined;
  }

  /** A transaction failed: closes the file, unless it is sure that it stands as before. */
  #settle(unsure: boolean): void {
    this.#unsure = unsure;
    // What a commit left in the log that failed: the disk may not have it, nor anything that comes after it.
    if (unsure && this.kept === "disk") this.#doubtful = true;
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

  /** After a transaction failed: whether it was committed all the same, of which this was the last message. */
  #isStored({ seq, topic, body }: Message): boolean {
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

function unknownOutcome(cause: unknown): StoreError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot tell whether messages are stored: ${why}`, {
    cause,
    code: "unknown_outcome",
  });
}
