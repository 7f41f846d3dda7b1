/**
 * What the server is asked for, and what becomes of it.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";
import { DsmqError, type PutOutcome, type WireError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import { escapeControls } from "../protocol/text.ts";
import { actionInWords } from "./connection_end.ts";
import type { KnownSeq } from "./known_position.ts";
import { rejectWithCallerStack } from "./rejection.ts";

/** Something that was asked for: it is answered or fails, once. While it is neither, a new connection asks again. */
export abstract class PendingRequest {
  /** What is asked for, and of which topic. */
  abstract readonly action: string;
  abstract readonly topic: string | undefined;
  /** About how many characters it takes. */
  abstract readonly size: number;
  /** For how many requests or messages it stands, of those that may be unanswered. */
  abstract readonly calls: number;
  /** It may wait for its answer while the server goes on with what comes after it. */
  readonly isWait: boolean = false;
  /** Under which id, on this connection. */
  id = 0;
  /** It has left, on this connection or an earlier one. */
  isSent = false;
  /** Of a put: what the client knew before it left for the first time. */
  known: KnownSeq | undefined;
  /** How often its connection broke before it was done. */
  disconnects = 0;
  /** Its connection was closed for what it carried, and that may have been this: it goes alone. */
  isSuspect = false;
  /** Nobody is interested any more: it does not leave. */
  isWithdrawn = false;
  /** Its place among all that were sent on this connection, from 1 on; 0 if it was not. */
  sendOrder = 0;
  /** Its place among all that was ever asked. */
  callOrder = 0;
  /** What it takes of the window while it is unanswered. */
  weight = 0;

  /** What it says beside its action and id, as members of a JSON object. */
  protected abstract jsonFields(): string;

  /**
   * It is answered with what was asked for.
   *
   * @throws {DsmqError} `protocol_error`, before anything was made of it, if it is not that
   */
  abstract onReply(reply: Reply): void;
  abstract onError(error: unknown): void;

  /** Somebody waits for the outcome. */
  get isAwaited(): boolean {
    return true;
  }

  /** The connection is closed: what only waits is not waited for any more. */
  abandon(error: unknown): void {
    this.onError(error);
  }

  /** It is answered with an error. Throws as {@linkcode PendingRequest.onReply} does. */
  onErrorReply(error: DsmqError, _reply: Reply): void {
    this.onError(error);
  }

  /** There is a new connection: whether to ask again. If not, it has seen to itself. */
  onReconnect(): boolean {
    return true;
  }

  /**
   * The requests into which it has to be parted: itself, mostly.
   *
   * @param _limits what the server takes
   * @param _size no request is to be larger, in characters, unless it is for one message
   */
  split(_limits: Limits, _size: number): readonly PendingRequest[] {
    return [this];
  }

  /** It has left, and is the first part of something: what comes next. Given once. */
  nextPart(): PendingRequest | undefined {
    return undefined;
  }

  /** What leaves, as JSON. */
  encode(): string {
    const fields = this.jsonFields();
    const head = `{"action":"${this.action}","id":${this.id}`;
    return fields === "" ? `${head}}` : `${head},${fields}}`;
  }
}

/** Takes what a stream brings. */
export interface StreamHandler {
  /** A frame of messages, or the error that ends it. Throws if it is not of the protocol; the stream has ended then. */
  onStreamFrame(reply: Reply): void;
  /** The connection is gone for good, by this side's own doing or not. */
  onStreamEnd(error: DsmqError, isOwnClose: boolean): void;
}

/** A request of which something is made. */
export class SimpleRequest<T> extends PendingRequest {
  readonly action: string;
  readonly topic: string | undefined;
  readonly calls: number;
  readonly #members: string;
  readonly #parse: (reply: Reply) => T;
  readonly #resolve: (value: T | PromiseLike<T>) => void;

  /**
   * Makes a request.
   *
   * @param action what is asked for
   * @param jsonFields what it says
   * @param parse makes of the answer what was asked for, or throws that it is not of the protocol
   * @param resolve resolves the promise of the caller
   * @param calls as {@linkcode PendingRequest.calls}
   */
  constructor(
    action: string,
    jsonFields: string,
    parse: (reply: Reply) => T,
    resolve: (value: T | PromiseLike<T>) => void,
    calls = 1,
  ) {
    super();
    this.action = action;
    this.topic = undefined;
    this.calls = calls;
    this.#members = jsonFields;
    this.#parse = parse;
    this.#resolve = resolve;
  }

  get size(): number {
    return this.#members.length;
  }

  protected jsonFields(): string {
    return this.#members;
  }

  /** To stop a server that has just started again would be too much; and a probe is for one connection. */
  override onReconnect(): boolean {
    if (this.action === "heartbeat") return false;
    if (this.action !== "shutdown" || !this.isSent) return true;
    const message = "Cannot shut down: the connection broke before the answer";
    this.onError(new DsmqError("unknown_outcome", message));
    return false;
  }

  onReply(reply: Reply): void {
    this.#resolve(this.#parse(reply));
  }

  onError(error: unknown): void {
    rejectWithCallerStack(this.#resolve, error);
  }
}

/** What an object says, as the members of a JSON object. */
export function jsonFields(fields: object): string {
  return JSON.stringify(fields).slice(1, -1);
}

/** The server answered, but not what was asked. */
export function protocolError(
  action: string,
  topic?: string,
  reason: string = "the server's answer is not of the protocol",
): DsmqError {
  const details = topic === undefined ? {} : { topic };
  return new DsmqError("protocol_error", `Cannot ${actionInWords(action)}: ${reason}`, details);
}

/** The longest sentence of a server that is shown, in characters. */
const MAX_SENTENCE_LENGTH = 2000;

/** A sentence of a server, as far as it is not too long, without what a terminal would obey. */
export function printableSentence(sentence: string): string {
  const shortened = sentence.slice(0, MAX_SENTENCE_LENGTH);
  return escapeControls(shortened.length < sentence.length ? `${shortened}…` : shortened);
}

/** An error that came over the wire, as the caller gets it: what is known of it, and its sentence as it can be shown. */
export function toDsmqError(error: WireError, topic?: string): DsmqError {
  const { code, message, limit, position, floor, last, outcomes } = error;
  return new DsmqError(code, printableSentence(message), {
    ...(limit !== undefined && { limit }),
    ...(position !== undefined && { position }),
    ...(floor !== undefined && { floor }),
    ...(last !== undefined && { last }),
    ...(topic !== undefined && { topic }),
    ...(outcomes && { outcomes: outcomes.map(printableOutcome) }),
  });
}

function printableOutcome(outcome: PutOutcome): PutOutcome {
  if (typeof outcome === "number") return outcome;
  return { code: outcome.code, message: printableSentence(outcome.message) };
}

/** Whether an error says that messages are missing, or one does not arrive: reading goes on after it. */
export function isGap({ code }: DsmqError): boolean {
  return code === "trimmed" || code === "ahead" || code === "epoch_changed" || code === "refused";
}
