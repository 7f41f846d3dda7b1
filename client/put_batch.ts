/**
 * Messages for one topic as one request.
 *
 * @module
 */

import { encodeBody } from "../protocol/body.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import type { ResultReply } from "../protocol/replies.ts";
import { PendingRequest, protocolError, requireKind } from "./pending_request.ts";
import { rejectWithCallerStack } from "./rejection.ts";
import type { TopicName } from "./topic_names.ts";

/** A message in a list has two quotes and a comma. */
const MESSAGE_OVERHEAD = 3;

/** Takes the outcome of a message of a request, by its index: its sequence number, or an error. */
export type SettlePut = (index: number, outcome: number | DsmqError) => void;

/** One request that puts messages into one topic. */
export class PutBatch extends PendingRequest {
  readonly action = "put";
  readonly topic: string;
  size = 0;
  protected readonly messages: string[];
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
   * A server may come back with smaller limits. Then lists are split, and messages that are too large fail here: the
   * server would close the connection for one of them, or reject a whole list.
   */
  override split(limits: Limits, maxSize: number): readonly PutBatch[] {
    const { messageBytes } = limits;
    const maxCalls = Math.min(limits.inFlight, limits.frameRequests);
    // Each message of a suspected list is sent alone.
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

  /** Some messages may be stored nevertheless: then the error lists the outcome of each. */
  #settleFailed(error: DsmqError): void {
    const { topic } = this;
    const details = error.limit === undefined ? { topic } : { topic, limit: error.limit };
    /** By code: one message of the server stands for all that failed with the same code. */
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
      "Cannot tell whether the message is stored: the server does not accept messages of its size any more",
      { topic },
    );
  }
}

/** A request that grows while messages are put into the same topic one after another. */
export class GrowingPutBatch extends PutBatch {
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

  add(message: string): Promise<number> {
    this.messages.push(message);
    this.size += messageSize(message);
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }
}

/** The error of a message that is larger than the server accepts by now. */
export function tooLargeError(topic: string, limit: number): DsmqError {
  const message = `Cannot put message: the server accepts messages of up to ${limit} bytes now`;
  return new DsmqError("too_large", message, { topic, limit });
}

/** Whether a message is larger than that. A character takes up to six bytes, so that short messages need not be measured. */
export function exceedsMessageBytes(message: string, messageBytes: number): boolean {
  return 6 * message.length + 2 > messageBytes && encodeBody(message).bytes > messageBytes;
}

/** The characters that a message takes in a request. */
export function messageSize(message: string): number {
  return message.length + MESSAGE_OVERHEAD;
}
