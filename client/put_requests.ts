/**
 * Putting: messages for one topic that leave together are one request.
 *
 * @module
 */

import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import { deferred } from "./deferred.ts";
import type { ReconnectingClient } from "./reconnecting_client.ts";
import {
  exceedsMessageBytes,
  GrowingPutBatch,
  messageSize,
  PutBatch,
  type SettlePut,
  tooLargeError,
} from "./put_batch.ts";
import type { TopicName } from "./topic_names.ts";

/** A part of a list is no larger than this, in characters, or than one message. */
const MAX_PART_SIZE = 256 * 1024;

/** A part of a list has no more than this part of the messages that may be unanswered, and no more than so many. */
const WINDOW_SHARE = 1 / 4;
const MAX_PART_MESSAGES = 16_384;

/** The puts of a connection. */
export class PutRequests {
  readonly #client: ReconnectingClient;
  #lastBatch: GrowingPutBatch | undefined;

  /** Puts over a link. */
  constructor(client: ReconnectingClient) {
    this.#client = client;
  }

  /**
   * Puts a message.
   *
   * @param topic where to
   * @param message what the server will take
   * @returns its sequence number; rejects with a `DsmqError`
   */
  put(topic: TopicName, message: string): Promise<number> {
    this.#client.requireCapacity("put", topic.name);
    const lastBatch = this.#lastBatch;
    if (
      lastBatch?.topic === topic.name && !lastBatch.isSealed &&
      this.#client.requests.canGrow(lastBatch)
    ) {
      this.#client.takePutNumbers(1);
      const stored = lastBatch.add(message);
      this.#client.requests.onGrown(messageSize(message));
      return stored;
    }
    const batch = this.#lastBatch = new GrowingPutBatch(topic, this.#client.takePutNumbers(1));
    const stored = batch.add(message);
    this.#client.requests.send(batch);
    return stored;
  }

  /**
   * Puts a list of messages, in parts if it is long: the next one is made when the one before it has left.
   *
   * @param topic where to
   * @param messages what the server will take
   * @returns their sequence numbers; rejects with a `DsmqError` that says what became of each
   */
  async putMany(topic: TopicName, messages: readonly string[]): Promise<number[]> {
    if (messages.length === 0) return [];
    this.#client.requireCapacity("put", topic.name);
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
    const n = this.#client.takePutNumbers(messages.length);
    const first = this.#nextPart(topic, messages, 0, n, settle);
    if (first) this.#client.requests.send(first);
    await done.promise;
    if (!failure) return outcomes as number[];
    const { code, message, limit } = failure;
    const details = limit === undefined ? {} : { limit };
    throw new DsmqError(code, message, { topic: topic.name, ...details, outcomes, cause: failure });
  }

  /** The part of a list that begins at a place, if there is more of it that the server takes. */
  #nextPart(
    topic: TopicName,
    messages: readonly string[],
    begin: number,
    n: number | undefined,
    settle: SettlePut,
  ): PutBatch | undefined {
    const { limits: { messageBytes, inFlight, frameRequests }, frameBytes = MAX_PART_SIZE } =
      this.#client;
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
