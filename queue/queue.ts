/**
 * The middle of the house: the store, its feed, and who waits for what.
 *
 * @module
 */

import { streamBody, streamHead } from "../protocol/answers.ts";
import { nameKey, NameMap } from "../protocol/name_map.ts";
import { SharedEnd } from "../protocol/shared_end.ts";
import type { Message, Put, Store, Stored, StoreError } from "../stores/store.ts";
import { Chores } from "./chores.ts";
import type { Clock } from "./clock.ts";
import { Deadlines } from "./deadlines.ts";
import { FanOut } from "./fan_out.ts";
import { LargeBodies } from "./large_bodies.ts";

/** Where the queue says what a person should know. */
export type Log = Pick<Console, "info" | "warn" | "error">;

/** New messages of one topic, as the feed brings them. */
export class TopicBatch {
  /** The messages, oldest first; at least one. */
  readonly messages: readonly Message[];
  #bytes: number | undefined;
  #text: string | undefined;
  #head: string | undefined;
  #end: SharedEnd | undefined;

  /** Wraps messages of one topic. */
  constructor(messages: readonly Message[]) {
    this.messages = messages;
  }

  /** What they take of a subscriber's credit. */
  get bytes(): number {
    return this.#bytes ??= sumBytes(this.messages);
  }

  /** The messages as they are streamed: serialised once, for all subscribers. */
  get text(): string {
    return this.#text ??= streamBody(this.messages, this.bytes);
  }

  /** The same in two parts, where they are large: what stands before their bodies. */
  get head(): string {
    return this.#head ??= streamHead(this.messages, this.bytes);
  }

  /** The bodies, and what comes after them. */
  get end(): SharedEnd {
    return this.#end ??= new SharedEnd(this.messages.map(({ body }) => body).join(), "]}");
  }
}

/** Someone who waits for messages of a topic. */
export interface Interest {
  /** Takes new messages. */
  fed(batch: TopicBatch): void;
  /** The feed was interrupted after it had brought everything up to a number: read again. */
  resync(fed: number): void;
}

/** How often expired messages are purged, and for how long at a time, in milliseconds. */
const TRIM_EVERY = 1000;
const TRIM_BUDGET = 5;

/** How long to wait before following the store again after its feed was lost, in milliseconds. */
const REFOLLOW_AFTER = 100;

/** Holds a store, keeps it trimmed, and wakes readers from its feed, and from nothing else. */
export class Queue implements AsyncDisposable {
  /** What keeps the messages; it is read directly, and written to by {@linkcode Queue.append} alone. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** When waits end. */
  readonly deadlines: Deadlines;
  /** Clears up, bit by bit. */
  readonly chores: Chores;
  /** The same for what cannot wait until all is cleared up: heartbeats, and who may do what. */
  readonly urgent: Chores;
  /** What is being sent of large messages. */
  readonly bodies: LargeBodies = new LargeBodies();
  /** How many messages were stored, and how many streamed or handed to a reader, since the start. */
  readonly counts: { stored: number; delivered: number } = { stored: 0, delivered: 0 };

  /** By topic: mostly there is but one. */
  readonly #interests = new NameMap<Interest | Set<Interest>>();
  readonly #fanOut = new FanOut((error) => this.log.error("dsmq: a reader failed:", error));
  #feed: Disposable | undefined;
  #trims = false;
  #cancelTrim: () => void = () => {};
  #cancelRefollow: () => void = () => {};
  #trimming: Promise<void> = Promise.resolve();
  /** The feed has brought everything up to here. */
  #fedTo = 0;
  /** How often the feed was lost, and after how many of those losses everybody has begun to read again. */
  #losses = 0;
  #mended = 0;
  #closed = false;

  private constructor(store: Store, clock: Clock, log: Log) {
    this.store = store;
    this.clock = clock;
    this.log = log;
    this.deadlines = new Deadlines(clock);
    const failed = (error: unknown) => log.error("dsmq: clearing up failed:", error);
    this.chores = new Chores(failed);
    this.urgent = new Chores(failed);
  }

  /**
   * Starts to follow a store. The queue owns the store from then on, and disposes of it if this fails.
   *
   * @param store what keeps the messages
   * @param clock tells the time
   * @param log takes what a person should know
   * @returns the queue
   */
  static async open(store: Store, clock: Clock, log: Log): Promise<Queue> {
    const queue = new Queue(store, clock, log);
    try {
      await queue.#follow();
    } catch (error) {
      await queue[Symbol.asyncDispose]();
      throw error;
    }
    if (queue.#fedTo > 0) queue.#beginToTrim();
    return queue;
  }

  /** As {@linkcode Store.append}. */
  append(batch: readonly Put[]): Promise<readonly (Stored | StoreError)[]> {
    this.#beginToTrim();
    return this.store.append(batch);
  }

  /** Has the feed wake someone for a topic. */
  attend(topic: string, interest: Interest): void {
    const interests = this.#interests.get(topic);
    if (interests instanceof Set) interests.add(interest);
    else if (interests === undefined) this.#interests.set(topic, interest);
    else if (interests !== interest) this.#interests.set(topic, new Set([interests, interest]));
  }

  /** Undoes {@linkcode Queue.attend}; may be called twice. */
  leave(topic: string, interest: Interest): void {
    const interests = this.#interests.get(topic);
    if (interests instanceof Set) interests.delete(interest);
    if (interests === interest || (interests instanceof Set && interests.size === 0)) {
      this.#interests.delete(topic);
    }
  }

  /** How many topics somebody waits for. */
  get attended(): number {
    return this.#interests.size;
  }

  /** Stops following and trimming, and closes the store. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.urgent.stop();
    this.chores.stop();
    this.deadlines.stop();
    this.#cancelTrim();
    this.#cancelRefollow();
    this.#feed?.[Symbol.dispose]();
    this.#fanOut.clear();
    await this.#trimming;
    await this.store[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    const feed = await this.store.follow({
      stored: (messages) => this.#fed(messages),
      lost: (error) => this.#lost(error),
    });
    if (this.#closed) feed[Symbol.dispose]();
    else this.#feed = feed;
    if (this.#losses === 0) this.#fedTo = Math.max(this.#fedTo, feed.from);
  }

  #fed(messages: readonly Message[]): void {
    // After a loss messages are missing before these; whoever reads again finds both.
    if (this.#mended < this.#losses) return;
    this.#fedTo = messages.at(-1)!.seq;
    if (this.#interests.size === 0) return;
    this.#fanOut.begin();
    const first = messages[0]!.topic;
    if (messages.every(({ topic }) => topic === first)) return this.#tell(first, messages);
    for (const batch of Map.groupBy(messages, ({ topic }) => nameKey(topic)).values()) {
      this.#tell(batch[0]!.topic, batch);
    }
  }

  /** Wakes those who wait for a topic. */
  #tell(topic: string, messages: readonly Message[]): void {
    const interests = this.#interests.get(topic);
    if (!interests) return;
    // A copy: an interest may leave, or another join, before it is told.
    const all = interests instanceof Set ? [...interests] : [interests];
    this.#fanOut.tell(topic, all, new TopicBatch(messages));
  }

  #lost(error: Error): void {
    if (this.#closed) return;
    this.#losses++;
    this.log.warn("dsmq: the store's feed was lost, following again:", error.message);
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
      return this.#lost(error as Error);
    }
    // Lost once more while it was being followed: the next try is under way.
    if (this.#losses > losses) return;
    // Whoever begins to read again takes it that they were told all that the feed has brought.
    this.#fanOut.finish();
    this.#mended = losses;
    for (const interests of [...this.#interests.values()]) {
      const all = interests instanceof Set ? [...interests] : [interests];
      for (const interest of all) interest.resync(this.#fedTo);
    }
  }

  /** Once something was stored: before that nothing can expire, and a server starts faster without a timer. */
  #beginToTrim(): void {
    if (this.#trims) return;
    this.#trims = true;
    this.#trimAfter(TRIM_EVERY);
  }

  #trimAfter(ms: number): void {
    if (this.#closed) return;
    this.#cancelTrim = this.clock.after(ms, () => {
      this.#trimming = this.store.trim(TRIM_BUDGET).then(
        // More to trim: after a breath, in which requests are served.
        (more) => this.#trimAfter(more ? 0 : TRIM_EVERY),
        (error) => {
          this.log.error("dsmq: cannot purge expired messages:", error);
          this.#trimAfter(TRIM_EVERY);
        },
      );
    });
  }
}

/** The size of messages together, in bytes of their JSON encoding in UTF-8. */
function sumBytes(messages: readonly Message[]): number {
  return messages.reduce((sum, { bytes }) => sum + bytes, 0);
}
