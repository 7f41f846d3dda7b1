/**
 * One request that puts messages into one topic.
 *
 * @module
 */

import { type EncodedAttributes, MAX_ATTRIBUTE_FIELDS } from "../protocol/attributes.ts";
import { exceedsMessageBytes } from "../protocol/body.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { ResultReply } from "../protocol/replies.ts";
import { PendingRequest, protocolError, requireKind } from "./pending_request.ts";
import {
  isUnseen,
  maybeStoredError,
  type PutResult,
  resultsOf,
  tooLargeError,
} from "./put_errors.ts";
import { rejectWithCallerStack } from "./rejection.ts";
import type { TopicName } from "./topic_names.ts";

/** A message in a list has two quotes and a comma. */
const BODY_OVERHEAD = 3;

/** Takes the outcome of a message of a request, by its index: its sequence number, or an error. */
export type SettlePut = (index: number, outcome: PutResult) => void;

/** The attributes of each message of a list; `undefined` if none has any. */
export type AttributeList = readonly (EncodedAttributes | undefined)[] | undefined;

/**
 * The characters that a message takes in a request.
 *
 * @param body its text
 * @param attributes its attributes, if it has any
 */
export function putSize(body: string, attributes: EncodedAttributes | undefined): number {
  const size = body.length + BODY_OVERHEAD;
  return attributes === undefined ? size : size + attributes.json.length + 1;
}

/**
 * Whether a message is larger than the server accepts.
 *
 * @param body its text
 * @param attributes its attributes, if it has any
 * @param messageBytes the limit
 */
export function exceedsLimit(
  body: string,
  attributes: EncodedAttributes | undefined,
  messageBytes: number,
): boolean {
  const left = attributes === undefined ? messageBytes : messageBytes - attributes.bytes;
  return exceedsMessageBytes(body, left);
}

/** One request that puts messages into one topic. */
export class PutBatch extends PendingRequest {
  readonly action = "put";
  readonly topic: string;
  size = 0;
  protected readonly bodies: string[];
  protected attributes: AttributeList;
  readonly #topicName: TopicName;
  /** The number of the first message; the others have those after it. */
  readonly #n: number | undefined;
  readonly #settle: SettlePut;
  /** Makes the next part of its list, unless it is the last or that was made. */
  #nextPart: (() => PutBatch | undefined) | undefined;
  /** It was encoded, and may have been sent: nothing can be added. */
  isSealed = false;
  /** It was sent before, on another connection. */
  #isRepeated = false;

  constructor(
    topicName: TopicName,
    n: number | undefined,
    bodies: string[],
    attributes: AttributeList,
    settle: SettlePut,
    nextPart?: () => PutBatch | undefined,
  ) {
    super();
    this.#nextPart = nextPart;
    this.topic = topicName.name;
    this.#topicName = topicName;
    this.#n = n;
    this.bodies = bodies;
    this.attributes = attributes;
    this.#settle = settle;
    for (let i = 0; i < bodies.length; i++) this.size += this.#sizeAt(i);
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
    const attributes = this.attributes === undefined ? "" : this.#attributesField();
    return `${this.#topicName.jsonField},${bodyField}${attributes}${n}`;
  }

  #attributesField(): string {
    const list = this.attributes!.map((attributes) => attributes?.json ?? "null").join();
    return `,"attributes":${this.calls === 1 ? list : `[${list}]`}`;
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
    const isTooLarge = this.bodies.map((body, i) =>
      exceedsLimit(body, this.attributes?.[i], messageBytes)
    );
    const fitsWhole = this.calls <= maxCalls && (this.calls === 1 || this.size <= maxPartSize);
    if (fitsWhole && !isTooLarge.includes(true)) return [this];
    const parts: PutBatch[] = [];
    for (let begin = 0, end; begin < this.calls; begin = end) {
      end = begin + 1;
      if (isTooLarge[begin]) {
        const { isSent, topic } = this;
        const error = isSent
          ? maybeStoredError(topic)
          : tooLargeError(topic, messageBytes, this.bodies[begin]!, this.attributes?.[begin]);
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

  override onReconnect(): boolean {
    this.#isRepeated = this.isSent;
    return true;
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
    for (let i = 0; i < results.length; i++) {
      const result = results[i]!;
      const isUnknown = this.#isRepeated && isUnseen(result);
      this.#settle(i, isUnknown ? maybeStoredError(this.topic) : result);
    }
  }

  #sizeAt(index: number): number {
    return putSize(this.bodies[index]!, this.attributes?.[index]);
  }

  #part(begin: number, end: number): PutBatch {
    const n = this.#n === undefined ? undefined : this.#n + begin;
    const settle: SettlePut = (index, outcome) => this.#settle(begin + index, outcome);
    const bodies = this.bodies.slice(begin, end);
    const attributes = this.attributes?.slice(begin, end);
    const part = new PutBatch(this.#topicName, n, bodies, attributes, settle);
    part.isSent = this.isSent;
    part.#isRepeated = this.#isRepeated;
    part.known = this.known;
    part.isSuspect = this.isSuspect;
    part.callOrder = this.callOrder;
    return part;
  }
}

/** A request that grows while messages are put into the same topic one after another. */
export class GrowingPutBatch extends PutBatch {
  /** Resolve the promises of the messages. */
  readonly #resolvers: ((seq: number | PromiseLike<number>) => void)[];
  /** How many fields the attributes of its messages have. */
  #fields = 0;
  #list: (EncodedAttributes | undefined)[] | undefined;

  constructor(topicName: TopicName, n: number | undefined) {
    const resolvers: ((seq: number | PromiseLike<number>) => void)[] = [];
    super(topicName, n, [], undefined, (index, outcome) => {
      if (outcome instanceof DsmqError) rejectWithCallerStack(resolvers[index]!, outcome);
      else resolvers[index]!(outcome);
    });
    this.#resolvers = resolvers;
  }

  /** Whether a message with these attributes may be added. */
  takes(attributes: EncodedAttributes | undefined): boolean {
    return attributes === undefined || this.#fields + attributes.fields <= MAX_ATTRIBUTE_FIELDS;
  }

  /** Adds a message. */
  add(body: string, attributes: EncodedAttributes | undefined): Promise<number> {
    this.bodies.push(body);
    this.size += putSize(body, attributes);
    if (attributes !== undefined || this.attributes !== undefined) this.#addAttributes(attributes);
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }

  #addAttributes(attributes: EncodedAttributes | undefined): void {
    this.#fields += attributes?.fields ?? 0;
    // The messages before it have none.
    const list = this.#list ??= new Array<undefined>(this.calls - 1).fill(undefined);
    list.push(attributes);
    this.attributes = list;
  }
}
