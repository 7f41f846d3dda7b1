/**
 * The center of the server: the store, its feed, and the listeners of topics.
 *
 * @module
 */

import { RecurringNameMap } from "../budgets/recurring_name_map.ts";
import { nameKey } from "../protocol/name_map.ts";
import type {
  Command,
  Put,
  PutAck,
  Result,
  Store,
  StoreError,
  TopicMessage,
} from "../stores/store.ts";
import { BackgroundTasks } from "./background_tasks.ts";
import type { Clock } from "./clock.ts";
import { TimerHeap } from "./timer_heap.ts";
import { FanOut } from "./fan_out.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { LargeBodyCache } from "./large_body_cache.ts";
import type { EventLog } from "./log_event.ts";
import { Groups } from "./groups.ts";
import { PrefixListeners } from "./prefix_listeners.ts";
import { TopicBatch, type TopicListener } from "./topic_batch.ts";
import type { Tracing } from "./tracing.ts";
import { TopicReaders } from "./topic_readers.ts";
import { TrafficCounts } from "./traffic_counts.ts";
import { Trimming } from "./trimming.ts";

/**
 * What readers are sure to find, where several servers share a log: `global`, all that anybody was told of at any server; `session`,
 * only what they were told of themselves.
 */
export type Freshness = "global" | "session";

/** A purge that has begun. */
export interface PurgeUnderWay {
  readonly topic: string;
  /** The number before which it removes messages, as far as that is known. */
  end: number;
  /** Resolves when it removes nothing more. */
  readonly removed: Promise<void>;
}

/** How long to wait before following the store again after its feed was lost, in milliseconds. */
const REFOLLOW_AFTER = 100;

/** Holds a store, purges it, and wakes listeners from its feed, and from nothing else. */
export class Queue implements AsyncDisposable {
  /** Stores the messages. It is read directly, and only {@linkcode Queue.apply} writes to it. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: EventLog;
  /** Records spans of what is put and delivered, if anybody wants them. */
  readonly tracing: Tracing | undefined;
  /**
   * What a reader passes before it is told what is there now: see {@linkcode Store.fence}. `undefined`: it need not, and nothing is
   * awaited.
   */
  readonly fence: (() => Promise<void>) | undefined;
  /** The timeouts of waits. */
  readonly timers: TimerHeap;
  /** Runs the cleanup of closed connections in slices. */
  readonly cleanup: BackgroundTasks;
  /** The same for what cannot wait behind that: heartbeats, and changed permissions. */
  readonly urgentTasks: BackgroundTasks;
  /** Large bodies that are being sent. */
  readonly largeBodies: LargeBodyCache = new LargeBodyCache();
  /** The purges that are under way. */
  readonly purges: Set<PurgeUnderWay> = new Set();
  /** How many streams and waits follow each topic. */
  readonly readers: TopicReaders = new TopicReaders();
  /** What was put and delivered since the start. */
  readonly counts: TrafficCounts = new TrafficCounts();
  /** Gives jobs to the workers of groups. */
  readonly groups: Groups;

  /** By topic: mostly there is only one. */
  readonly #listeners = new RecurringNameMap<TopicListener | Set<TopicListener>>();
  readonly #prefixListeners = new PrefixListeners();
  readonly #fanOut = new FanOut((error) => this.#onListenerError(error));
  readonly #prefixFanOut = new FanOut((error) => this.#onListenerError(error));
  #feed: Disposable | undefined;
  #cancelRefollow: () => void = () => {};
  readonly #trimming: Trimming;
  /** The feed has brought everything up to this number. */
  #fedThrough = 0;
  /** How often the feed was lost, and after how many of those losses all listeners have begun to read again. */
  #losses = 0;
  #resyncedLosses = 0;
  #closed = false;

  private constructor(
    store: Store,
    clock: Clock,
    log: EventLog,
    tracing: Tracing | undefined,
    freshness: Freshness,
  ) {
    this.store = store;
    this.fence = freshness === "global" ? store.fence?.bind(store) : undefined;
    this.clock = clock;
    this.log = log;
    this.tracing = tracing;
    this.timers = new TimerHeap(clock);
    const onError = (reason: unknown) =>
      log.write({ event: "unexpected_error", message: "a background task failed", reason });
    this.cleanup = new BackgroundTasks(onError);
    this.urgentTasks = new BackgroundTasks(onError);
    this.#trimming = new Trimming(this);
    this.groups = new Groups(this);
  }

  /**
   * Starts to follow a store. The queue owns the store from then on, and disposes of it if this fails.
   *
   * @param store stores the messages
   * @param clock tells the time
   * @param log gets what a person should know
   * @param tracing records spans. Default: nobody does
   * @param freshness what readers are sure to find, if others write to the same log. Default: `global`
   * @returns the queue
   */
  static async open(
    store: Store,
    clock: Clock,
    log: EventLog,
    tracing?: Tracing,
    freshness: Freshness = "global",
  ): Promise<Queue> {
    const queue = new Queue(store, clock, log, tracing, freshness);
    try {
      await queue.#follow();
    } catch (error) {
      await queue[Symbol.asyncDispose]();
      throw error;
    }
    if (queue.#fedThrough > 0) queue.#trimming.start();
    // Leases may run since before.
    queue.groups.start();
    return queue;
  }

  /** Has the store apply commands now; see {@linkcode Store.apply}. */
  apply<C extends Command>(commands: readonly C[]): Promise<readonly (Result<C> | StoreError)[]> {
    this.#trimming.start();
    return this.store.apply({ time: this.store.now(), commands });
  }

  /** The same for messages, in a span if there are traces: within that of the HTTP request that they came with, if one is given. */
  put(puts: readonly Put[], request?: Request): Promise<readonly (PutAck | StoreError)[]> {
    return this.tracing ? this.#putTraced(this.tracing, puts, request) : this.apply(puts);
  }

  /** By itself, so that without traces no put makes a closure. */
  #putTraced(
    tracing: Tracing,
    puts: readonly Put[],
    request: Request | undefined,
  ): Promise<readonly (PutAck | StoreError)[]> {
    return tracing.put(puts, () => this.apply(puts), request);
  }

  /** Adds a listener for a topic. */
  addListener(topic: string, listener: TopicListener): void {
    const existing = this.#listeners.get(topic);
    if (existing instanceof Set) existing.add(listener);
    else if (existing === undefined) this.#listeners.set(topic, listener);
    else if (existing !== listener) this.#listeners.set(topic, new Set([existing, listener]));
  }

  /** Removes a listener; may be called twice. */
  removeListener(topic: string, listener: TopicListener): void {
    const existing = this.#listeners.get(topic);
    if (existing instanceof Set) existing.delete(listener);
    if (existing === listener || (existing instanceof Set && existing.size === 0)) {
      this.#listeners.delete(topic);
    }
  }

  /** Adds a listener for a topic, or for all topics that begin with a prefix. */
  listen({ topic, prefix }: TopicFilter, listener: TopicListener): void {
    if (prefix === undefined) this.addListener(topic, listener);
    else this.#prefixListeners.add(prefix, listener);
  }

  /** Removes such a listener; may be called twice. */
  stopListening({ topic, prefix }: TopicFilter, listener: TopicListener): void {
    if (prefix === undefined) this.removeListener(topic, listener);
    else this.#prefixListeners.remove(prefix, listener);
  }

  /** How many topics and prefixes have listeners. */
  get listenedTopics(): number {
    return this.#listeners.size + this.#prefixListeners.size;
  }

  /** Resolves once every listener has been notified of what the feed has brought by now. */
  async delivered(): Promise<void> {
    await Promise.all([this.#fanOut.settled(), this.#prefixFanOut.settled()]);
  }

  /** Stops following and trimming, and closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.urgentTasks.stop();
    this.cleanup.stop();
    this.groups.stop();
    this.timers.stop();
    this.#cancelRefollow();
    this.#feed?.[Symbol.dispose]();
    this.#fanOut.clear();
    this.#prefixFanOut.clear();
    await this.#trimming.stop();
    await this.store[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    const feed = await this.store.follow({
      stored: (messages) => this.#onStored(messages),
      lost: (error) => this.#onFeedLost(error),
      groups: (events) => this.groups.onEvents(events),
    });
    if (this.#closed) feed[Symbol.dispose]();
    else this.#feed = feed;
    // After a loss it stays, unless the store has begun a history that is shorter.
    const furthest = this.#losses === 0 ? Math.max : Math.min;
    this.#fedThrough = furthest(this.#fedThrough, feed.from);
  }

  #onStored(messages: readonly TopicMessage[]): void {
    // After a loss messages are missing before these; a listener that reads again finds both.
    if (this.#resyncedLosses < this.#losses) return;
    this.#fedThrough = messages.at(-1)!.seq;
    if (this.#listeners.size === 0 && this.#prefixListeners.size === 0) return;
    this.#fanOut.beginSlice();
    const first = messages[0]!.topic;
    const isOneTopic = messages.every(({ topic }) => topic === first);
    if (isOneTopic) this.#notify(first, messages);
    else this.#notifyEach(messages);
    if (this.#prefixListeners.size === 0) return;
    this.#prefixFanOut.beginSlice();
    this.#prefixListeners.notify(messages, isOneTopic ? first : undefined, this.#prefixFanOut);
  }

  /** Notifies the listeners of several topics. */
  #notifyEach(messages: readonly TopicMessage[]): void {
    if (this.#listeners.size === 0) return;
    for (const batch of Map.groupBy(messages, ({ topic }) => nameKey(topic)).values()) {
      this.#notify(batch[0]!.topic, batch);
    }
  }

  /** Notifies the listeners of a topic. */
  #notify(topic: string, messages: readonly TopicMessage[]): void {
    const topicListeners = this.#listeners.get(topic);
    if (!topicListeners) return;
    // A copy: listeners may be added or removed before all are notified.
    const listeners = topicListeners instanceof Set ? [...topicListeners] : [topicListeners];
    this.#fanOut.notify(topic, listeners, new TopicBatch(messages));
  }

  #onFeedLost({ message: reason }: Error): void {
    if (this.#closed) return;
    this.#losses++;
    const message = "the store's feed was lost, following again";
    if (this.#feed) this.log.write({ event: "store_feed_lost", message, reason });
    this.#feed?.[Symbol.dispose]();
    this.#feed = undefined;
    this.#cancelRefollow();
    this.#cancelRefollow = this.clock.after(REFOLLOW_AFTER, () => void this.#refollow());
  }

  async #refollow(): Promise<void> {
    const losses = this.#losses;
    try {
      await this.#follow();
    } catch (error) {
      return this.#onFeedLost(error as Error);
    }
    // Lost again while it was being followed: the next try is under way.
    if (this.#losses > losses) return;
    // A listener that begins to read again must have been notified of everything that the feed has brought.
    this.#fanOut.finish();
    this.#prefixFanOut.finish();
    this.#resyncedLosses = losses;
    this.largeBodies.clear();
    const ofTopics = this.#listeners.values().flatMap((one) => one instanceof Set ? one : [one]);
    for (const one of [...ofTopics, ...this.#prefixListeners]) one.resync(this.#fedThrough);
    this.groups.resync();
  }

  #onListenerError(reason: unknown): void {
    this.log.write({ event: "unexpected_error", message: "a listener failed", reason });
  }
}
