/**
 * A store that answers late, like one behind a network: each answer has a delay of its own, the feed is behind or ahead
 * of the answers, and sometimes breaks off.
 *
 * @module
 */

import type { StoredTopic } from "../../protocol/topic_info.ts";
import type {
  DeadJob,
  DeadQuery,
  GroupEvent,
  GroupQuery,
  StoredGroup,
} from "../../stores/groups/group_commands.ts";
import type {
  Command,
  CommandBatch,
  EpochPosition,
  Follower,
  MessagePage,
  MessageQuery,
  Result,
  Store,
  StoreBounds,
  StoreError,
  TopicBounds,
  TopicBoundsQuery,
  TopicMessage,
  TopicQuery,
} from "../../stores/store.ts";

/** How a {@linkcode DelayedStore} delays. */
export interface Delays {
  /** Makes a run reproducible: the same seed draws the same delays for the same calls. */
  readonly seed?: number;
  /** The longest delay, in milliseconds. */
  readonly maxDelay?: number;
}

/**
 * Delays what another store does, within the contract.
 *
 * What is asked for happens at the call or after a delay, and its answer comes after another. Commands
 * happen in the order of their calls. It owns the store that it wraps.
 */
export class DelayedStore implements Store {
  readonly #inner: Store;
  readonly #chance: Chance;
  readonly #feeds = new Set<DelayedFeed>();
  readonly #replies = new Set<Promise<unknown>>();
  #lastApplied: Promise<unknown> = Promise.resolve();
  #applyingLate = 0;

  /** Wraps a store. */
  constructor(inner: Store, { seed = 1, maxDelay = 2 }: Delays = {}) {
    this.#inner = inner;
    this.#chance = new Chance(seed, maxDelay);
  }

  get id(): string {
    return this.#inner.id;
  }

  get epoch(): string {
    return this.#inner.epoch;
  }

  get durability(): Store["durability"] {
    return this.#inner.durability;
  }

  get description(): string {
    return `${this.#inner.description}, delayed`;
  }

  get openedAt(): number {
    return this.#inner.openedAt ?? Infinity;
  }

  get largestBytes(): number {
    return this.#inner.largestBytes ?? 0;
  }

  get epochEnds(): Iterable<readonly [epoch: string, last: number]> {
    return this.#inner.epochEnds ?? [];
  }

  findFault(): string | undefined {
    return this.#inner.findFault?.();
  }

  /** Breaks all feeds off, as a broken network does: what was in flight is lost. */
  loseFeeds(error: Error = new Error("the network is broken")): void {
    for (const feed of [...this.#feeds]) feed.lost(error);
  }

  now(): number {
    return this.#inner.now();
  }

  apply<C extends Command>(batch: CommandBatch<C>): Promise<readonly (Result<C> | StoreError)[]> {
    const apply = () => this.#inner.apply(batch);
    if (this.#applyingLate === 0 && this.#chance.even()) return this.#late(apply());
    this.#applyingLate++;
    const applied = Promise.all([this.#lastApplied, this.#chance.delay()]).then(() => {
      this.#applyingLate--;
      return apply();
    });
    this.#lastApplied = applied.catch(() => {});
    return this.#late(applied);
  }

  read(queries: readonly MessageQuery[]): Promise<readonly MessagePage[]> {
    return this.#sometime(() => this.#inner.read(queries));
  }

  bounds(): Promise<StoreBounds> {
    return this.#sometime(() => this.#inner.bounds());
  }

  topicBounds(queries: readonly TopicBoundsQuery[]): Promise<readonly TopicBounds[]> {
    return this.#sometime(() => this.#inner.topicBounds(queries));
  }

  isDedupComplete(session: string, known: EpochPosition): Promise<boolean> {
    return this.#sometime(() => this.#inner.isDedupComplete(session, known));
  }

  seqBefore(time: number): Promise<number> {
    return this.#sometime(() => this.#inner.seqBefore(time));
  }

  topics(query: TopicQuery): Promise<readonly StoredTopic[]> {
    return this.#sometime(() => this.#inner.topics(query));
  }

  groups(query: GroupQuery): Promise<readonly StoredGroup[]> {
    return this.#sometime(() => this.#inner.groups(query));
  }

  deadJobs(query: DeadQuery): Promise<readonly DeadJob[]> {
    return this.#sometime(() => this.#inner.deadJobs(query));
  }

  get holdsJobs(): boolean {
    return this.#inner.holdsJobs;
  }

  get nextDue(): number | undefined {
    return this.#inner.nextDue;
  }

  trim(budgetMs: number): Promise<boolean> {
    return this.#sometime(() => this.#inner.trim(budgetMs));
  }

  async erase(): Promise<void> {
    await this.#sometime(async () => await this.#inner.erase?.());
  }

  follow(to: Follower): Promise<{ readonly from: number } & Disposable> {
    return this.#sometime(async () => {
      const feed = new DelayedFeed(to, this.#chance, () => this.#feeds.delete(feed));
      this.#feeds.add(feed);
      const { from } = await feed.follow(this.#inner);
      return { from, [Symbol.dispose]: () => feed.end() };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const feed of [...this.#feeds]) feed.end();
    await Promise.allSettled(this.#replies);
    await this.#inner[Symbol.asyncDispose]();
  }

  #sometime<T>(work: () => Promise<T>): Promise<T> {
    return this.#late(this.#chance.even() ? work() : this.#chance.delay().then(work));
  }

  #late<T>(reply: Promise<T>): Promise<T> {
    // Marked as handled: it may reject before the delay is over, when nobody waits for it yet.
    reply.catch(() => {});
    const late = this.#chance.delay().then(() => reply);
    const settled = late.then(() => {}, () => {}).finally(() => this.#replies.delete(settled));
    this.#replies.add(settled);
    return late;
  }
}

/** Delivers messages in order, sometimes at once, mostly later and cut into other batches. */
class DelayedFeed implements Follower {
  readonly #to: Follower;
  readonly #chance: Chance;
  readonly #onEnd: () => void;
  #source: Disposable | undefined;
  #waiting: TopicMessage[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(to: Follower, chance: Chance, onEnd: () => void) {
    this.#to = to;
    this.#chance = chance;
    this.#onEnd = onEnd;
  }

  async follow(store: Store): Promise<{ readonly from: number }> {
    const source = await store.follow(this);
    // The feed may have been lost meanwhile.
    if (this.#ended) source[Symbol.dispose]();
    else this.#source = source;
    return source;
  }

  stored(messages: readonly TopicMessage[]): void {
    if (this.#ended) return;
    if (this.#waiting.length === 0 && this.#chance.even()) return this.#to.stored(messages);
    this.#waiting = this.#waiting.concat(messages);
    this.#later();
  }

  groups(events: readonly GroupEvent[]): void {
    if (!this.#ended) this.#to.groups?.(events);
  }

  lost(error: Error): void {
    if (this.#ended) return;
    this.end();
    this.#to.lost(error);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#source?.[Symbol.dispose]();
    this.#onEnd();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const portion = this.#waiting.splice(0, this.#chance.portion(this.#waiting.length));
      if (this.#waiting.length > 0) this.#later();
      this.#to.stored(portion);
    }, this.#chance.ms());
  }
}

/** A seeded generator of random numbers (mulberry32), and what is derived from it. */
class Chance {
  readonly #maxDelay: number;
  #state: number;

  constructor(seed: number, maxDelay: number) {
    this.#state = seed;
    this.#maxDelay = maxDelay;
  }

  even(): boolean {
    return this.#next() < 0.5;
  }

  ms(): number {
    return this.#next() * this.#maxDelay;
  }

  /** From one item to all. */
  portion(all: number): number {
    return this.even() ? all : 1 + Math.floor(this.#next() * all);
  }

  /** No delay, a few turns of the microtask queue, or some milliseconds. */
  async delay(): Promise<void> {
    const kind = this.#next();
    const ms = this.ms();
    if (kind < 0.5) { for (let turns = Math.floor(kind * 20); turns > 0; turns--) await undefined; }
    else await new Promise((resolve) => setTimeout(resolve, ms));
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}
