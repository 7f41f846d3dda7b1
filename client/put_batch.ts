/**
 * Messages for one topic as one request.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";
import { encodeBody } from "../protocol/body.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import { PendingRequest, protocolError } from "./pending_request.ts";
import { rejectWithCallerStack } from "./rejection.ts";
import type { TopicName } from "./topic_names.ts";

/** Quotes and a comma stand around a message in a list. */
const MESSAGE_OVERHEAD = 3;

/** Takes what became of each message of a request, by its place in it: its sequence number, or an error. */
export type SettlePut = (index: number, outcome: number | DsmqError) => void;

/** Messages for one topic, as one request. */
export class PutBatch extends PendingRequest {
  readonly action = "put";
  readonly topic: string;
  size = 0;
  protected readonly messages: string[];
  readonly #topicName: TopicName;
  /** The number of the first; the others have those after it. */
  readonly #n: number | undefined;
  readonly #settle: SettlePut;
  /** Makes the next part of its list, if there is one, and it was not made. */
  #nextPart: (() => PutBatch | undefined) | undefined;
  /** It was encoded, and what was may be on its way: nothing can be added. */
  isSealed = false;

  constructor(
    topicName: TopicName,
    n: number | undefined,
    messages: string[],
    settle: SettlePut,
    nextPart?: () => PutBatch | undefined,
  ) {
    super();
    this.#nextPart = nextPart;
    this.topic = topicName.name;
    this.#topicName = topicName;
    this.#n = n;
    this.messages = messages;
    this.#settle = settle;
    for (const message of messages) this.size += messageSize(message);
  }

  get calls(): number {
    return this.messages.length;
  }

  protected jsonFields(): string {
    this.isSealed = true;
    const { messages } = this;
    const messageField = messages.length === 1
      ? `"message":${JSON.stringify(messages[0])}`
      : `"messages":${JSON.stringify(messages)}`;
    const n = this.#n === undefined ? "" : `,"n":${this.#n}`;
    return `"topic":${this.#topicName.json},${messageField}${n}`;
  }

  /**
   * A server that came back with smaller limits takes smaller lists, and messages that are too large not at all: it
   * would close the connection for one of them, or refuse a whole list.
   */
  override split(limits: Limits, maxSize: number): readonly PutBatch[] {
    const { messageBytes } = limits;
    const maxCalls = Math.min(limits.inFlight, limits.frameRequests);
    // Of a list under suspicion each message goes alone.
    const maxPartSize = this.isSuspect ? 0 : maxSize;
    const isTooLarge = this.messages.map((message) => exceedsMessageBytes(message, messageBytes));
    const fitsWhole = this.calls <= maxCalls && (this.calls === 1 || this.size <= maxPartSize);
    if (fitsWhole && !isTooLarge.includes(true)) return [this];
    const parts: PutBatch[] = [];
    for (let begin = 0, end; begin < this.calls; begin = end) {
      end = begin + 1;
      if (isTooLarge[begin]) {
        this.#settle(begin, this.#tooLargeFailure(messageBytes));
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

  onReply({ seq, seqs, dup }: Reply): void {
    const { calls } = this;
    const found = calls === 1 && seq !== undefined ? [seq] : seqs;
    const isValid = found?.length === calls && (dup || areIncreasing(found));
    if (!isValid) throw protocolError("put", this.topic);
    for (let i = 0; i < calls; i++) this.#settle(i, found[i]!);
  }

  override onErrorReply(error: DsmqError): void {
    const outcomeCount = error.outcomes?.length ?? this.calls;
    if (outcomeCount !== this.calls) throw protocolError("put", this.topic);
    this.onError(error);
  }

  /** What was not made of its list fails with it. */
  onError(error: DsmqError): void {
    this.#settleFailed(error);
    for (let part = this.nextPart(); part; part = part.nextPart()) part.#settleFailed(error);
  }

  /** Some may have been stored all the same: then the error says what became of each. */
  #settleFailed(error: DsmqError): void {
    const { topic } = this;
    const details = error.limit === undefined ? { topic } : { topic, limit: error.limit };
    /** By code: what is said once holds for all that failed with it. */
    const failures = new NameMap<DsmqError>();
    for (let i = 0; i < this.calls; i++) {
      const outcome = error.outcomes?.[i];
      if (typeof outcome === "number") this.#settle(i, outcome);
      else if (outcome === undefined) this.#settle(i, error);
      else {
        const { code, message } = outcome;
        let failure = failures.get(code);
        if (!failure || (message !== "" && message !== failure.message)) {
          const same = code === error.code;
          const reason = message !== "" ? message : same ? error.message : "Cannot put message";
          failure = new DsmqError(code, reason, same ? details : { topic });
          failures.set(code, failure);
        }
        this.#settle(i, failure);
      }
    }
  }

  #sizeAt(index: number): number {
    return messageSize(this.messages[index]!);
  }

  #part(begin: number, end: number): PutBatch {
    const n = this.#n === undefined ? undefined : this.#n + begin;
    const settle: SettlePut = (index, outcome) => this.#settle(begin + index, outcome);
    const part = new PutBatch(this.#topicName, n, this.messages.slice(begin, end), settle);
    part.isSent = this.isSent;
    part.known = this.known;
    part.isSuspect = this.isSuspect;
    part.callOrder = this.callOrder;
    return part;
  }

  #tooLargeFailure(limit: number): DsmqError {
    const { topic } = this;
    if (!this.isSent) return tooLargeError(topic, limit);
    return new DsmqError(
      "unknown_outcome",
      "Cannot tell whether the message is stored: the server does not take one of its size any more",
      { topic },
    );
  }
}

/** Messages that were put one after another. */
export class GrowingPutBatch extends PutBatch {
  /** What resolves the promise of each message. */
  readonly #resolvers: ((seq: number | PromiseLike<number>) => void)[];

  constructor(topicName: TopicName, n: number | undefined) {
    const resolvers: ((seq: number | PromiseLike<number>) => void)[] = [];
    super(topicName, n, [], (index, outcome) => {
      if (outcome instanceof DsmqError) rejectWithCallerStack(resolvers[index]!, outcome);
      else resolvers[index]!(outcome);
    });
    this.#resolvers = resolvers;
  }

  add(message: string): Promise<number> {
    this.messages.push(message);
    this.size += messageSize(message);
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }
}

function areIncreasing(seqs: readonly number[]): boolean {
  for (let i = 1; i < seqs.length; i++) if (!(seqs[i]! > seqs[i - 1]!)) return false;
  return true;
}

/** Says that a message is larger than the server takes now. */
export function tooLargeError(topic: string, limit: number): DsmqError {
  const message = `Cannot put message: the server takes messages of up to ${limit} bytes now`;
  return new DsmqError("too_large", message, { topic, limit });
}

/** Whether a message is larger. A character takes up to six bytes: the size of a short one need not be known. */
export function exceedsMessageBytes(message: string, messageBytes: number): boolean {
  return 6 * message.length + 2 > messageBytes && encodeBody(message).bytes > messageBytes;
}

/** What a message takes in a request, in characters. */
export function messageSize(message: string): number {
  return message.length + MESSAGE_OVERHEAD;
}
