/**
 * Messages in a SQLite database in memory.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { Admission } from "./admission.ts";
import type { Database } from "./engine.ts";
import { GoneMap } from "./gone_map.ts";
import { Holdings } from "./holdings.ts";
import { PutOnce } from "./put_once.ts";
import { type SqliteOptions, SqliteStore } from "./sqlite.ts";
import { because, type Message, type Put, type Stored, type StoreError } from "./store.ts";

/**
 * Keeps messages in a SQLite database in memory.
 *
 * The newest ones stand in a list, the tail, and are moved into the database many at a time: when the tail
 * is long, when someone reads who needs more than the tail, and with every purge. As the list is lost with
 * the process just as the database is, nobody can tell; but whoever puts one message, or reads what was just
 * put, does not wait for SQLite.
 */
export class MemoryStore extends SqliteStore {
  override readonly id: string = crypto.randomUUID();
  override readonly epoch: string = crypto.randomUUID();
  override readonly kept = "memory";
  override readonly description: string;
  protected override readonly holdings: Holdings;
  protected override readonly puts: PutOnce;
  protected override readonly ends: NameMap<number> = new NameMap();
  readonly #db: Database;
  readonly #admission: Admission;

  /**
   * Opens a new and empty store.
   *
   * @param options engine, retention, clock and limits
   */
  constructor(options: SqliteOptions) {
    super(options);
    const { engine } = options;
    this.description = `memory on ${engine.name}`;
    this.#db = engine.open(":memory:");
    const { retention, limits: { window, runs: most } } = this;
    const gone = new GoneMap(this.limits.gone);
    this.holdings = new Holdings(this.#db, { retention, gone });
    this.puts = new PutOnce({ window, retention, most });
    this.#admission = new Admission(this.holdings, this.puts, this.limits, this.time, false);
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  override async append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]> {
    if (batch.length === 0) return [];
    const { tail } = this.holdings;
    try {
      this.requireOpen();
      // Before more is taken: a database that fails is told to the putter, and nothing piles up here.
      if (tail.full) this.holdings.moveTail();
    } catch (error) {
      const failure = because("store messages", error);
      return batch.map(() => failure);
    }
    const messages: Message[] = [];
    const now = this.time.now();
    const results = this.#admission.take(batch, now, messages);
    this.puts.commit(now);
    // Fed before this call is answered: whoever is told that a message is stored finds its readers served.
    if (messages.length > 0) this.feed.bring(messages);
    if (tail.long) this.#tryToMoveTail();
    return results;
  }

  protected override close(): void {
    this.#db.close();
  }

  #tryToMoveTail(): void {
    try {
      this.holdings.moveTail();
    } catch {
      // It stays where it is, and the next one who puts is told.
    }
  }
}
