/**
 * Puts. Messages for one topic that are sent together share a request.
 *
 * @module
 */

import { type EncodedAttributes, MAX_ATTRIBUTE_FIELDS } from "../protocol/attributes.ts";
import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import { deferred } from "./deferred.ts";
import type { PendingPuts } from "./api.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import {
  type AttributeList,
  exceedsLimit,
  GrowingPutBatch,
  PutBatch,
  putSize,
  type SettlePut,
} from "./put_batch.ts";
import { listError, tooLargeError } from "./put_errors.ts";
import type { TopicName } from "./topic_names.ts";

/** A list of messages for one topic. */
export interface PutList {
  readonly bodies: readonly string[];
  readonly attributes: AttributeList;
}

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
  /** What lists have beyond the parts of them that were made. */
  readonly #later = { messages: 0, bytes: 0 };
  #lastBatch: GrowingPutBatch | undefined;

  /** Begins with none. */
  constructor(requests: InFlightRequests, numbered: boolean) {
    this.#requests = requests;
    this.#numbered = numbered;
  }

  /**
   * Puts a message.
   *
   * @param topic the topic
   * @param body its text, which the server accepts
   * @param attributes its attributes, if it has any
   * @returns its sequence number; rejects with a `DsmqError`
   */
  put(
    topic: TopicName,
    body: string,
    attributes: EncodedAttributes | undefined,
  ): Promise<number> {
    this.#requests.requireRoom("put", topic.name);
    return this.putAdmitted(topic, body, attributes);
  }

  /** As `put`, of a message that there is room for. */
  putAdmitted(
    topic: TopicName,
    body: string,
    attributes: EncodedAttributes | undefined,
  ): Promise<number> {
    const requests = this.#requests;
    const lastBatch = this.#lastBatch;
    if (
      lastBatch?.topic === topic.name && !lastBatch.isSealed && requests.canGrow(lastBatch) &&
      lastBatch.takes(attributes)
    ) {
      this.#number(1);
      const stored = lastBatch.add(body, attributes);
      requests.onGrown(putSize(body, attributes));
      return stored;
    }
    const batch = this.#lastBatch = new GrowingPutBatch(topic, this.#number(1));
    const stored = batch.add(body, attributes);
    requests.send(batch);
    return stored;
  }

  /** What is not acknowledged yet. */
  get pending(): PendingPuts {
    const { messages, bytes } = this.#requests.table.pending.puts;
    return { messages: messages + this.#later.messages, bytes: bytes + this.#later.bytes };
  }

  /**
   * Puts a list of messages, in parts if it is long: each part is made when the one before it is sent.
   *
   * @param topic the topic
   * @param list the messages, which the server accepts
   * @returns their sequence numbers; rejects with a `DsmqError` that lists the outcome of each
   */
  async putMany(topic: TopicName, list: PutList): Promise<number[]> {
    const { bodies } = list;
    if (bodies.length === 0) return [];
    this.#requests.requireRoom("put", topic.name);
    const outcomes: PutOutcome[] = [];
    const done = deferred<void>();
    let failure: DsmqError | undefined;
    let failed = 0;
    let unsettled = bodies.length;
    const settle: SettlePut = (index, outcome) => {
      if (outcome instanceof DsmqError) {
        if (!failure) [failure, failed] = [outcome, index];
        outcomes[index] = { code: outcome.code, message: outcome.message };
      } else outcomes[index] = outcome;
      if (--unsettled === 0) done.resolve();
    };
    const n = this.#number(bodies.length);
    const { attributes } = list;
    for (let i = 0; i < bodies.length; i++) {
      this.#later.bytes += putSize(bodies[i]!, attributes?.[i]);
    }
    this.#later.messages += bodies.length;
    const first = this.#nextPart(topic, list, 0, n, settle);
    if (first) this.#requests.send(first);
    await done.promise;
    if (!failure) return outcomes as number[];
    throw listError(failure, failed, topic.name, outcomes);
  }

  /** Takes this many numbers, and returns the first; `undefined` without a session. */
  #number(count: number): number | undefined {
    if (!this.#numbered) return undefined;
    const first = this.#lastNumber + 1;
    this.#lastNumber += count;
    return first;
  }

  /** These messages of a list count by themselves from now on. */
  #made(messages: number, bytes: number): void {
    this.#later.messages -= messages;
    this.#later.bytes -= bytes;
  }

  /** The part of a list that begins at an index, if the server accepts any more of it. */
  #nextPart(
    topic: TopicName,
    list: PutList,
    begin: number,
    n: number | undefined,
    settle: SettlePut,
  ): PutBatch | undefined {
    const { bodies, attributes } = list;
    const { limits: { messageBytes, inFlight, frameRequests }, frameBytes = MAX_PART_SIZE } =
      this.#requests;
    const isTooLarge = (i: number) => exceedsLimit(bodies[i]!, attributes?.[i], messageBytes);
    while (begin < bodies.length && isTooLarge(begin)) {
      const error = tooLargeError(topic.name, messageBytes, bodies[begin]!, attributes?.[begin]);
      this.#made(1, putSize(bodies[begin]!, attributes?.[begin]));
      settle(begin++, error);
    }
    if (begin === bodies.length) return undefined;
    const maxMessages = Math.max(
      1,
      Math.floor(Math.min(WINDOW_SHARE * inFlight, frameRequests, MAX_PART_MESSAGES)),
    );
    const maxSize = Math.min(MAX_PART_SIZE, frameBytes);
    let end = begin;
    let fields = 0;
    for (let size = 0; end < bodies.length && end - begin < maxMessages; end++) {
      size += putSize(bodies[end]!, attributes?.[end]);
      fields += attributes?.[end]?.fields ?? 0;
      const isFull = size > maxSize || fields > MAX_ATTRIBUTE_FIELDS;
      if (end > begin && (isFull || isTooLarge(end))) break;
    }
    const part = new PutBatch(
      topic,
      n === undefined ? undefined : n + begin,
      bodies.slice(begin, end),
      attributes?.slice(begin, end),
      (index, outcome) => settle(begin + index, outcome),
      () => this.#nextPart(topic, list, end, n, settle),
    );
    this.#made(end - begin, part.size);
    return part;
  }
}
