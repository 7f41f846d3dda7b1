/**
 * A store that several servers share: a log that others keep, and a whole replica in each server.
 *
 * @module
 */

import { afterNetworkPoll } from "../../budgets/after_network_poll.ts";
import type { Durability } from "../../protocol/encode_replies.ts";
import { NameMap } from "../../protocol/name_map.ts";
import type { Clock } from "../../queue/clock.ts";
import type { DedupIndex } from "../dedup_index.ts";
import type { Database } from "../engine.ts";
import type { GroupMachine } from "../groups/group_machine.ts";
import type { MessageLog } from "../message_log.ts";
import { SqliteStore, type SqliteStoreOptions } from "../sqlite_store.ts";
import {
  type Command,
  type CommandBatch,
  type Result,
  type StoreError,
  toStoreError,
} from "../store.ts";
import type { StoreConfiguration } from "./control_commands.ts";
import { LogClock } from "./log_clock.ts";
import type { LogEntry, RecordLog } from "./record_log.ts";
import { RecordSender } from "./record_sender.ts";
import { MACHINE_VERSION, Replica, type ReplicaIdentity } from "./replica.ts";

/** How a {@linkcode ReplicatedStore} is opened. */
export interface ReplicatedStoreOptions extends Omit<SqliteStoreOptions, "clock"> {
  /** The log. The store owns it from then on. */
  readonly log: RecordLog;
  readonly clock: Clock;
}

/** How long commands wait for the log, in milliseconds. */
const COMMAND_TIMEOUT = 4500;

/** How long until a tail that ended is begun again, in milliseconds. */
const RETAIL_AFTER = 100;

/** If no record has come for so long, one without commands is worth its place: everybody learns that time passes. In milliseconds. */
const TICK = 1000;

/** For so long records are applied before others have their turn, in milliseconds. */
const APPLY_SLICE = 10;

/**
 * Keeps messages in a log that several servers append to, each of which applies all of it to a replica of its own.
 *
 * A command is answered when its own record has been applied here. Reads are answered from the replica;
 * {@linkcode ReplicatedStore.fence} makes sure that it has everything that anybody was told before.
 */
export class ReplicatedStore extends SqliteStore {
  override readonly durability: Durability;
  override readonly description: string;
  override readonly epochEnds: NameMap<number> = new NameMap();
  readonly #log: RecordLog;
  readonly #clock: Clock;
  readonly #logClock: LogClock;
  readonly #sender: RecordSender;
  readonly #stop = new AbortController();
  readonly #db: Database;
  #replica: Replica;
  /** Somebody waits until the replica has come to a position. */
  #awaited: { readonly position: number; readonly resolve: () => void }[] = [];
  #following: Promise<void> = Promise.resolve();

  private constructor(options: ReplicatedStoreOptions, logClock: LogClock) {
    super({ ...options, clock: logClock });
    const { log, clock, engine } = options;
    this.#log = log;
    this.#clock = clock;
    this.#logClock = logClock;
    this.durability = log.durability;
    this.description = `${log.description}, a replica on ${engine.name}`;
    this.#db = engine.open(":memory:");
    this.#db.exec("BEGIN");
    this.#replica = new Replica(this.#db, this.time);
    this.#sender = new RecordSender({
      log,
      clock,
      seen: () => this.#replica.chain.last,
      timeout: COMMAND_TIMEOUT,
    });
  }

  /**
   * Opens the store of a log, or makes a new one if the log is empty.
   *
   * @param options the log, and how the replica is kept
   * @returns the store, once it has everything that was in the log
   */
  static async open(options: ReplicatedStoreOptions): Promise<ReplicatedStore> {
    const store = new ReplicatedStore(options, new LogClock(options.clock));
    try {
      await store.#begin();
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
    return store;
  }

  override get id(): string {
    return this.#identity.id;
  }

  override get epoch(): string {
    return this.#identity.epoch;
  }

  override async apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> {
    try {
      this.requireOpen();
    } catch (error) {
      const failure = toStoreError("store messages", error);
      return batch.commands.map(() => failure);
    }
    if (batch.commands.length === 0 && !this.#isDue) return [];
    return await this.#sender.send(batch.commands) as readonly (Result<C> | StoreError)[];
  }

  /** Resolves once everything can be read here that anybody was told before the call that it is stored. */
  async fence(): Promise<void> {
    this.requireOpen();
    await this.#sender.fence();
  }

  protected override get messageLog(): MessageLog {
    return this.#replica.parts.messageLog;
  }

  protected override get dedup(): DedupIndex {
    return this.#replica.parts.dedup;
  }

  protected override get groupMachine(): GroupMachine {
    return this.#replica.parts.groups;
  }

  protected override close(): void {
    this.#db.close();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    await this.#sender.settled();
    this.#sender.stop();
    this.#stop.abort();
    await this.#following;
    await this.#log[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }

  get #identity(): ReplicaIdentity {
    const { identity } = this.#replica;
    if (!identity) throw new Error("the log is empty");
    return identity;
  }

  /** Whether something may be due: only then do records without commands make a difference. */
  get #isDue(): boolean {
    const { messageLog: { range }, dedup, groups } = this.#replica.parts;
    const now = this.time.now();
    const passed = now - this.time.applied;
    if (passed <= 0) return false;
    return passed >= TICK || range.readFloor(now - this.retention) > range.floor ||
      dedup.holdsExpired(now) ||
      groups.state !== undefined;
  }

  async #begin(): Promise<void> {
    this.#following = this.#follow();
    const { last } = await this.#log.state();
    await this.#reached(last);
    if (!this.#replica.identity) {
      const [seed] = crypto.getRandomValues(new Uint32Array(1)) as unknown as [number];
      await this.#sender.control({
        ...{ type: "configure", after: 0, seed },
        configuration: this.#configuration,
        id: crypto.randomUUID(),
        epoch: crypto.randomUUID(),
      });
    }
    await this.#sender.control({ type: "join", knows: MACHINE_VERSION });
  }

  get #configuration(): StoreConfiguration {
    return { retention: this.retention, limits: this.limits };
  }

  /** Applies the records of the log as they come, until the store is closed. */
  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        let sliceEnd = performance.now() + APPLY_SLICE;
        for await (const entry of this.#log.tail(this.#replica.chain.last.position, signal)) {
          this.#applyEntry(entry);
          if (performance.now() < sliceEnd) continue;
          await new Promise<void>(afterNetworkPoll);
          sliceEnd = performance.now() + APPLY_SLICE;
        }
      } catch {
        await this.#pause(RETAIL_AFTER);
      }
    }
  }

  #applyEntry(entry: LogEntry): void {
    this.#logClock.setTime(entry.time);
    const { record, ignored, results, messages, events } = this.#replica.apply(entry);
    // Before the calls are answered: when a put is acknowledged, its readers have been served.
    if (messages.length > 0) this.feed.publish(messages);
    if (events.length > 0) this.feed.publishGroups(events);
    if (record?.writer === this.#sender.writer) {
      const { number } = record;
      if (!ignored) this.#sender.applied(number, results);
      else if (ignored !== "repeated") {
        this.#sender.ignored(this.#replica.writers.next(record.writer));
      }
    }
    if (this.#awaited.length > 0) this.#notifyAwaited();
  }

  /** Resolves once the replica has applied everything up to a position. */
  #reached(position: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited.push({ position, resolve });
      this.#notifyAwaited();
    });
  }

  #notifyAwaited(): void {
    const { position: at } = this.#replica.chain.last;
    const reached = this.#awaited.filter(({ position }) => position <= at);
    this.#awaited = this.#awaited.filter(({ position }) => position > at);
    for (const { resolve } of reached) resolve();
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const cancel = this.#clock.after(ms, resolve);
      signal.addEventListener("abort", () => {
        cancel();
        resolve();
      }, { once: true });
    });
  }
}
