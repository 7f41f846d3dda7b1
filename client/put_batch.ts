/**
 * Messages for one topic as one request.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { encodeBody } from "../protocol/body.ts";
import { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";
import { Asked, badAnswer } from "./asked.ts";
import { reject } from "./rejection.ts";
import type { TopicName } from "./topic.ts";

/** Quotes and a comma stand around a message in a list. */
const AROUND = 3;

/** Takes what became of each message of a request, by its place in it: its sequence number, or an error. */
export type Settle = (place: number, outcome: number | DsmqError) => void;

/** Messages for one topic, as one request. */
export class PutBatch extends Asked {
  readonly action = "put";
  readonly topic: string;
  size = 0;
  protected readonly messages: string[];
  readonly #name: TopicName;
  /** The number of the first; the others have those after it. */
  readonly #n: number | undefined;
  readonly #settle: Settle;
  /** Makes the next part of its list, if there is one, and it was not made. */
  #rest: (() => PutBatch | undefined) | undefined;
  /** It was encoded, and what was may be on its way: nothing can be added. */
  sealed = false;

  constructor(
    name: TopicName,
    n: number | undefined,
    messages: string[],
    settle: Settle,
    rest?: () => PutBatch | undefined,
  ) {
    super();
    this.#rest = rest;
    this.topic = name.name;
    this.#name = name;
    this.#n = n;
    this.messages = messages;
    this.#settle = settle;
    for (const message of messages) this.size += sizeOf(message);
  }

  get calls(): number {
    return this.messages.length;
  }

  protected members(): string {
    this.sealed = true;
    const { messages } = this;
    const said = messages.length === 1
      ? `"message":${JSON.stringify(messages[0])}`
      : `"messages":${JSON.stringify(messages)}`;
    const n = this.#n === undefined ? "" : `,"n":${this.#n}`;
    return `"topic":${this.#name.json},${said}${n}`;
  }

  /**
   * A server that came back with smaller limits takes smaller lists, and messages that are too large not at all: it
   * would close the connection for one of them, or refuse a whole list.
   */
  override within(limits: Limits, largest: number): readonly PutBatch[] {
    const { messageBytes } = limits;
    const most = Math.min(limits.inFlight, limits.frameRequests);
    // Of a list under suspicion each message goes alone.
    const size = this.suspect ? 0 : largest;
    const tooLarge = this.messages.map((message) => isLarger(message, messageBytes));
    const fits = this.calls <= most && (this.calls === 1 || this.size <= size);
    if (fits && !tooLarge.includes(true)) return [this];
    const parts: PutBatch[] = [];
    for (let begin = 0, end; begin < this.calls; begin = end) {
      end = begin + 1;
      if (tooLarge[begin]) {
        this.#settle(begin, this.#refusal(messageBytes));
        continue;
      }
      for (let left = size - this.#sizeOf(begin); end < this.calls; end++) {
        left -= this.#sizeOf(end);
        if (left < 0 || end - begin === most || tooLarge[end]) break;
      }
      parts.push(this.#part(begin, end));
    }
    const last = parts.at(-1);
    if (last) last.#rest = this.#rest;
    else parts.push(...this.rest()?.within(limits, largest) ?? []);
    return parts;
  }

  override rest(): PutBatch | undefined {
    const rest = this.#rest?.();
    this.#rest = undefined;
    return rest;
  }

  answered({ seq, seqs, dup }: Answer): void {
    const { calls } = this;
    const found = calls === 1 && seq !== undefined ? [seq] : seqs;
    const good = found?.length === calls && (dup || areGrowing(found));
    if (!good) throw badAnswer("put", this.topic);
    for (let i = 0; i < calls; i++) this.#settle(i, found[i]!);
  }

  override refused(error: DsmqError): void {
    const told = error.outcomes?.length ?? this.calls;
    if (told !== this.calls) throw badAnswer("put", this.topic);
    this.failed(error);
  }

  /** What was not made of its list fails with it. */
  failed(error: DsmqError): void {
    this.#failed(error);
    for (let part = this.rest(); part; part = part.rest()) part.#failed(error);
  }

  /** Some may have been stored all the same: then the error says what became of each. */
  #failed(error: DsmqError): void {
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
          const why = message !== "" ? message : same ? error.message : "Cannot put message";
          failure = new DsmqError(code, why, same ? details : { topic });
          failures.set(code, failure);
        }
        this.#settle(i, failure);
      }
    }
  }

  #sizeOf(place: number): number {
    return sizeOf(this.messages[place]!);
  }

  #part(begin: number, end: number): PutBatch {
    const n = this.#n === undefined ? undefined : this.#n + begin;
    const settle: Settle = (place, outcome) => this.#settle(begin + place, outcome);
    const part = new PutBatch(this.#name, n, this.messages.slice(begin, end), settle);
    part.sent = this.sent;
    part.known = this.known;
    part.suspect = this.suspect;
    part.rank = this.rank;
    return part;
  }

  #refusal(limit: number): DsmqError {
    const { topic } = this;
    if (!this.sent) return tooLargeNow(topic, limit);
    return new DsmqError(
      "unknown_outcome",
      "Cannot tell whether the message is stored: the server does not take one of its size any more",
      { topic },
    );
  }
}

/** Messages that were put one after another. */
export class PutRun extends PutBatch {
  /** What resolves the promise of each message. */
  readonly #callers: ((seq: number | PromiseLike<number>) => void)[];

  constructor(name: TopicName, n: number | undefined) {
    const callers: ((seq: number | PromiseLike<number>) => void)[] = [];
    super(name, n, [], (place, outcome) => {
      if (outcome instanceof DsmqError) reject(callers[place]!, outcome);
      else callers[place]!(outcome);
    });
    this.#callers = callers;
  }

  add(message: string): Promise<number> {
    this.messages.push(message);
    this.size += sizeOf(message);
    return new Promise((resolve) => this.#callers.push(resolve));
  }
}

function areGrowing(seqs: readonly number[]): boolean {
  for (let i = 1; i < seqs.length; i++) if (!(seqs[i]! > seqs[i - 1]!)) return false;
  return true;
}

/** Says that a message is larger than the server takes now. */
export function tooLargeNow(topic: string, limit: number): DsmqError {
  const message = `Cannot put message: the server takes messages of up to ${limit} bytes now`;
  return new DsmqError("too_large", message, { topic, limit });
}

/** Whether a message is larger. A character takes up to six bytes: the size of a short one need not be known. */
export function isLarger(message: string, messageBytes: number): boolean {
  return 6 * message.length + 2 > messageBytes && encodeBody(message).bytes > messageBytes;
}

/** What a message takes in a request, in characters. */
export function sizeOf(message: string): number {
  return message.length + AROUND;
}
