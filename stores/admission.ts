/**
 * What becomes of each put: it is stored, it had been stored before, or it is refused.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { GroupMachine } from "./groups/group_machine.ts";
import type { MessageLog } from "./message_log.ts";
import type { DedupIndex } from "./dedup_index.ts";
import { FORGOTTEN } from "./dedup_session.ts";
import {
  type Command,
  type Purge,
  type PurgeResult,
  type Put,
  type Result,
  StoreError,
  type TopicMessage,
  toStoreError,
} from "./store.ts";
import {
  FORGOTTEN_ERROR,
  messageIdOverhead,
  RECORDS_PART,
  RUN_BYTES,
  storeFullError,
  type StoreLimits,
  SUPERSEDED_ERROR,
  tooManyTopicsError,
  topicOverhead,
} from "./store_limits.ts";

/**
 * A message that is about to be stored. A class, not a literal: V8 counts how many objects of a literal survive. Most
 * of these do until the buffer is flushed, so V8 would come to allocate them in its old space, where each dead
 * message holds its body until the whole heap is collected.
 */
class NewMessage implements TopicMessage {
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

/** The same, with attributes. */
class AttributedMessage extends NewMessage {
  readonly attributes: string;

  constructor(seq: number, time: number, put: Put, attributes: string) {
    super(seq, time, put);
    this.attributes = attributes;
  }
}

/** Decides on commands, and appends messages to the log. */
export class Admission {
  readonly #messageLog: MessageLog;
  readonly #dedup: DedupIndex;
  readonly #groups: GroupMachine;
  readonly #limits: StoreLimits;
  readonly #atomic: boolean;

  /**
   * Makes the decisions of a store.
   *
   * @param messageLog the messages
   * @param dedup the puts that are remembered
   * @param groups the groups of workers
   * @param limits how much the store takes
   * @param atomic whether a failure of the database is thrown and undoes everything; else it refuses the put that it
   * hits
   */
  constructor(
    messageLog: MessageLog,
    dedup: DedupIndex,
    groups: GroupMachine,
    limits: StoreLimits,
    atomic: boolean,
  ) {
    this.#messageLog = messageLog;
    this.#dedup = dedup;
    this.#groups = groups;
    this.#limits = limits;
    this.#atomic = atomic;
  }

  /**
   * Applies commands, after all that is due by then.
   *
   * @param commands what is put, and other commands between puts
   * @param now the time
   * @param messages gets the messages that are stored
   * @returns what became of each command
   */
  admit(
    commands: readonly Command[],
    now: number,
    messages: TopicMessage[],
  ): (Result | StoreError)[] {
    const { range } = this.#messageLog;
    // Up to this many bytes there is room, even with the largest record of puts.
    const guaranteed = this.#limits.storedBytes * (1 - RECORDS_PART);
    const results: (Result | StoreError)[] = [];
    let lastTopic: string | undefined;
    let overhead = 0;
    /** Sessions of which a put was refused because the store is full. */
    let refusedSessions: NameMap<StoreError> | undefined;
    /**
     * What found no room since the last message was stored: to check again for each put of a long list takes long.
     */
    let refusedTopic: { readonly topic: string; readonly error: StoreError } | undefined;
    let refusedSize: { readonly size: number; readonly error: StoreError } | undefined;
    for (const put of commands) {
      if (put.type === "purge") {
        results.push(this.#purge(put, now));
        // There may be room now, and the last topic may have lost all its messages.
        refusedTopic = refusedSize = lastTopic = undefined;
        continue;
      }
      if (put.type !== "put") {
        results.push(this.#other(put, now));
        continue;
      }
      const { topic, bytes, attributes, session, n, owner } = put;
      const numbered = session !== undefined && n !== undefined;
      if (attributes !== undefined) {
        // Before a number that its session has passed is refused: it may have had this answer the first time.
        const wasRefused = numbered && refusedSessions?.get(session) !== undefined;
        const found = this.#findRepeated(put, numbered, wasRefused);
        if (found !== undefined) {
          results.push(found);
          continue;
        }
      }
      if (numbered) {
        const seq = this.#dedup.find(session, n);
        if (seq !== 0) {
          this.#dedup.refresh(session);
          if (seq > 0) results.push({ seq, dup: true });
          else results.push(seq === FORGOTTEN ? FORGOTTEN_ERROR : SUPERSEDED_ERROR);
          continue;
        }
        const error = refusedSessions?.get(session);
        if (error) {
          results.push(error);
          continue;
        }
      }
      if (topic !== lastTopic) {
        const error = topic === refusedTopic?.topic ? refusedTopic.error : this.#admitTopic(topic);
        if (error) {
          refusedTopic = { topic, error };
          results.push(error);
          // To make room, the last topic may have lost all its messages.
          lastTopic = undefined;
          continue;
        }
        lastTopic = topic;
        overhead = topicOverhead(topic);
      }
      let size = bytes + overhead;
      if (attributes !== undefined) size += messageIdOverhead(put);
      if (refusedSize && size >= refusedSize.size) {
        if (session !== undefined) {
          (refusedSessions ??= new NameMap()).set(session, refusedSize.error);
        }
        results.push(refusedSize.error);
        continue;
      }
      const bytesAfter = this.#messageLog.bytes + size;
      const error = bytesAfter > guaranteed && bytesAfter > this.#availableBytes &&
        this.#makeRoom(size, now);
      if (error) {
        refusedSize = { size, error };
        if (session !== undefined) (refusedSessions ??= new NameMap()).set(session, error);
        results.push(error);
        // The topic was not admitted; or it may have no messages left, because they were dropped.
        lastTopic = undefined;
        continue;
      }
      const failure = attributes !== undefined &&
        this.#attempt(() => this.#messageLog.ids.add(put, range.last + 1));
      if (failure) {
        results.push(failure);
        continue;
      }
      const message = attributes === undefined
        ? new NewMessage(range.last + 1, now, put)
        : new AttributedMessage(range.last + 1, now, put, attributes);
      this.#messageLog.append(message, size);
      refusedTopic = refusedSize = undefined;
      if (numbered) this.#dedup.record(session, n, message.seq, owner);
      messages.push(message);
      results.push(message);
    }
    this.#attempt(() => this.#messageLog.purgeEvicted(commands.length));
    return results;
  }

  #purge({ topic, before, max }: Purge, now: number): PurgeResult | StoreError {
    return this.#attempt(() => {
      const { range } = this.#messageLog;
      const end = before === undefined
        ? range.last + 1
        : "seq" in before
        ? Math.min(before.seq, range.last + 1)
        : this.#groups.lastStoredBy(before.time - 1) + 1;
      const result = this.#messageLog.topicPurge.purge(topic, end - 1, max, now);
      const more = this.#groups.purged(topic, end - 1, result.more ? 0 : max) || result.more;
      return { ...result, more, end };
    });
  }

  /**
   * The message that a put repeats by its `messageId`, unless its session knows it by its number. The session has this
   * answer from then on, though the message goes.
   */
  #findRepeated(put: Put, numbered: boolean, wasRefused: boolean): Result | StoreError | undefined {
    const { session = "", n = 0, owner } = put;
    const known = numbered ? this.#dedup.find(session, n) : 0;
    if (known > 0) return undefined;
    const { ids, range } = this.#messageLog;
    const seq = this.#attempt(() => ids.find(put, range.floor));
    if (seq instanceof StoreError) return seq;
    if (seq === 0) return undefined;
    if (numbered) {
      // Earlier ones that were refused could not be stored any more if this one were recorded.
      if (known < 0 || wasRefused) this.#dedup.refresh(session);
      else this.#dedup.record(session, n, seq, owner, range.last + 1);
    }
    return { seq, dup: true };
  }

  #other(command: Exclude<Command, Put | Purge>, now: number): Result | StoreError {
    switch (command.type) {
      case "open_session":
        this.#dedup.open(command.session, command.owner);
        return {};
      case "forget_session":
        this.#dedup.forget(command.session);
        return {};
      default:
        return this.#attempt(() => this.#groups.apply(command, now));
    }
  }

  /**
   * What messages may take: each message pays for the record of its put; records that outlive their messages leave
   * less room.
   */
  get #availableBytes(): number {
    const { storedBytes } = this.#limits;
    const { last, floor } = this.#messageLog.range;
    const records = this.#dedup.runs - (last - floor);
    if (records <= 0) return storedBytes;
    return storedBytes - Math.min(records * RUN_BYTES, Math.floor(storedBytes * RECORDS_PART));
  }

  #admitTopic(topic: string): StoreError | undefined {
    const { topics } = this.#limits;
    if (this.#messageLog.admitsTopic(topic, topics)) return undefined;
    return this.#attempt(() =>
      this.#messageLog.makeRoomForTopic(topic, topics)
        ? undefined
        : tooManyTopicsError(this.#messageLog.topics.liveCount, topics)
    );
  }

  #makeRoom(size: number, now: number): StoreError | undefined {
    const available = this.#availableBytes;
    return this.#attempt(() => {
      const canDrop = this.#limits.overflow === "drop-oldest" && size <= available;
      // A reader may have seen it in this very millisecond: so it is gone from the next one on.
      this.#messageLog.shrink(available - size, canDrop ? now + 1 : undefined);
      const limit = this.#limits.storedBytes;
      const stored = limit - available + this.#messageLog.bytes;
      // The same error is given for other puts for which there is no room then.
      return stored + size <= limit ? undefined : storeFullError(size, stored, limit);
    });
  }

  #attempt<T>(work: () => T): T | StoreError {
    try {
      return work();
    } catch (error) {
      if (this.#atomic) throw error;
      return toStoreError("store messages", error);
    }
  }
}
