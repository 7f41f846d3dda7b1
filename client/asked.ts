/**
 * What the server is asked for, and what becomes of it.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { DsmqError, type PutOutcome, type WireError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { escapeControls } from "../protocol/text.ts";
import { inWords } from "./failure.ts";
import type { Known } from "./known.ts";
import { reject } from "./rejection.ts";

/** Something that was asked for: it is answered or fails, once. While it is neither, a new connection asks again. */
export abstract class Asked {
  /** What is asked for, and of which topic. */
  abstract readonly action: string;
  abstract readonly topic: string | undefined;
  /** About how many characters it takes. */
  abstract readonly size: number;
  /** For how many requests or messages it stands, of those that may be unanswered. */
  abstract readonly calls: number;
  /** It may wait for its answer while the server goes on with what comes after it. */
  readonly waits: boolean = false;
  /** Under which id, on this connection. */
  id = 0;
  /** It has left, on this connection or an earlier one. */
  sent = false;
  /** Of a put: what the client knew before it left for the first time. */
  known: Known | undefined;
  /** How often its connection broke before it was done. */
  breaks = 0;
  /** Its connection was closed for what it carried, and that may have been this: it goes alone. */
  suspect = false;
  /** Nobody is interested any more: it does not leave. */
  withdrawn = false;
  /** Its place among all that were sent on this connection, from 1 on; 0 if it was not. */
  order = 0;
  /** Its place among all that was ever asked. */
  rank = 0;
  /** What it takes of the window while it is unanswered. */
  weight = 0;

  /** What it says beside its action and id, as members of a JSON object. */
  protected abstract members(): string;

  /**
   * It is answered with what was asked for.
   *
   * @throws {DsmqError} `bad_answer`, before anything was made of it, if it is not that
   */
  abstract answered(answer: Answer): void;
  abstract failed(error: unknown): void;

  /** Somebody waits for the outcome. */
  get wanted(): boolean {
    return true;
  }

  /** The connection is closed: what only waits is not waited for any more. */
  giveUp(error: unknown): void {
    this.failed(error);
  }

  /** It is answered with an error. Throws as {@linkcode Asked.answered} does. */
  refused(error: DsmqError, _answer: Answer): void {
    this.failed(error);
  }

  /** There is a new connection: whether to ask again. If not, it has seen to itself. */
  again(): boolean {
    return true;
  }

  /**
   * The requests into which it has to be parted: itself, mostly.
   *
   * @param _limits what the server takes
   * @param _size no request is to be larger, in characters, unless it is for one message
   */
  within(_limits: Limits, _size: number): readonly Asked[] {
    return [this];
  }

  /** It has left, and is the first part of something: what comes next. Given once. */
  rest(): Asked | undefined {
    return undefined;
  }

  /** What leaves, as JSON. */
  encode(): string {
    const members = this.members();
    const head = `{"action":"${this.action}","id":${this.id}`;
    return members === "" ? `${head}}` : `${head},${members}}`;
  }
}

/** Takes what a stream brings. */
export interface Stream {
  /** A frame of messages, or the error that ends it. Throws if it is not of the protocol; the stream has ended then. */
  arrived(answer: Answer): void;
  /** The connection is gone for good, by this side's own doing or not. */
  broken(error: DsmqError, own: boolean): void;
}

/** A request of which something is made. */
export class Request<T> extends Asked {
  readonly action: string;
  readonly topic: string | undefined;
  readonly calls: number;
  readonly #members: string;
  readonly #make: (answer: Answer) => T;
  readonly #resolve: (made: T | PromiseLike<T>) => void;

  /**
   * Makes a request.
   *
   * @param action what is asked for
   * @param members what it says
   * @param make makes of the answer what was asked for, or throws that it is not of the protocol
   * @param resolve resolves the promise of the caller
   * @param calls as {@linkcode Asked.calls}
   */
  constructor(
    action: string,
    members: string,
    make: (answer: Answer) => T,
    resolve: (made: T | PromiseLike<T>) => void,
    calls = 1,
  ) {
    super();
    this.action = action;
    this.topic = undefined;
    this.calls = calls;
    this.#members = members;
    this.#make = make;
    this.#resolve = resolve;
  }

  get size(): number {
    return this.#members.length;
  }

  protected members(): string {
    return this.#members;
  }

  /** To stop a server that has just started again would be too much; and a probe is for one connection. */
  override again(): boolean {
    if (this.action === "heartbeat") return false;
    if (this.action !== "shutdown" || !this.sent) return true;
    const message = "Cannot shut down: the connection broke before the answer";
    this.failed(new DsmqError("unknown_outcome", message));
    return false;
  }

  answered(answer: Answer): void {
    this.#resolve(this.#make(answer));
  }

  failed(error: unknown): void {
    reject(this.#resolve, error);
  }
}

/** What an object says, as the members of a JSON object. */
export function members(fields: object): string {
  return JSON.stringify(fields).slice(1, -1);
}

/** The server answered, but not what was asked. */
export function badAnswer(
  action: string,
  topic?: string,
  why: string = "the server's answer is not of the protocol",
): DsmqError {
  const details = topic === undefined ? {} : { topic };
  return new DsmqError("bad_answer", `Cannot ${inWords(action)}: ${why}`, details);
}

/** The longest sentence of a server that is shown, in characters. */
const MAX_SENTENCE = 2000;

/** A sentence of a server, as far as it is not too long, without what a terminal would obey. */
export function shownSentence(sentence: string): string {
  const short = sentence.slice(0, MAX_SENTENCE);
  return escapeControls(short.length < sentence.length ? `${short}…` : short);
}

/** An error that came over the wire, as the caller gets it: what is known of it, and its sentence as it can be shown. */
export function toDsmqError(error: WireError, topic?: string): DsmqError {
  const { code, message, limit, position, floor, last, outcomes } = error;
  return new DsmqError(code, shownSentence(message), {
    ...(limit !== undefined && { limit }),
    ...(position !== undefined && { position }),
    ...(floor !== undefined && { floor }),
    ...(last !== undefined && { last }),
    ...(topic !== undefined && { topic }),
    ...(outcomes && { outcomes: outcomes.map(shownOutcome) }),
  });
}

function shownOutcome(outcome: PutOutcome): PutOutcome {
  if (typeof outcome === "number") return outcome;
  return { code: outcome.code, message: shownSentence(outcome.message) };
}

/** Whether an error says that messages are missing, or one does not arrive: reading goes on after it. */
export function isGap({ code }: DsmqError): boolean {
  return code === "trimmed" || code === "ahead" || code === "epoch_changed" || code === "refused";
}
