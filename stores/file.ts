/**
 * Messages in a SQLite database in a file.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";
import type { NameMap } from "../protocol/name_map.ts";
import type { Durability } from "./database_file.ts";
import type { Holdings } from "./holdings.ts";
import { isFull } from "./opened_file.ts";
import { Parts } from "./parts.ts";
import type { PutOnce } from "./put_once.ts";
import { RecoveringFile, unknownOutcome } from "./recovering_file.ts";
import { type SqliteOptions, SqliteStore } from "./sqlite.ts";
import { because, type Message, type Put, type Stored, type StoreError } from "./store.ts";

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
 * brings it, and then all are answered. Where the file fails, see {@linkcode RecoveringFile}.
 */
export class FileStore extends SqliteStore {
  override readonly id: string;
  override readonly epoch: string = crypto.randomUUID();
  override readonly kept: "disk" | "process";
  override readonly description: string;
  protected override readonly ends: NameMap<number>;
  readonly #file: RecoveringFile;
  #waiting: Waiting[] = [];
  /** Puts do not wait for others who list topics. */
  readonly #commits: Parts;
  /** Ends the wait for the next commit. */
  #turn: (() => void) | undefined;
  /** Sessions that are forgotten once what waits is committed. */
  readonly #leaving: string[] = [];

  /**
   * Opens a file, or makes a new one.
   *
   * @param options path, durability, engine, retention, clock and limits
   * @throws {Error} if it cannot be used
   */
  constructor(options: FileOptions) {
    super(options);
    const { path, engine, durability, warn = () => {} } = options;
    const { retention, limits, time, epoch } = this;
    const jumped = (error: Error) => this.feed.lose(error);
    const use = { retention, limits, time, epoch, warn, jumped };
    this.#commits = new Parts(options.afterLook);
    this.#file = new RecoveringFile({ path, engine, durability, ...use });
    this.id = this.#file.id;
    this.ends = this.#file.ends;
    this.kept = durability === "full" ? "disk" : "process";
    const { realPath } = this.#file;
    this.description = `sqlite:${realPath} on ${engine.name} (${SURVIVES[durability]})`;
  }

  get fault(): string | undefined {
    return this.closed ? undefined : this.#file.fault;
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
    return this.#file.ready().holdings;
  }

  protected override get puts(): PutOnce {
    return this.#file.ready().puts;
  }

  protected override close(): void {
    if (this.#turn) this.#flush();
    this.#file.close();
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
      results = waiting.map(({ batch }) =>
        batch.map((put) => this.#file.foundBefore(put) ?? failure)
      );
    }
    if (this.#waiting.length === 0) {
      for (const session of this.#leaving.splice(0)) this.#file.forget(session);
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
    const { holdings, admission } = this.#file.readyToCommit();
    const results: (Stored | StoreError)[][] = [];
    const messages: Message[] = [];
    const now = this.time.now();
    try {
      holdings.transaction(() => {
        for (const { batch } of waiting) results.push(admission.take(batch, now, messages));
        holdings.moveTail();
      });
    } catch (error) {
      if (messages.length === 0 || !this.#file.isStored(messages.at(-1)!)) throw error;
      if (this.#file.isDoubtful) {
        // It is there for all to read, and so they get it. But whether the disk has it nobody knows.
        this.#feed(messages);
        throw unknownOutcome(error);
      }
    }
    this.#file.committed();
    // Fed before the calls are answered: whoever is told that a message is stored finds its readers served.
    if (messages.length > 0) this.#feed(messages);
    return results;
  }

  #feed(messages: readonly Message[]): void {
    this.#file.fed(messages.at(-1)!.seq);
    this.feed.bring(messages);
  }
}
