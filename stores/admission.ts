/**
 * What becomes of each put: it is stored, was stored before, or is refused.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { Holdings } from "./holdings.ts";
import { type PutOnce, RUN_SIZE } from "./put_once.ts";
import { FORGOTTEN } from "./put_session.ts";
import { overheadOf } from "./size.ts";
import { because, type Message, type Put, type Stored, StoreError } from "./store.ts";

/**
 * A message that is about to be stored. Not a literal: V8 counts how many of these live on, as most do until the tail is
 * moved, and comes to make them in its old space, where each holds its body, though dead, until the whole heap is collected.
 */
class NewMessage implements Message {
  readonly seq: number;
  readonly time: number;
  readonly topic: string;
  readonly body: string;
  readonly bytes: number;

  constructor(seq: number, time: number, { topic, body, bytes }: Put) {
    this.seq = seq;
    this.time = time;
    this.topic = topic;
    this.body = body;
    this.bytes = bytes;
  }
}

/** How much a store takes. */
export interface Limits {
  /** What all messages take together, in bytes; see `size.ts`. */
  readonly storedBytes: number;
  /** What to do when that is reached. */
  readonly overflow: "reject" | "drop-oldest";
  /** How many topics may hold messages. */
  readonly topics: number;
  /** How many of the last numbers of a session are recognised when they are repeated. */
  readonly window: number;
  /** How many runs of such numbers are remembered in all; see `put_once.ts`. */
  readonly runs: number;
  /** Of how many topics it is told exactly what is gone of them. */
  readonly gone: number;
  /** How many epochs are known. */
  readonly epochs: number;
}

/** Tells the time, in milliseconds since 1970. */
export interface Time {
  /** In whole milliseconds. */
  now(): number;
  /** What was stored at this time or before has expired. */
  cutoff(): number;
  /** The time of what happens now and is not in what was told before: after each time that was told. */
  next(): number;
}

/** What is remembered beside messages takes no more than this part of all that may be stored. */
export const RECORDS_PART = 1 / 4;

/** Decides, and hands what is stored to the holdings. */
export class Admission {
  readonly #holdings: Holdings;
  readonly #puts: PutOnce;
  readonly #limits: Limits;
  readonly #time: Time;
  readonly #atomic: boolean;

  /**
   * Makes the decisions of a store.
   *
   * @param holdings what the store holds
   * @param puts what was put once
   * @param limits how much it takes
   * @param time tells the time, and what has expired
   * @param atomic a failure of the database is thrown, and undoes all; else it refuses the put that it befell
   */
  constructor(holdings: Holdings, puts: PutOnce, limits: Limits, time: Time, atomic: boolean) {
    this.#holdings = holdings;
    this.#puts = puts;
    this.#limits = limits;
    this.#time = time;
    this.#atomic = atomic;
  }

  /**
   * Takes a batch.
   *
   * @param batch what is put
   * @param now the time
   * @param messages gets those that are stored
   * @returns what became of each put
   */
  take(batch: readonly Put[], now: number, messages: Message[]): (Stored | StoreError)[] {
    const { span } = this.#holdings;
    // Up to this many bytes there is room, whatever the records of puts take.
    const surely = this.#limits.storedBytes * (1 - RECORDS_PART);
    const results: (Stored | StoreError)[] = [];
    let lastTopic: string | undefined;
    let overhead = 0;
    /** Sessions one of whose puts was refused because the store is full. */
    let refused: NameMap<StoreError> | undefined;
    /** What there was no room for since something was stored: to look again for each of a long list would take long. */
    let noTopic: { readonly topic: string; readonly error: StoreError } | undefined;
    let noRoom: { readonly size: number; readonly error: StoreError } | undefined;
    for (const put of batch) {
      const { topic, bytes, session, n, owner } = put;
      const numbered = session !== undefined && n !== undefined;
      if (numbered) {
        const seq = this.#puts.find(session, n);
        if (seq !== 0) {
          this.#puts.keep(session, now);
          if (seq > 0) results.push({ seq, dup: true });
          else results.push(seq === FORGOTTEN ? FORGOTTEN_ERROR : SUPERSEDED_ERROR);
          continue;
        }
        const error = refused?.get(session);
        if (error) {
          results.push(error);
          continue;
        }
      }
      if (topic !== lastTopic) {
        const error = topic === noTopic?.topic ? noTopic.error : this.#noTopic(topic);
        if (error) {
          noTopic = { topic, error };
          results.push(error);
          // To make room, the topic before may have lost all that it held.
          lastTopic = undefined;
          continue;
        }
        lastTopic = topic;
        overhead = overheadOf(topic);
      }
      const size = bytes + overhead;
      if (noRoom && size >= noRoom.size) {
        if (session !== undefined) (refused ??= new NameMap()).set(session, noRoom.error);
        results.push(noRoom.error);
        continue;
      }
      const bytesThen = this.#holdings.bytes + size;
      const error = bytesThen > surely && bytesThen > this.#room && this.#noRoom(size);
      if (error) {
        noRoom = { size, error };
        if (session !== undefined) (refused ??= new NameMap()).set(session, error);
        results.push(error);
        // Its topic was not taken; or it may hold nothing any more, for what was dropped.
        lastTopic = undefined;
        continue;
      }
      const message = new NewMessage(span.last + 1, now, put);
      this.#holdings.take(message, size);
      noTopic = noRoom = undefined;
      if (numbered) this.#puts.note(session, n, message.seq, owner);
      messages.push(message);
      results.push(message);
    }
    this.#attempt(() => this.#holdings.settle(batch.length));
    return results;
  }

  /** What messages may take: each of them pays for the record of its put, and records that outlive theirs leave less. */
  get #room(): number {
    const { storedBytes } = this.#limits;
    const { last, floor } = this.#holdings.span;
    const records = this.#puts.runs - (last - floor);
    if (records <= 0) return storedBytes;
    return storedBytes - Math.min(records * RUN_SIZE, Math.floor(storedBytes * RECORDS_PART));
  }

  #noTopic(topic: string): StoreError | undefined {
    const { topics } = this.#limits;
    if (this.#holdings.admitsTopic(topic, topics)) return undefined;
    return this.#attempt(() => {
      this.#holdings.span.expire(this.#time.cutoff());
      return this.#holdings.makeRoomForTopic(topic, topics) ? undefined : this.#tooManyTopics();
    });
  }

  #noRoom(size: number): StoreError | undefined {
    const room = this.#room;
    return this.#attempt(() => {
      this.#holdings.span.expire(this.#time.cutoff());
      const drop = this.#limits.overflow === "drop-oldest" && size <= room;
      this.#holdings.shrink(room - size, drop ? this.#time.next() : undefined);
      return this.#holdings.bytes + size <= room ? undefined : this.#full(size);
    });
  }

  #attempt<T>(work: () => T): T | StoreError {
    try {
      return work();
    } catch (error) {
      if (this.#atomic) throw error;
      return because("store messages", error);
    }
  }

  #full(size: number): StoreError {
    const limit = this.#limits.storedBytes;
    const stored = limit - this.#room + this.#holdings.bytes;
    // It is said of others, too, for which there is no room then.
    const why =
      `there is no room for ${size} bytes: ${stored} bytes are stored, the limit is ${limit}`;
    return new StoreError(`Cannot put message: ${why}`, { code: "full", limit });
  }

  #tooManyTopics(): StoreError {
    const limit = this.#limits.topics;
    return new StoreError(
      `Cannot put message: ${limit} topics hold messages, the limit is ${limit}`,
      { code: "too_many", limit },
    );
  }
}

/**
 * Why a number that its session has passed is not stored now. The same for all of them: to make one for each of a list of
 * 16,384 takes as long as to store it.
 */
const SUPERSEDED_ERROR = new StoreError(
  "Cannot put message: it was not stored before, and a later one of its session was",
  { code: "superseded" },
);
const FORGOTTEN_ERROR = new StoreError(
  "Cannot tell whether the message is stored: its session has put too many since",
  { code: "unknown_outcome" },
);
