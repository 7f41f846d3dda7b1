/**
 * Putting: messages for one topic that leave together are one request.
 *
 * @module
 */

import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import { deferred } from "./deferred.ts";
import type { Link } from "./link.ts";
import { isLarger, PutBatch, PutRun, type Settle, sizeOf, tooLargeNow } from "./put_batch.ts";
import type { TopicName } from "./topic.ts";

/** A part of a list is no larger than this, in characters, or than one message. */
const PART_SIZE = 256 * 1024;

/** A part of a list has no more than this part of the messages that may be unanswered, and no more than so many. */
const PART_OF_WINDOW = 1 / 4;
const MAX_PART = 16_384;

/** The puts of a connection. */
export class Puts {
  readonly #link: Link;
  #last: PutRun | undefined;

  /** Puts over a link. */
  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Puts a message.
   *
   * @param topic where to
   * @param message what the server will take
   * @returns its sequence number; rejects with a `DsmqError`
   */
  put(topic: TopicName, message: string): Promise<number> {
    this.#link.requireRoom("put", topic.name);
    const last = this.#last;
    if (last?.topic === topic.name && !last.sealed && this.#link.requests.canGrow(last)) {
      this.#link.number(1);
      const stored = last.add(message);
      this.#link.requests.grew(sizeOf(message));
      return stored;
    }
    const run = this.#last = new PutRun(topic, this.#link.number(1));
    const stored = run.add(message);
    this.#link.requests.ask(run);
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
    this.#link.requireRoom("put", topic.name);
    const outcomes: PutOutcome[] = [];
    const done = deferred<void>();
    let failure: DsmqError | undefined;
    let unsettled = messages.length;
    const settle: Settle = (place, outcome) => {
      if (outcome instanceof DsmqError) {
        failure ??= outcome;
        outcomes[place] = { code: outcome.code, message: outcome.message };
      } else outcomes[place] = outcome;
      if (--unsettled === 0) done.resolve();
    };
    const n = this.#link.number(messages.length);
    const first = this.#partOf(topic, messages, 0, n, settle);
    if (first) this.#link.requests.ask(first);
    await done.promise;
    if (!failure) return outcomes as number[];
    const { code, message, limit } = failure;
    const details = limit === undefined ? {} : { limit };
    throw new DsmqError(code, message, { topic: topic.name, ...details, outcomes, cause: failure });
  }

  /** The part of a list that begins at a place, if there is more of it that the server takes. */
  #partOf(
    topic: TopicName,
    messages: readonly string[],
    begin: number,
    n: number | undefined,
    settle: Settle,
  ): PutBatch | undefined {
    const { limits: { messageBytes, inFlight, frameRequests }, frameBytes = PART_SIZE } =
      this.#link;
    while (begin < messages.length && isLarger(messages[begin]!, messageBytes)) {
      settle(begin++, tooLargeNow(topic.name, messageBytes));
    }
    if (begin === messages.length) return undefined;
    const most = Math.max(
      1,
      Math.floor(Math.min(PART_OF_WINDOW * inFlight, frameRequests, MAX_PART)),
    );
    const largest = Math.min(PART_SIZE, frameBytes);
    let end = begin;
    for (let size = 0; end < messages.length && end - begin < most; end++) {
      size += sizeOf(messages[end]!);
      if (end > begin && (size > largest || isLarger(messages[end]!, messageBytes))) break;
    }
    return new PutBatch(
      topic,
      n === undefined ? undefined : n + begin,
      messages.slice(begin, end),
      (place, outcome) => settle(begin + place, outcome),
      () => this.#partOf(topic, messages, end, n, settle),
    );
  }
}
