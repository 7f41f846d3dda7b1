/**
 * Putting: messages for one topic that leave together are one request.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { encodeBody } from "../protocol/body.ts";
import { DsmqError, type PutOutcome } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { Asked, badAnswer } from "./asked.ts";
import type { Link } from "./link.ts";
import type { TopicName } from "./topic.ts";

/** A part of a list is no larger than this, in characters, or than one message. */
const PART_SIZE = 256 * 1024;

/** Quotes and a comma stand around a message in a list. */
const AROUND = 3;

/** Takes what became of each message of a request, by its place in it: its sequence number, or an error. */
type Settle = (place: number, outcome: number | DsmqError) => void;

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
    const last = this.#last;
    if (last?.topic === topic.name && !last.sealed && this.#link.canGrow(last)) {
      this.#link.number(1);
      const stored = last.add(message);
      this.#link.grew(message.length + AROUND);
      return stored;
    }
    const run = this.#last = new PutRun(topic, this.#link.number(1));
    const stored = run.add(message);
    this.#link.ask(run);
    return stored;
  }

  /**
   * Puts a list of messages, in parts if it is long.
   *
   * @param topic where to
   * @param messages what the server will take
   * @returns their sequence numbers; rejects with a `DsmqError` that says what became of each
   */
  async putMany(topic: TopicName, messages: readonly string[]): Promise<number[]> {
    if (messages.length === 0) return [];
    const outcomes: PutOutcome[] = [];
    const done = Promise.withResolvers<void>();
    let failure: DsmqError | undefined;
    let unsettled = messages.length;
    const most = Math.max(1, Math.floor(this.#link.limits.inFlight / 4));
    for (let begin = 0, end; begin < messages.length; begin = end) {
      let size = 0;
      for (end = begin; end < messages.length && end - begin < most; end++) {
        size += messages[end]!.length + AROUND;
        if (size > PART_SIZE && end > begin) break;
      }
      const first = begin;
      const settle: Settle = (place, outcome) => {
        if (outcome instanceof DsmqError) {
          failure ??= outcome;
          outcomes[first + place] = { code: outcome.code, message: outcome.message };
        } else outcomes[first + place] = outcome;
        if (--unsettled === 0) done.resolve();
      };
      const part = messages.slice(begin, end);
      this.#link.ask(new PutBatch(topic, this.#link.number(part.length), part, settle));
    }
    await done.promise;
    if (!failure) return outcomes as number[];
    const { code, message, limit } = failure;
    const details = limit === undefined ? {} : { limit };
    throw new DsmqError(code, message, { topic: topic.name, ...details, outcomes, cause: failure });
  }
}

/** Messages for one topic, as one request. */
class PutBatch extends Asked {
  readonly action = "put";
  readonly topic: string;
  size = 0;
  protected readonly messages: string[];
  readonly #name: TopicName;
  /** The number of the first; the others have those after it. */
  readonly #n: number | undefined;
  readonly #settle: Settle;
  /** It was encoded, and what was may be on its way: nothing can be added. */
  sealed = false;

  constructor(name: TopicName, n: number | undefined, messages: string[], settle: Settle) {
    super();
    this.topic = name.name;
    this.#name = name;
    this.#n = n;
    this.messages = messages;
    this.#settle = settle;
    for (const { length } of messages) this.size += length + AROUND;
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
  override within({ inFlight, messageBytes }: Limits, largest: number): readonly Asked[] {
    // Of a list under suspicion each message goes alone.
    const size = this.suspect ? 0 : largest;
    const tooLarge = this.messages.map((message) => isLarger(message, messageBytes));
    const fits = this.calls <= inFlight && (this.calls === 1 || this.size <= size);
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
        if (left < 0 || end - begin === inFlight || tooLarge[end]) break;
      }
      parts.push(this.#part(begin, end));
    }
    return parts;
  }

  answered({ seq, seqs }: Answer): void {
    const found: readonly unknown[] | undefined = this.calls === 1 ? [seq] : seqs;
    if (!Array.isArray(found) || found.length !== this.calls || !found.every(isNumber)) {
      return this.failed(badAnswer("put", this.topic));
    }
    found.forEach((seq, i) => this.#settle(i, seq));
  }

  /** Some may have been stored all the same: then the error says what became of each. */
  failed(error: DsmqError): void {
    const { topic } = this;
    const details = error.limit === undefined ? { topic } : { topic, limit: error.limit };
    for (let i = 0; i < this.calls; i++) {
      const outcome = error.outcomes?.[i];
      if (typeof outcome === "number" && Number.isSafeInteger(outcome)) this.#settle(i, outcome);
      else if (outcome === null || typeof outcome !== "object") this.#settle(i, error);
      else {
        const { code, message } = outcome;
        this.#settle(i, new DsmqError(code, message, code === error.code ? details : { topic }));
      }
    }
  }

  #sizeOf(place: number): number {
    return this.messages[place]!.length + AROUND;
  }

  #part(begin: number, end: number): PutBatch {
    const n = this.#n === undefined ? undefined : this.#n + begin;
    const settle: Settle = (place, outcome) => this.#settle(begin + place, outcome);
    const part = new PutBatch(this.#name, n, this.messages.slice(begin, end), settle);
    part.sent = this.sent;
    part.known = this.known;
    part.suspect = this.suspect;
    return part;
  }

  #refusal(limit: number): DsmqError {
    const { topic } = this;
    return this.sent
      ? new DsmqError(
        "unknown_outcome",
        "Cannot tell whether the message is stored: the server does not take one of its size any more",
        { topic },
      )
      : new DsmqError(
        "too_large",
        `Cannot put message: the server takes messages of up to ${limit} bytes now`,
        { topic, limit },
      );
  }
}

/** Messages that were put one after another. */
class PutRun extends PutBatch {
  readonly #callers: { resolve(seq: number): void; reject(error: DsmqError): void }[];

  constructor(name: TopicName, n: number | undefined) {
    const callers: { resolve(seq: number): void; reject(error: DsmqError): void }[] = [];
    super(name, n, [], (place, outcome) => {
      if (outcome instanceof DsmqError) callers[place]!.reject(outcome);
      else callers[place]!.resolve(outcome);
    });
    this.#callers = callers;
  }

  add(message: string): Promise<number> {
    this.messages.push(message);
    this.size += message.length + AROUND;
    return new Promise((resolve, reject) => this.#callers.push({ resolve, reject }));
  }
}

/** A character takes up to six bytes: the size of a short message need not be known. */
function isLarger(message: string, messageBytes: number): boolean {
  return 6 * message.length + 2 > messageBytes && encodeBody(message).bytes > messageBytes;
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
