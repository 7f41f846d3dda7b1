/**
 * What is gone of each topic, whether or not it was purged, and since when.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { type GoneTopics, horizonOf, NEVER, wentAfter } from "./gone_map.ts";
import type { SegmentTable } from "./segment_table.ts";
import type { Gone, TopicMessage } from "./store.ts";
import type { WriteBuffer } from "./write_buffer.ts";
import type { TopicTable } from "./topic_table.ts";

/** Messages were evicted, before they expired or when they did. */
export interface DroppedRange {
  /** All messages up to this one that had not been evicted before; 0 if there were none. */
  readonly upTo: number;
  /** From this time on they are gone. */
  readonly at: number;
  /** The retention that they had, in milliseconds. */
  readonly retention: number;
}

/** Between two purges in one millisecond, in milliseconds: such a time still fits a number, to the last bit. */
const MOMENT = 1 / 1024;

/** This many cost nothing to keep. */
const MIN_TO_PRUNE = 64;

/** A message ceases to be readable when it expires or is evicted. */
export class GoneTimes {
  readonly #retention: number;
  /** Ordered by number, and so by time. */
  #drops: DroppedRange[] = [];
  /** How many were left when some were forgotten last. */
  #afterPrune = 0;

  /**
   * Nothing was evicted yet.
   *
   * @param retention how long a message is kept, in milliseconds
   */
  constructor(retention: number) {
    this.#retention = retention;
  }

  /** All that was evicted and may still be asked for, in order. */
  get drops(): readonly DroppedRange[] {
    return this.#drops;
  }

  /** All that was evicted, as one entry: for each message in it the time is never too early. */
  get total(): DroppedRange {
    const { upTo, at } = this.#drops.at(-1) ?? { upTo: 0, at: 0 };
    const retention = this.#drops.reduce(
      (longest, drop) => Math.max(longest, drop.retention),
      this.#retention,
    );
    return { upTo, at, retention };
  }

  /** It is worth finding out which entries can be forgotten. */
  get isWorthPruning(): boolean {
    return this.#drops.length > 2 * this.#afterPrune + MIN_TO_PRUNE;
  }

  /** Messages up to a number are evicted. */
  drop(upTo: number, at: number, retention: number = this.#retention): void {
    const last = this.#drops.at(-1);
    // Evictions within a millisecond are one.
    if (last?.at === at && last.retention === retention) this.#drops.pop();
    this.#drops.push({ upTo, at, retention });
  }

  /** When a message that was stored at a time ceased to be readable. */
  goneAt(seq: number, time: number): number {
    let [low, high] = [0, this.#drops.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#drops[middle]!.upTo < seq) low = middle + 1;
      else high = middle;
    }
    const drop = this.#drops[low];
    return drop ? Math.min(time + drop.retention, drop.at) : time + this.#retention;
  }

  /** Nobody will ask for messages up to a number again. */
  prune(upTo: number): void {
    this.#drops = this.#drops.filter((drop) => drop.upTo > upTo);
    this.#afterPrune = this.#drops.length;
  }

  /** Saves the state; the result restores it. */
  savepoint(): () => void {
    const drops = [...this.#drops];
    return () => void (this.#drops = drops);
  }
}

/** Where messages are that are gone and not purged yet. */
export interface UnpurgedMessages {
  readonly segments: SegmentTable;
  readonly topics: TopicTable;
  readonly buffer: WriteBuffer;
}

/**
 * Finds the newest message of a topic that is gone. Messages that are not purged are looked up; a purge records the
 * newest of each topic in its transaction. So this costs a put nothing.
 */
export class GoneIndex {
  readonly times: GoneTimes;
  readonly #purged: GoneTopics;
  readonly #unpurged: UnpurgedMessages;
  /** The newest message that is purged, as far as is known: it may be above the floor. */
  #purgedTo: number;
  /** When the last purge was. */
  #purgedAt: number;

  /**
   * Makes the index.
   *
   * @param purged remembers what is purged
   * @param unpurged where the other messages are
   * @param retention how long a message is kept, in milliseconds
   * @param clock a time before which the last purge was, in whole milliseconds
   */
  constructor(purged: GoneTopics, unpurged: UnpurgedMessages, retention: number, clock: number) {
    this.times = new GoneTimes(retention);
    this.#purgedAt = clock;
    this.#purged = purged;
    this.#purgedTo = purged.newest;
    this.#unpurged = unpurged;
  }

  /** When the last purge was, or a time before which it was. */
  get purgedAt(): number {
    return this.#purgedAt;
  }

  /** No message that is gone comes after this one, if everything up to a floor is gone. */
  newestGone(floor: number): number {
    return Math.max(floor, this.#purgedTo);
  }

  /** What is gone of a topic, if everything up to a floor is, and went after a time. */
  find(topic: string, floor: number, asOf: number = NEVER): Gone | undefined {
    if (floor === 0 && this.#purgedTo === 0) return undefined;
    const unpurged = this.#newestUnpurged(topic, floor);
    const expired = unpurged && wentAfter(asOf, this.ofUnpurged(unpurged));
    const purged = wentAfter(asOf, this.#purgedAfter(unpurged?.seq ?? 0, topic, floor));
    // Newer ones than those in the table may have gone before they came there, or may only seem to be of this topic: those in the
    // table may have gone later.
    return expired && purged ? horizonOf(expired, purged) : expired ?? purged;
  }

  /** What is purged of a topic, or may be, if it comes after a number. It may be known that nothing is. */
  #purgedAfter(after: number, topic: string, floor: number): Gone | undefined {
    const { horizon } = this.#purged;
    const recorded = this.#purged.find(topic) ??
      (horizon.seq > after ? this.#before(this.#oldestLeft(topic, floor)) : horizon);
    return recorded.seq > after ? recorded : undefined;
  }

  /** What may be gone of a topic that is not known: nothing from its oldest message on, since the oldest go first. */
  #before(oldest: number): Gone {
    const { seq, at } = this.#purged.horizon;
    return { seq: Math.min(seq, oldest - 1), at };
  }

  /** What is purged of all topics that begin with a prefix, if anything may be that went after a time. */
  newestPurged(prefix: string, asOf: number): Gone | undefined {
    const recorded = this.#purged.findPrefix(prefix, asOf);
    const { horizon } = this.#purged;
    // Of a topic that is not known as much may be gone as the horizon says.
    if (horizon.seq === 0 || horizon.at <= asOf) return recorded;
    return recorded ? horizonOf(recorded, horizon) : horizon;
  }

  /** A message that is gone and not purged. */
  ofUnpurged({ seq, time }: { readonly seq: number; readonly time: number }): Gone {
    return { seq, at: this.times.goneAt(seq, time) };
  }

  /** The time by which everything was gone that is gone at a time; what goes from now on goes later. */
  asOf(time: number): number {
    return Math.max(time, Math.min(this.#purgedAt, time + 1 - MOMENT));
  }

  /** Records that a topic was purged up to a message at a time. */
  recordPurge(topic: string, seq: number, time: number): void {
    this.#purgedTo = Math.max(this.#purgedTo, seq);
    // A reader may have seen it in this very millisecond, and another one may have been told of what was purged in it before.
    this.#purgedAt = Math.min(Math.max(this.#purgedAt, time) + MOMENT, time + 1);
    this.#purged.record([{ topic, seq, at: this.#purgedAt }]);
  }

  /** Records messages that are purged: the newest of each topic, in order. */
  record(newest: readonly Pick<TopicMessage, "topic" | "seq" | "time">[]): void {
    if (newest.length === 0) return;
    const at = ({ seq, time }: Pick<TopicMessage, "seq" | "time">) => this.times.goneAt(seq, time);
    this.#purged.record(newest.map((message) => {
      return { topic: message.topic, seq: message.seq, at: at(message) };
    }));
  }

  /** All messages before the first one are purged. */
  purgedBefore(first: () => number): void {
    if (this.times.isWorthPruning) this.times.prune(first() - 1);
  }

  /** What was recorded is final. */
  commit(): void {
    this.#purged.commit();
  }

  /** Saves the state; the result restores it. */
  savepoint(): () => void {
    const undoTimes = this.times.savepoint();
    const purgedAt = this.#purgedAt;
    return () => {
      undoTimes();
      this.#purgedAt = purgedAt;
      this.#purged.rollback();
    };
  }

  /** The oldest message of a topic that is not gone; those in the buffer are newer than all that was purged. */
  #oldestLeft(topic: string, floor: number): number {
    const { topics, segments } = this.#unpurged;
    const id = topics.find(topic, floor);
    return (id !== undefined ? segments.oldestAfter(id, floor) : undefined) ?? Infinity;
  }

  #newestUnpurged(topic: string, floor: number): { seq: number; time: number } | undefined {
    const { buffer, topics, segments } = this.#unpurged;
    const inBuffer = buffer.newestUpTo(topic, floor);
    if (inBuffer) return inBuffer;
    const id = topics.find(topic, 0);
    return id === undefined ? undefined : segments.newestUpTo(id, floor);
  }
}

/**
 * Picks the newest message of each topic.
 *
 * @param messages the messages, oldest first
 * @returns the newest ones, oldest first
 */
export function newestOfEach(messages: readonly TopicMessage[]): TopicMessage[] {
  const newest = new NameMap<TopicMessage>();
  for (const message of messages) {
    newest.delete(message.topic);
    newest.set(message.topic, message);
  }
  return [...newest.values()];
}
