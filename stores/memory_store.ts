/**
 * Messages in a SQLite database in memory.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { Admission } from "./admission.ts";
import type { Database } from "./engine.ts";
import { GroupMachine } from "./groups/group_machine.ts";
import { GroupState } from "./groups/group_state.ts";
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
 * The newest messages are in a write buffer and move into the database many at a time: when the buffer is full, when
 * a reader needs more than the buffer, and with every purge. The buffer is lost with the process, as the database is,
 * so nobody can tell the difference; but a single put, or a reader of what was just put, does not wait for SQLite.
 */
export class MemoryStore extends SqliteStore {
  override readonly id: string = crypto.randomUUID();
  override readonly epoch: string = crypto.randomUUID();
  override readonly durability = "memory";
  override readonly description: string;
  protected override readonly messageLog: MessageLog;
  protected override readonly dedup: DedupIndex;
  protected override readonly groupMachine: GroupMachine;
  override readonly epochEnds: NameMap<number> = new NameMap();
  readonly #db: Database;
  readonly #machine: StateMachine;

  /**
   * Opens a new, empty store.
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
    const groups = this.groupMachine = new GroupMachine(
      messageLog,
      limits,
      (saved) => new GroupState(this.#db, messageLog, limits, saved),
    );
    const admission = new Admission(messageLog, dedup, groups, limits, false);
    this.#machine = new StateMachine({ messageLog, dedup, groups, admission, time, retention });
    this.messageLog = messageLog;
    this.dedup = dedup;
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  override async apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> {
    const { buffer } = this.messageLog;
    const messages: TopicMessage[] = [];
    let results: (Result | StoreError)[];
    try {
      this.requireOpen();
      // Before anything is done: if the database fails, the caller gets the error, and nothing piles up here.
      if (buffer.isFull && batch.commands.length > 0) this.messageLog.flush();
      results = this.#machine.apply(batch, messages);
    } catch (error) {
      const failure = toStoreError("store messages", error);
      return batch.commands.map(() => failure);
    }
    this.dedup.commit();
    // Before this call is answered: when a put is acknowledged, its readers have been served.
    if (messages.length > 0) this.feed.publish(messages);
    this.publishGroups();
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
      // The messages stay in the buffer, and the next put gets the error.
    }
  }
}
