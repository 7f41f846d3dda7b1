/**
 * Puts. Messages for one topic that are sent together share a request.
 *
 * @module
 */

import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import { deferred } from "./deferred.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import {
  exceedsMessageBytes,
  GrowingPutBatch,
  messageSize,
  PutBatch,
  type SettlePut,
  tooLargeError,
} from "./put_batch.ts";
import type { TopicName } from "./topic_names.ts";

/** The size of a part of a list in characters, unless a single message is larger. */
const MAX_PART_SIZE = 256 * 1024;

/** A part of a list has at most this fraction of the messages that may be unanswered, and at most `MAX_PART`. */
const WINDOW_SHARE = 1 / 4;
const MAX_PART_MESSAGES = 16_384;

/** The puts of a connection. */
export class PutRequests {
  readonly #requests: InFlightRequests;
  /** Puts carry numbers, so that the server recognises repeated ones. */
  readonly #numbered: boolean;
  #lastNumber = 0;
  #lastBatch: GrowingPutBatch | undefined;

  /**
   * Begins with none.
   *
   * @param requests sends them
   * @param numbered whether they carry numbers: within a session
   */
  constructor(requests: InFlightRequests, numbered: boolean) {
    this.#requests = requests;
    this.#numbered = numbered;
  }

  /**
   * Puts a message.
   *
   * @param topic the topic
   * @param message a message that the server accepts
   * @returns its sequence number; rejects with a `DsmqError`
   */
  put(topic: TopicName, message: string): Promise<number> {
    const requests = this.#requests;
    requests.requireRoom("put", topic.name);
    const lastBatch = this.#lastBatch;
    if (lastBatch?.topic === topic.name && !lastBatch.isSealed && requests.canGrow(lastBatch)) {
      this.#number(1);
      const stored = lastBatch.add(message);
      requests.onGrown(messageSize(message));
      return stored;
    }
    const batch = this.#lastBatch = new GrowingPutBatch(topic, this.#number(1));
    const stored = batch.add(message);
    requests.send(batch);
    return stored;
  }

  /**
   * Puts a list of messages, in parts if it is long: each part is made when the one before it is sent.
   *
   * @param topic the topic
   * @param messages messages that the server accepts
   * @returns their sequence numbers; rejects with a `DsmqError` that lists the outcome of each
   */
  async putMany(topic: TopicName, messages: readonly string[]): Promise<number[]> {
    if (messages.length === 0) return [];
    this.#requests.requireRoom("put", topic.name);
    const outcomes: PutOutcome[] = [];
    const done = deferred<void>();
    let failure: DsmqError | undefined;
    let unsettled = messages.length;
    const settle: SettlePut = (index, outcome) => {
      if (outcome instanceof DsmqError) {
        failure ??= outcome;
        outcomes[index] = { code: outcome.code, message: outcome.message };
      } else outcomes[index] = outcome;
      if (--unsettled === 0) done.resolve();
    };
    const n = this.#number(messages.length);
    const first = this.#nextPart(topic, messages, 0, n, settle);
    if (first) this.#requests.send(first);
    await done.promise;
    if (!failure) return outcomes as number[];
    const { code, message, limit } = failure;
    const details = limit === undefined ? {} : { limit };
    throw new DsmqError(code, message, { topic: topic.name, ...details, outcomes, cause: failure });
  }

  /** Takes so many numbers, and returns the first; `undefined` without a session. */
  #number(count: number): number | undefined {
    if (!this.#numbered) return undefined;
    const first = this.#lastNumber + 1;
    this.#lastNumber += count;
    return first;
  }

  /** The part of a list that begins at an index, if the server accepts any more of it. */
  #nextPart(
    topic: TopicName,
    messages: readonly string[],
    begin: number,
    n: number | undefined,
    settle: SettlePut,
  ): PutBatch | undefined {
    const { limits: { messageBytes, inFlight, frameRequests }, frameBytes = MAX_PART_SIZE } =
      this.#requests;
    while (begin < messages.length && exceedsMessageBytes(messages[begin]!, messageBytes)) {
      settle(begin++, tooLargeError(topic.name, messageBytes));
    }
    if (begin === messages.length) return undefined;
    const maxMessages = Math.max(
      1,
      Math.floor(Math.min(WINDOW_SHARE * inFlight, frameRequests, MAX_PART_MESSAGES)),
    );
    const maxSize = Math.min(MAX_PART_SIZE, frameBytes);
    let end = begin;
    for (let size = 0; end < messages.length && end - begin < maxMessages; end++) {
      size += messageSize(messages[end]!);
      if (end > begin && (size > maxSize || exceedsMessageBytes(messages[end]!, messageBytes))) {
        break;
      }
    }
    return new PutBatch(
      topic,
      n === undefined ? undefined : n + begin,
      messages.slice(begin, end),
      (index, outcome) => settle(begin + index, outcome),
      () => this.#nextPart(topic, messages, end, n, settle),
    );
  }
}
