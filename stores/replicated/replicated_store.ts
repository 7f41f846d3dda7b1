/**
 * A store that several servers share: a log that others keep, and a whole replica in each server.
 *
 * @module
 */

import type { Durability } from "../../protocol/encode_replies.ts";
import type { NameMap } from "../../protocol/name_map.ts";
import type { Clock } from "../../queue/clock.ts";
import type { DedupIndex } from "../dedup_index.ts";
import type { GroupMachine } from "../groups/group_machine.ts";
import type { MessageLog } from "../message_log.ts";
import { SqliteStore } from "../sqlite_store.ts";
import {
  type Command,
  type CommandBatch,
  type Result,
  type StoreError,
  type TopicMessage,
  toStoreError,
} from "../store.ts";
import type { AppliedEntry } from "./applied_entry.ts";
import type { DigestChain } from "./digest_chain.ts";
import { FencePacing } from "./fence_pacing.ts";
import { LogClock } from "./log_clock.ts";
import { LogFollower } from "./log_follower.ts";
import { LogMembership } from "./log_membership.ts";
import { behindError, LogWatch } from "./log_watch.ts";
import type { RecordLog } from "./record_log.ts";
import { RecordSender } from "./record_sender.ts";
import { MACHINE_VERSION } from "./replica.ts";
import { ReplicaKeeper } from "./replica_keeper.ts";
import type { ReplicatedStoreOptions } from "./replicated_store_options.ts";
import { ReplicaUpkeep } from "./replica_upkeep.ts";
import { SnapshotMaker } from "./snapshot_maker.ts";
import { describeReplicated } from "./store_description.ts";

/** How long commands and fences wait for the log, in milliseconds. */
const COMMAND_TIMEOUT = 4500;

/** How long a store that is closed waits for what is under way, in milliseconds. */
const CLOSE_TIMEOUT = 1000;

/** How far a server is with its log. */
export interface ReplicaStatus {
  /** The position of the last record that was applied here. */
  readonly position: number;
  /** How many records the log has beyond that, as far as is known. */
  readonly behindBy: number;
  /** How many records of this server the log has not brought back yet. */
  readonly underWay: number;
  /** How many bytes of commands wait for the log. */
  readonly waitingBytes: number;
  /** For how many milliseconds nothing has come from the log. */
  readonly idleFor: number;
}

/**
 * Keeps messages in a log that several servers append to, each of which applies all of it to a replica of its own.
 *
 * A command is answered when its own record has been applied here. Reads are answered from the replica;
 * {@linkcode ReplicatedStore.fence} makes sure that it has everything that anybody was told before.
 */
export class ReplicatedStore extends SqliteStore {
  override readonly durability: Durability;
  override readonly description: string;
  /** Other servers may permit larger messages than this one. */
  readonly largestBytes: number;
  readonly #log: RecordLog;
  readonly #clock: Clock;
  readonly #logClock: LogClock;
  readonly #keeper: ReplicaKeeper;
  readonly #sender: RecordSender;
  readonly #fences: FencePacing;
  readonly #follower: LogFollower;
  readonly #watch: LogWatch;
  readonly #membership: LogMembership;
  readonly #upkeep: ReplicaUpkeep;
  readonly #snapshots: SnapshotMaker;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #onBehind: (reason: string | undefined) => void = () => {};
  #onOpened: (session: string, attempt: number) => void = () => {};
  /** The feed has brought everything up to here. */
  #fedTo = 0;

  private constructor(options: ReplicatedStoreOptions, logClock: LogClock) {
    super({ ...options, clock: logClock });
    const { log, clock, engine, path, reconfigure = false, knows = MACHINE_VERSION } = options;
    const { notify = () => {} } = options;
    [this.#log, this.#clock, this.#logClock] = [log, clock, logClock];
    this.durability = log.durability;
    this.largestBytes = log.maxRecord;
    this.description = describeReplicated(log, engine);
    const keeper = this.#keeper = new ReplicaKeeper(engine, path, this.time, options);
    const writer = () => this.#sender.writer;
    this.#sender = new RecordSender({
      ...{ log, clock, timeout: COMMAND_TIMEOUT },
      seen: () => keeper.replica.chain.last,
      version: () => keeper.replica.identity?.version ?? knows,
    });
    this.#fences = new FencePacing({
      ...{ clock, timeout: COMMAND_TIMEOUT },
      isFree: () => this.#sender.hasWaiting,
      send: () => this.#sender.fence(),
    });
    this.#snapshots = new SnapshotMaker({
      ...{ log, engine, keeper, writer, notify },
      control: (control) => this.#sender.control(control),
    });
    this.#follower = new LogFollower({
      ...{ log, clock, keeper, writer, signal: this.#stop.signal },
      onEntry: (applied, isNew) => this.#onEntry(applied, isNew),
      onBlocked: (reason) => this.#membership.block(reason),
      onRebuilt: (before) => this.#onRebuilt(before),
      onProgress: (progress) => options.onProgress?.(progress),
      onReplay: (reason) => this.#watch.block("replay", reason),
      onReplayed: () => this.#watch.unblock("replay"),
      onEnd: ({ message }) => this.#watch.block("rebuild", message),
    });
    this.#watch = new LogWatch({
      ...{ log, clock },
      onState: (state) => this.#upkeep.onState(state, this.#watch.silence),
      onCheck: () => this.#upkeep.check(this.#watch.behind !== undefined),
      onBehind: (reason) => this.#onBehind(reason),
    });
    this.#membership = new LogMembership({
      ...{ log, clock, keeper, follower: this.#follower, sender: this.#sender },
      ...{ watch: this.#watch, reconfigure, knows, notify },
      configuration: { retention: this.retention, limits: this.limits },
    });
    this.#upkeep = new ReplicaUpkeep({
      ...{ time: this.time, keeper, sender: this.#sender, follower: this.#follower },
      ...{ membership: this.#membership, snapshots: this.#snapshots },
    });
    this.#fedTo = this.#keeper.replica.lastSeq;
    this.#following = this.#follower.run();
  }

  /**
   * Opens the store of a log, or makes a new one if the log is empty.
   *
   * @param options the log, and how the replica is kept
   * @returns the store, once it has everything that was in the log
   * @throws {Error} if the log cannot be used
   */
  static async open(options: ReplicatedStoreOptions): Promise<ReplicatedStore> {
    const store = new ReplicatedStore(options, new LogClock(options.clock));
    await store.#membership.join().catch(async (error) => {
      await store[Symbol.asyncDispose]();
      throw error;
    });
    return store;
  }

  override get id(): string {
    return this.#membership.identity.id;
  }

  override get epoch(): string {
    return this.#membership.identity.epoch;
  }

  override get epochEnds(): NameMap<number> {
    return this.#keeper.replica.epochEnds;
  }

  get openedAt(): number {
    return this.#membership.identity.began;
  }

  findFault(): string | undefined {
    return this.#watch.behind;
  }

  override async apply<C extends Command>(
    batch: CommandBatch<C>,
  ): Promise<readonly (Result<C> | StoreError)[]> {
    try {
      this.requireOpen();
      this.#follower.requireRunning();
      if (batch.commands.length === 0 && !this.#keeper.replica.isDue(this.time.now())) return [];
    } catch (error) {
      const failure = toStoreError("store messages", error);
      return batch.commands.map(() => failure);
    }
    return await this.#sender.send(batch.commands) as readonly (Result<C> | StoreError)[];
  }

  async fence(): Promise<void> {
    this.requireOpen();
    const reason = this.#watch.behind;
    if (reason !== undefined) throw behindError(reason);
    await this.#fences.pass();
  }

  watch(onBehind: (reason: string | undefined) => void): void {
    this.#onBehind = onBehind;
    if (this.#watch.behind !== undefined) onBehind(this.#watch.behind);
  }

  watchSessions(onOpened: (session: string, attempt: number) => void): void {
    this.#onOpened = onOpened;
  }

  /** How far it is with its log. */
  replicationStatus(): ReplicaStatus {
    const { position } = this.#follower;
    const { behindBy } = this.#upkeep;
    return { position, behindBy, ...this.#sender.status, idleFor: this.#watch.silence };
  }

  /** Makes a snapshot now, unless another server makes one. */
  makeSnapshot(): Promise<void> {
    return this.#snapshots.make();
  }

  protected override get messageLog(): MessageLog {
    return this.#keeper.replica.parts.messageLog;
  }

  protected override get dedup(): DedupIndex {
    return this.#keeper.replica.parts.dedup;
  }

  protected override get groupMachine(): GroupMachine {
    return this.#keeper.replica.parts.groups;
  }

  /** A purge of another server may be on its way, with a time before the present one. */
  protected override get goneTime(): number {
    return Math.min(this.time.applied, super.goneTime);
  }

  protected override close(): void {
    this.#keeper.close();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    if (this.#follower.isRunning && this.#watch.behind === undefined) await this.#settled();
    this.#watch.stop();
    this.#membership.stop();
    this.#sender.stop();
    await this.#snapshots.stop();
    this.#stop.abort();
    await this.#following;
    await this.#log[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
  }

  /** Waits for what is under way, but not long for a log that does not answer. */
  async #settled(): Promise<void> {
    let cancel = () => {};
    const timeout = new Promise<void>((end) => cancel = this.#clock.after(CLOSE_TIMEOUT, end));
    const closed = this.#membership.close().catch(() => {});
    await Promise.race([closed.then(() => this.#sender.settled()), timeout]).finally(cancel);
  }

  #onEntry(
    { record, time, ignored, results, messages, events, sessions }: AppliedEntry,
    isNew: boolean,
  ): void {
    if (time !== undefined) this.#logClock.setTime(time);
    // Another server may have changed it.
    const { identity } = this.#keeper.replica;
    if (identity) ({ retention: this.retention, limits: this.limits } = identity.configuration);
    this.#watch.received();
    this.#membership.applied(ignored ? undefined : record);
    this.#fences.onRecord();
    // Before the calls are answered: when a put is acknowledged, its readers have been served.
    if (messages.length > 0) this.#publish(messages);
    if (isNew && events.length > 0) this.feed.publishGroups(events);
    if (record?.writer !== this.#sender.writer) {
      if (isNew) { for (const { session, attempt } of sessions) this.#onOpened(session, attempt); }
      return;
    }
    this.#upkeep.wrote();
    if (!ignored) this.#sender.applied(record.number, results);
    else if (isNew && ignored !== "repeated") this.#sender.ignored(this.#membership.nextNumber);
  }

  /** Brings what it has not brought before: a replica that went back applies records once more. */
  #publish(messages: readonly TopicMessage[]): void {
    const isFed = messages[0]!.seq <= this.#fedTo;
    const left = isFed ? messages.filter(({ seq }) => seq > this.#fedTo) : messages;
    if (left.length === 0) return;
    this.#fedTo = left.at(-1)!.seq;
    this.feed.publish(left);
  }

  #onRebuilt(before: DigestChain): void {
    // Another log may have another time.
    this.#logClock.setTime(this.time.applied);
    this.time.restart();
    this.#fedTo = this.#keeper.replica.lastSeq;
    this.feed.fail(new Error("the replica was made anew"));
    void this.#membership.rebuilt(before);
  }
}
