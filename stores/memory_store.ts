/**
 * Messages in a SQLite database in memory.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { Admission } from "./admission.ts";
import type { Database } from "./engine.ts";
import { GoneMap } from "./gone_map.ts";
import { MessageLog } from "./message_log.ts";
import { DedupIndex } from "./dedup_index.ts";
import { SqliteStore, type SqliteStoreOptions } from "./sqlite_store.ts";
import { StateMachine } from "./state_machine.ts";
import {
  type Command,
  type CommandBatch,
  type Result,
  type StoreError,
  type TopicMessage,
  toStoreError,
} from "./store.ts";

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
  override readonly durability = "memory";
  override readonly description: string;
  protected override readonly messageLog: MessageLog;
  protected override readonly dedup: DedupIndex;
  protected override readonly epochEnds: NameMap<number> = new NameMap();
  readonly #db: Database;
  readonly #machine: StateMachine;

  /**
   * Opens a new and empty store.
   *
   * @param options engine, retention, clock and limits
   */
  constructor(options: SqliteStoreOptions) {
    super(options);
    const { engine } = options;
    this.description = `memory on ${engine.name}`;
    this.#db = engine.open(":memory:");
    const { retention, time, limits } = this;
    const { dedupWindow, dedupRuns: maxRuns } = limits;
    const messageLog = new MessageLog(this.#db, {
      retention,
      gone: new GoneMap(limits.goneTopics),
    });
    const dedup = new DedupIndex({ window: dedupWindow, retention, maxRuns });
    const admission = new Admission(messageLog, dedup, limits, false);
    this.#machine = new StateMachine({ messageLog, dedup, admission, time, retention });
    this.messageLog = messageLog;
    this.dedup = dedup;
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  override async apply<C extends Command>(
    { time, commands }: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> {
    const { buffer } = this.messageLog;
    try {
      this.requireOpen();
      this.#machine.begin(time);
      // Before more is taken: a database that fails is told to the putter, and nothing piles up here.
      if (buffer.isFull && commands.length > 0) this.messageLog.flush();
    } catch (error) {
      const failure = toStoreError("store messages", error);
      return commands.map(() => failure);
    }
    const messages: TopicMessage[] = [];
    const results = this.#machine.take(commands, messages);
    this.dedup.commit();
    // Fed before this call is answered: whoever is told that a message is stored finds its readers served.
    if (messages.length > 0) this.feed.publish(messages);
    if (buffer.isOverfull) this.#tryFlush();
    return results as (Result<C> | StoreError)[];
  }

  protected override close(): void {
    this.#db.close();
  }

  #tryFlush(): void {
    try {
      this.messageLog.flush();
    } catch {
      // It stays where it is, and the next one who puts is told.
    }
  }
}
