/**
 * Messages in a SQLite database in a file.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import { Admission } from "./admission.ts";
import { cannotOpen, DatabaseFile, type Durability, type FilePlace } from "./database_file.ts";
import { codeOf, SQLITE } from "./engine.ts";
import { type Ending, Holdings } from "./holdings.ts";
import { type Dropped, PutOnce } from "./put_once.ts";
import { PutTable } from "./put_table.ts";
import { type SqliteOptions, SqliteStore } from "./sqlite.ts";
import { because, type Message, type Put, type Stored, StoreError } from "./store.ts";

/** How a {@linkcode FileStore} is opened. */
export interface FileOptions extends SqliteOptions {
  readonly path: string;
  /** What an acknowledged message survives: `full` a loss of power, `normal` the end of the process. */
  readonly durability: Durability;
}

/** An append that waits to be committed. */
interface Waiting {
  readonly batch: readonly Put[];
  readonly resolve: (results: readonly (Stored | StoreError)[]) => void;
}

/** The open file, and what is known of it in memory. */
interface Opened {
  readonly file: DatabaseFile;
  readonly holdings: Holdings;
  readonly puts: PutOnce;
  readonly admission: Admission;
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
  override readonly epoch: string;
  override readonly kept: "disk" | "process";
  override readonly description: string;
  readonly #place: FilePlace;
  #opened: Opened | undefined;
  /** What was put once, as far as is known while the file is closed. */
  #knownPuts: PutOnce;
  #waiting: Waiting[] = [];
  #turn: ReturnType<typeof setImmediate> | undefined;
  /** The feed has brought everything up to here. */
  #fedTo: number;
  /** The last transaction that failed may have been committed. */
  #unsure = false;

  /**
   * Opens a file, or makes a new one.
   *
   * @param options path, durability, engine, retention, clock and limits
   * @throws {Error} if it cannot be used
   */
  constructor(options: FileOptions) {
    super(options);
    const { path, engine, durability } = options;
    this.#place = { path, engine, durability };
    this.kept = durability === "full" ? "disk" : "process";
    this.description = `sqlite:${path} on ${engine.name} (${SURVIVES[durability]})`;
    const opened = this.#open({ first: true });
    this.epoch = opened.file.read().epoch;
    this.#opened = opened;
    this.#knownPuts = opened.puts;
    this.#fedTo = opened.holdings.span.last;
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
    this.#turn ??= setImmediate(() => this.#flush());
    return new Promise((resolve) => this.#waiting.push({ batch, resolve }));
  }

  protected override get holdings(): Holdings {
    return this.#ready().holdings;
  }

  protected override get puts(): PutOnce {
    return this.#ready().puts;
  }

  protected override close(): void {
    if (this.#turn) this.#flush();
    if (!this.#opened) return;
    const { file, holdings } = this.#opened;
    try {
      // So that what is gone stays gone, also if the clock is set back before the next start.
      holdings.transaction(() => {});
      file.markClean();
    } catch {
      // What was acknowledged is in the file. The floor is found again by the time; and the next start checks the file.
    }
    // A transaction that failed may have closed it.
    if (!this.#opened) return;
    this.#opened = undefined;
    file.close();
  }

  /** The open file; if it had to be closed, it is opened again. */
  #ready(): Opened {
    if (this.#opened) return this.#opened;
    const opened = this.#reopen();
    if (opened.holdings.span.last !== this.#fedTo) {
      this.#fedTo = opened.holdings.span.last;
      this.feed.lose(new Error(`sqlite:${this.#place.path} was opened again`));
    }
    return opened;
  }

  #reopen(): Opened {
    const opened = this.#open({ first: false });
    if (opened.file.read().epoch !== this.epoch) {
      opened.file.close();
      throw cannotOpen(this.#place.path, new Error("it is another file than before"));
    }
    this.#knownPuts = opened.puts;
    return this.#opened = opened;
  }

  #open({ first }: { readonly first: boolean }): Opened {
    const { path } = this.#place;
    let file: DatabaseFile | undefined;
    try {
      file = new DatabaseFile(this.#place, first);
      const opened = this.#load(file);
      // Opened again, a file can be read even if it takes nothing at present.
      file.opened(first);
      return opened;
    } catch (error) {
      file?.close();
      throw cannotOpen(path, error);
    }
  }

  #load(file: DatabaseFile): Opened {
    const start = file.read();
    const table = new PutTable(file.db);
    const dropped: Dropped[] = [];
    const { window } = this.limits;
    const puts = new PutOnce({ window, retention: this.retention }, (run) => dropped.push(run));
    table.load(puts, start.recalls, this.time.now());
    let saved = 0;
    const ending: Ending = {
      save: () => {
        const { floor, last, lastTime } = holdings.span;
        table.save(puts.noted(), dropped);
        saved = dropped.length;
        file.save({ floor, last, lastTime, recalls: puts.recalls });
      },
      done: () => {
        dropped.splice(0, saved);
        puts.commit(this.time.now());
      },
      failed: (error, committing) => {
        puts.rollback();
        // What does not fit was not written to its end.
        this.#settle(committing && !isFull(error));
      },
    };
    const holdings = new Holdings(file.db, start, ending);
    const admission = new Admission(holdings, puts, this.limits, this.time, true);
    return { file, holdings, puts, admission };
  }

  /** Commits what waits, feeds it, and answers. */
  #flush(): void {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    const messages: Message[] = [];
    let results: readonly (readonly (Stored | StoreError)[])[];
    const before = this.#fedTo;
    try {
      results = this.#commit(waiting, messages);
    } catch (error) {
      const failure = because("store messages", error, isFull(error) ? "full" : undefined);
      const become = (put: Put) => this.#storedBefore(put, before) ?? failure;
      results = waiting.map(({ batch }) => batch.map(become));
    }
    for (const [i, { resolve }] of waiting.entries()) resolve(results[i]!);
  }

  #commit(waiting: readonly Waiting[], messages: Message[]): (Stored | StoreError)[][] {
    const { holdings, admission } = this.#ready();
    const results: (Stored | StoreError)[][] = [];
    const now = this.time.now();
    try {
      holdings.transaction(() => {
        for (const { batch } of waiting) results.push(admission.take(batch, now, messages));
        holdings.moveTail();
      });
    } catch (error) {
      if (messages.length === 0 || !this.#isStored(messages, error)) throw error;
    }
    if (messages.length > 0) {
      this.#fedTo = messages.at(-1)!.seq;
      // Fed before the calls are answered: whoever is told that a message is stored finds its readers served.
      this.feed.bring(messages);
    }
    return results;
  }

  /** Where a put that its session repeats was stored, if it was up to a number. */
  #storedBefore({ session, n }: Put, upTo: number): Stored | undefined {
    if (session === undefined || n === undefined) return undefined;
    const seq = this.#knownPuts.find(session, n);
    return seq > 0 && seq <= upTo ? { seq, dup: true } : undefined;
  }

  /** A transaction failed: closes the file, unless it is sure that it stands as before. */
  #settle(unsure: boolean): void {
    const { file } = this.#opened!;
    this.#unsure = unsure;
    try {
      if (!unsure) return file.requireRest();
    } catch {
      // A transaction that cannot be undone is undone by closing the file.
    }
    this.#opened = undefined;
    try {
      file.close();
    } catch {
      // There is nothing left to do for it.
    }
  }

  /** After a transaction failed: whether it was committed all the same. */
  #isStored(messages: readonly Message[], error: unknown): boolean {
    if (!this.#unsure) return false;
    const { seq, topic, body } = messages.at(-1)!;
    let there: Message | undefined;
    try {
      const { holdings } = this.#reopen();
      const query = { topic, after: seq - 1, count: 1, bytes: 1 };
      if (holdings.span.last >= seq) [there] = holdings.page(query).messages;
    } catch (cause) {
      throw unknownOutcome(cause);
    }
    if (there?.body !== body) return false;
    // What is in the file is there for all to read, but whether the disk has it nobody knows.
    if (codeOf(error) !== SQLITE.io || this.kept === "process") return true;
    this.#fedTo = seq;
    this.feed.bring(messages);
    throw unknownOutcome(error);
  }
}

function isFull(error: unknown): boolean {
  return codeOf(error) === SQLITE.full;
}

function unknownOutcome(cause: unknown): StoreError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot tell whether messages are stored: ${why}`, {
    cause,
    code: "unknown_outcome",
  });
}
