/**
 * What stores in a SQLite database share, in memory or in a file: everything but `apply`.
 *
 * @module
 */

import type { Durability } from "../protocol/encode_replies.ts";
import type { NameMap } from "../protocol/name_map.ts";
import type { StoredTopic } from "../protocol/topic_info.ts";
import type { Clock } from "../queue/clock.ts";
import type { Engine } from "./engine.ts";
import { Feed } from "./feed.ts";
import type { DeadJob, DeadQuery, GroupQuery, StoredGroup } from "./groups/group_commands.ts";
import type { GroupMachine } from "./groups/group_machine.ts";
import { listDeadJobs, listGroups } from "./groups/group_lists.ts";
import type { MessageLog } from "./message_log.ts";
import { SlicedWork } from "./sliced_work.ts";
import type { DedupIndex } from "./dedup_index.ts";
import {
  type Command,
  type CommandBatch,
  type EpochPosition,
  type Follower,
  type MessagePage,
  type MessageQuery,
  type Result,
  type Store,
  type StoreBounds,
  type StoreError,
  type TopicBounds,
  type TopicBoundsQuery,
  type TopicQuery,
  toStoreError,
} from "./store.ts";
import { completeLimits, type StoreLimits } from "./store_limits.ts";
import { StoreTime } from "./store_time.ts";
import { type StoreUsage, usageOf } from "./store_usage.ts";

/** How a store in SQLite is opened. */
export interface SqliteStoreOptions {
  readonly engine: Engine;
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** Its time when the store opens, and the time that passes. */
  readonly clock: Pick<Clock, "now" | "monotonic">;
  /** How much it takes. Limits that are not given have a server's defaults. */
  readonly limits?: Partial<StoreLimits>;
  /** Calls back after the event loop has polled the network. Default: the system's. */
  readonly afterNetworkPoll?: ((callback: () => void) => void) | undefined;
}

/** A store in a SQLite database. No answer contains what has expired. */
export abstract class SqliteStore implements Store {
  abstract readonly id: string;
  abstract readonly epoch: string;
  abstract readonly durability: Durability;
  abstract readonly description: string;

  protected readonly feed: Feed = new Feed();
  limits: StoreLimits;
  protected readonly time: StoreTime;
  retention: number;
  protected closed = false;
  /** Long work is done here, in slices. */
  protected readonly slicedWork: SlicedWork;

  /**
   * Takes the options.
   *
   * @param options engine, retention, clock and limits
   */
  constructor({ retention, clock, limits, afterNetworkPoll }: SqliteStoreOptions) {
    this.slicedWork = new SlicedWork(afterNetworkPoll);
    this.limits = completeLimits(limits);
    this.retention = retention;
    this.time = new StoreTime(clock);
  }

  /** The messages; throws if they cannot be used. */
  protected abstract get messageLog(): MessageLog;
  /** The puts that are remembered for deduplication. */
  protected abstract get dedup(): DedupIndex;
  /** The groups; throws if they cannot be used. */
  protected abstract get groupMachine(): GroupMachine;
  /** The last number of each epoch before this one. */
  abstract readonly epochEnds: NameMap<number>;
  /** Closes the database; called once. */
  protected abstract close(): void;

  now(): number {
    return this.time.now();
  }

  abstract apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]>;

  read(queries: readonly MessageQuery[]): Promise<readonly MessagePage[]> {
    return this.#ask(
      "read messages",
      (messageLog, { floor }) =>
        queries.map((query) =>
          query.prefix === undefined
            ? messageLog.pages.page(query, floor)
            : messageLog.prefixes.page(query, floor)
        ),
    );
  }

  bounds(): Promise<StoreBounds> {
    return this.#ask("find the last message", (_, bounds) => {
      const asOf = this.goneTime;
      return asOf < bounds.time ? { ...bounds, asOf } : bounds;
    });
  }

  topicBounds(queries: readonly TopicBoundsQuery[]): Promise<readonly TopicBounds[]> {
    return this.#ask("find the bounds of topics", (messageLog, bounds) => {
      const { floor, last } = bounds;
      const { gone } = messageLog;
      return queries.map(({ topic, prefix, epoch, after = 0, asOf }) => {
        const end = this.#endOf(epoch, last);
        return {
          ...bounds,
          end,
          gone: topic !== undefined
            ? gone.find(topic, floor, asOf)
            : prefix !== undefined
            ? messageLog.prefixes.gone(
              { prefix, after: Math.min(after, end ?? after), asOf },
              floor,
            )
            : undefined,
          asOf: gone.asOf(this.goneTime),
        };
      });
    });
  }

  isDedupComplete(session: string, { epoch, seq }: EpochPosition): Promise<boolean> {
    return this.#ask("check a session", (_, { last, time }) => {
      const end = this.#endOf(epoch, last);
      return end !== undefined && seq <= end && this.dedup.isCompleteAfter(session, seq, time);
    });
  }

  seqBefore(time: number): Promise<number> {
    return this.#ask(
      "find a message by its time",
      ({ range }, { floor }) => Math.max(floor, range.lastStoredBy(time - 1)),
    );
  }

  async topics(query: TopicQuery): Promise<readonly StoredTopic[]> {
    const found: StoredTopic[] = [];
    for (let { after } = query;;) {
      const count = query.count - found.length;
      const listed = await this.#ask(
        "list topics",
        (messageLog, { floor }) => messageLog.list({ ...query, after, count }, floor),
      );
      found.push(...listed.topics);
      if (listed.after === undefined) return found;
      after = listed.after;
      // Others go first: to find the rest takes long if very many messages have expired and are not deleted yet.
      await new Promise<void>((resolve) => this.slicedWork.next(resolve));
    }
  }

  trim(budgetMs: number): Promise<boolean> {
    return this.#ask("purge messages", (messageLog) => {
      const end = performance.now() + budgetMs;
      // Expired messages go first: if the database is full, that makes room for the write buffer.
      if (!messageLog.purgeUntil(end, budgetMs / 8)) return true;
      messageLog.flush();
      return !messageLog.purgeUntil(end, budgetMs / 8) || this.dedup.holdsExpired() ||
        this.groupMachine.isBehind;
    });
  }

  groups(query: GroupQuery): Promise<readonly StoredGroup[]> {
    return this.#ask("list groups", () => listGroups(this.groupMachine.state, query));
  }

  deadJobs(query: DeadQuery): Promise<readonly DeadJob[]> {
    return this.#ask("list dead jobs", () => listDeadJobs(this.groupMachine.state, query));
  }

  get holdsJobs(): boolean {
    return this.#groupMachine?.holdsJobs ?? false;
  }

  get nextDue(): number | undefined {
    return this.#groupMachine?.nextDue;
  }

  /** The groups, if they can be used now. */
  get #groupMachine(): GroupMachine | undefined {
    try {
      return this.groupMachine;
    } catch {
      return undefined;
    }
  }

  /** Has the followers learn what has happened to groups; after the messages that were stored with it. */
  protected publishGroups(): void {
    const events = this.groupMachine.takeEvents();
    if (events.length > 0) this.feed.publishGroups(events);
  }

  /** How much it holds; see {@linkcode StoreUsage}. */
  usage(): Promise<StoreUsage> {
    return this.#ask("measure what is stored", usageOf);
  }

  follow(to: Follower): Promise<{ readonly from: number } & Disposable> {
    return this.#ask("follow", (_, { last }) => this.feed.follow(to, last));
  }

  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    try {
      this.close();
    } finally {
      // Not before: what is applied last reaches the followers, too, before its calls are answered.
      this.feed.close();
    }
  }

  /** Throws if the store is closed. */
  protected requireOpen(): void {
    if (this.closed) throw new Error("the store is closed");
  }

  #endOf(epoch: string | undefined, last: number): number | undefined {
    return epoch === undefined || epoch === this.epoch ? last : this.epochEnds.get(epoch);
  }

  /** All that was gone by this time is known here. */
  protected get goneTime(): number {
    return this.readTime;
  }

  /** The time at which queries are answered: never later than that of commands that are still to be applied. */
  protected get readTime(): number {
    return this.time.now();
  }

  /** Answers a query, all of it as of one time. This changes nothing. */
  // deno-lint-ignore require-await -- the contract is asynchronous, SQLite is not
  async #ask<T>(
    what: string,
    work: (messageLog: MessageLog, bounds: StoreBounds) => T,
  ): Promise<T> {
    try {
      this.requireOpen();
      const { messageLog } = this;
      const { range } = messageLog;
      const time = this.readTime;
      return work(messageLog, {
        floor: range.readFloor(time - this.retention),
        last: range.last,
        time,
      });
    } catch (error) {
      throw toStoreError(what, error);
    }
  }
}
