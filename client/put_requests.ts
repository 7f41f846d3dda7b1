/**
 * Puts. Messages for one topic that are sent together share a request.
 *
 * @module
 */

import { exceedsMessageBytes } from "../protocol/body.ts";
import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import type { ResultReply } from "../protocol/replies.ts";
import { deferred } from "./deferred.ts";
import type { InFlightRequests } from "./in_flight_requests.ts";
import { PendingRequest, protocolError, requireKind } from "./pending_request.ts";
import { maybeStoredError, type PutResult, resultsOf, tooLargeError } from "./put_errors.ts";
import { rejectWithCallerStack } from "./rejection.ts";
import type { TopicName } from "./topic_names.ts";

/** A message in a list has two quotes and a comma. */
const BODY_OVERHEAD = 3;

/** The size of a part of a list in characters, unless a single message is larger. */
const MAX_PART_SIZE = 256 * 1024;

/** A part of a list has at most this fraction of the messages that may be unanswered, and at most `MAX_PART`. */
const WINDOW_SHARE = 1 / 4;
const MAX_PART_MESSAGES = 16_384;

/** Takes the outcome of a message of a request, by its index: its sequence number, or an error. */
type SettlePut = (index: number, outcome: PutResult) => void;

/** The puts of a connection. */
export class PutRequests {
  readonly #requests: InFlightRequests;
  /** Puts carry numbers, so that the server recognises repeated ones. */
  readonly #numbered: boolean;
  #lastNumber = 0;
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
   * @returns its sequence number; rejects with a `DsmqError`
   */
  put(topic: TopicName, body: string): Promise<number> {
    const requests = this.#requests;
    requests.requireRoom("put", topic.name);
    const lastBatch = this.#lastBatch;
    if (lastBatch?.topic === topic.name && !lastBatch.isSealed && requests.canGrow(lastBatch)) {
      this.#number(1);
      const stored = lastBatch.add(body);
      requests.onGrown(bodySize(body));
      return stored;
    }
    const batch = this.#lastBatch = new GrowingPutBatch(topic, this.#number(1));
    const stored = batch.add(body);
    requests.send(batch);
    return stored;
  }

  /**
   * Puts a list of messages, in parts if it is long: each part is made when the one before it is sent.
   *
   * @param topic the topic
   * @param bodies their texts, which the server accepts
   * @returns their sequence numbers; rejects with a `DsmqError` that lists the outcome of each
   */
  async putMany(topic: TopicName, bodies: readonly string[]): Promise<number[]> {
    if (bodies.length === 0) return [];
    this.#requests.requireRoom("put", topic.name);
    const outcomes: PutOutcome[] = [];
    const done = deferred<void>();
    let failure: DsmqError | undefined;
    let unsettled = bodies.length;
    const settle: SettlePut = (index, outcome) => {
      if (outcome instanceof DsmqError) {
        failure ??= outcome;
        outcomes[index] = { code: outcome.code, message: outcome.message };
      } else outcomes[index] = outcome;
      if (--unsettled === 0) done.resolve();
    };
    const n = this.#number(bodies.length);
    const first = this.#nextPart(topic, bodies, 0, n, settle);
    if (first) this.#requests.send(first);
    await done.promise;
    if (!failure) return outcomes as number[];
    const { code, message } = failure;
    throw new DsmqError(code, message, { ...failure, topic: topic.name, outcomes, cause: failure });
  }

  /** Takes this many numbers, and returns the first; `undefined` without a session. */
  #number(count: number): number | undefined {
    if (!this.#numbered) return undefined;
    const first = this.#lastNumber + 1;
    this.#lastNumber += count;
    return first;
  }

  /** The part of a list that begins at an index, if the server accepts any more of it. */
  #nextPart(
    topic: TopicName,
    bodies: readonly string[],
    begin: number,
    n: number | undefined,
    settle: SettlePut,
  ): PutBatch | undefined {
    const { limits: { messageBytes, inFlight, frameRequests }, frameBytes = MAX_PART_SIZE } =
      this.#requests;
    while (begin < bodies.length && exceedsMessageBytes(bodies[begin]!, messageBytes)) {
      settle(begin, tooLargeError(topic.name, messageBytes, bodies[begin++]!));
    }
    if (begin === bodies.length) return undefined;
    const maxMessages = Math.max(
      1,
      Math.floor(Math.min(WINDOW_SHARE * inFlight, frameRequests, MAX_PART_MESSAGES)),
    );
    const maxSize = Math.min(MAX_PART_SIZE, frameBytes);
    let end = begin;
    for (let size = 0; end < bodies.length && end - begin < maxMessages; end++) {
      size += bodySize(bodies[end]!);
      if (end > begin && (size > maxSize || exceedsMessageBytes(bodies[end]!, messageBytes))) {
        break;
      }
    }
    return new PutBatch(
      topic,
      n === undefined ? undefined : n + begin,
      bodies.slice(begin, end),
      (index, outcome) => settle(begin + index, outcome),
      () => this.#nextPart(topic, bodies, end, n, settle),
    );
  }
}

/** One request that puts messages into one topic. */
class PutBatch extends PendingRequest {
  readonly action = "put";
  readonly topic: string;
  size = 0;
  protected readonly bodies: string[];
  readonly #topicName: TopicName;
  /** The number of the first message; the others have those after it. */
  readonly #n: number | undefined;
  readonly #settle: SettlePut;
  /** Makes the next part of its list, unless it is the last or that was made. */
  #nextPart: (() => PutBatch | undefined) | undefined;
  /** It was encoded, and may have been sent: nothing can be added. */
  isSealed = false;

  constructor(
    topicName: TopicName,
    n: number | undefined,
    bodies: string[],
    settle: SettlePut,
    nextPart?: () => PutBatch | undefined,
  ) {
    super();
    this.#nextPart = nextPart;
    this.topic = topicName.name;
    this.#topicName = topicName;
    this.#n = n;
    this.bodies = bodies;
    this.#settle = settle;
    for (const body of bodies) this.size += bodySize(body);
  }

  get calls(): number {
    return this.bodies.length;
  }

  protected jsonFields(): string {
    this.isSealed = true;
    const { bodies } = this;
    const bodyField = bodies.length === 1
      ? `"body":${JSON.stringify(bodies[0])}`
      : `"bodies":${JSON.stringify(bodies)}`;
    const n = this.#n === undefined ? "" : `,"n":${this.#n}`;
    return `${this.#topicName.jsonField},${bodyField}${n}`;
  }

  /**
   * A server may come back with smaller limits. Then lists are split, and messages that are too large fail here: the
   * server would close the connection for one of them, or reject a whole list.
   */
  override split(limits: Limits, maxSize: number): readonly PutBatch[] {
    const { messageBytes } = limits;
    const maxCalls = Math.min(limits.inFlight, limits.frameRequests);
    // Each message of a suspected list is sent alone.
    const maxPartSize = this.isSuspect ? 0 : maxSize;
    const isTooLarge = this.bodies.map((body) => exceedsMessageBytes(body, messageBytes));
    const fitsWhole = this.calls <= maxCalls && (this.calls === 1 || this.size <= maxPartSize);
    if (fitsWhole && !isTooLarge.includes(true)) return [this];
    const parts: PutBatch[] = [];
    for (let begin = 0, end; begin < this.calls; begin = end) {
      end = begin + 1;
      if (isTooLarge[begin]) {
        const { isSent, topic } = this;
        const error = isSent
          ? maybeStoredError(topic)
          : tooLargeError(topic, messageBytes, this.bodies[begin]!);
        this.#settle(begin, error);
        continue;
      }
      for (let remaining = maxPartSize - this.#sizeAt(begin); end < this.calls; end++) {
        remaining -= this.#sizeAt(end);
        if (remaining < 0 || end - begin === maxCalls || isTooLarge[end]) break;
      }
      parts.push(this.#part(begin, end));
    }
    const last = parts.at(-1);
    if (last) last.#nextPart = this.#nextPart;
    else parts.push(...this.nextPart()?.split(limits, maxSize) ?? []);
    return parts;
  }

  override nextPart(): PutBatch | undefined {
    const part = this.#nextPart?.();
    this.#nextPart = undefined;
    return part;
  }

  onReply(reply: ResultReply): void {
    const { calls } = this;
    const { seqs } = requireKind(reply, "stored", this);
    if (seqs.length !== calls) throw protocolError("put", this.topic);
    for (let i = 0; i < calls; i++) this.#settle(i, seqs[i]!);
  }

  override onErrorReply(error: DsmqError): void {
    const outcomeCount = error.outcomes?.length ?? this.calls;
    if (outcomeCount !== this.calls) throw protocolError("put", this.topic);
    this.onError(error);
  }

  /** The parts of its list that were not made fail with it. */
  onError(error: DsmqError): void {
    this.#settleFailed(error);
    for (let part = this.nextPart(); part; part = part.nextPart()) part.#settleFailed(error);
  }

  #settleFailed(error: DsmqError): void {
    const results = resultsOf(error, this.topic, this.calls);
    for (let i = 0; i < results.length; i++) this.#settle(i, results[i]!);
  }

  #sizeAt(index: number): number {
    return bodySize(this.bodies[index]!);
  }

  #part(begin: number, end: number): PutBatch {
    const n = this.#n === undefined ? undefined : this.#n + begin;
    const settle: SettlePut = (index, outcome) => this.#settle(begin + index, outcome);
    const part = new PutBatch(this.#topicName, n, this.bodies.slice(begin, end), settle);
    part.isSent = this.isSent;
    part.known = this.known;
    part.isSuspect = this.isSuspect;
    part.callOrder = this.callOrder;
    return part;
  }
}

/** A request that grows while messages are put into the same topic one after another. */
class GrowingPutBatch extends PutBatch {
  /** Resolve the promises of the messages. */
  readonly #resolvers: ((seq: number | PromiseLike<number>) => void)[];

  constructor(topicName: TopicName, n: number | undefined) {
    const resolvers: ((seq: number | PromiseLike<number>) => void)[] = [];
    super(topicName, n, [], (index, outcome) => {
      if (outcome instanceof DsmqError) rejectWithCallerStack(resolvers[index]!, outcome);
      else resolvers[index]!(outcome);
    });
    this.#resolvers = resolvers;
  }

  add(body: string): Promise<number> {
    this.bodies.push(body);
    this.size += bodySize(body);
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }
}

/** The characters that a message takes in a request. */
function bodySize(body: string): number {
  return body.length + BODY_OVERHEAD;
}
