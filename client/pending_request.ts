/**
 * Requests to the server, from the call to the outcome.
 *
 * @module
 */

import { DsmqError, type PutOutcome, type WireError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/client_limits.ts";
import type { ResultReply, StreamReply } from "../protocol/replies.ts";
import { escapeControls } from "../protocol/text.ts";
import { verbOf } from "./connection_end.ts";
import type { KnownSeq } from "./known_position.ts";
import type { GapError } from "./reading.ts";
import { rejectWithCallerStack } from "./rejection.ts";

/** A request that ends once, with a reply or an error. Until then it is sent again on each new socket. */
export abstract class PendingRequest {
  /** The action, and its topic. */
  abstract readonly action: string;
  abstract readonly topic: string | undefined;
  /** Roughly its size in characters. */
  abstract readonly size: number;
  /** For how many requests it counts in the window: a put counts each message. */
  abstract readonly calls: number;
  /** Its id on the present socket. */
  id = 0;
  /** It was sent, on this socket or an earlier one. */
  isSent = false;
  /** Of a put: the position that the client knew before it was sent for the first time. */
  known: KnownSeq | undefined;
  /** How often the connection broke while it was unanswered. */
  disconnects = 0;
  /** A connection was closed for what it carried, and that may have been this request: it is sent alone. */
  isSuspect = false;
  /** Nobody needs it any more: it is not sent. */
  isWithdrawn = false;
  /** Its position among the requests sent on this socket, from 1 on; 0 if it was not sent. */
  sendOrder = 0;
  /** Its position among all requests that were ever made. */
  callOrder = 0;
  /** The characters that it takes of the window. */
  weight = 0;

  /** Its fields other than action and id, as members of a JSON object. */
  protected abstract jsonFields(): string;

  /**
   * Takes the reply.
   *
   * @throws {DsmqError} `protocol_error`, before anything is changed, if it is not what was asked for
   */
  abstract onReply(reply: ResultReply): void;
  abstract onError(error: unknown): void;

  /** The server may answer it later than requests that were sent after it. */
  get isWait(): boolean {
    return false;
  }

  /** What its caller did, for errors. */
  get verb(): string {
    return verbOf(this.action);
  }

  /** The caller waits for the outcome. */
  get isAwaited(): boolean {
    return true;
  }

  /** The caller closes the connection: a wait ends. */
  abandon(error: unknown): void {
    this.onError(error);
  }

  /**
   * Takes an error of the server. Throws as {@linkcode PendingRequest.onReply} does.
   *
   * @param error the error
   * @param _through at a gap: reading continues after this sequence number
   */
  onErrorReply(error: DsmqError, _through: number | undefined): void {
    this.onError(error);
  }

  /** There is a new socket. Returns whether to send it again; if not, it has ended. */
  onReconnect(): boolean {
    return true;
  }

  /**
   * Splits it to fit the server's limits; mostly it stays as it is.
   *
   * @param _limits the limits of the server
   * @param _size the size of a request in characters, unless a single message is larger
   */
  split(_limits: Limits, _size: number): readonly PendingRequest[] {
    return [this];
  }

  /** The next part of a list whose first part was sent. Returned once. */
  nextPart(): PendingRequest | undefined {
    return undefined;
  }

  /** The request as JSON. */
  encode(): string {
    const fields = this.jsonFields();
    const head = `{"action":"${this.action}","id":${this.id}`;
    return fields === "" ? `${head}}` : `${head},${fields}}`;
  }
}

/** Takes the messages of a stream. */
export interface StreamHandler {
  /** What it does, as it follows "Cannot" in the error that ends it. */
  readonly activity: string;
  /** Takes messages, or the error that ends the stream. Throws if they are not of the protocol; the stream has ended then. */
  onStreamFrame(reply: StreamReply): void;
  /**
   * The connection has ended for good; `isOwnClose` if this side closes it. Returns whether it still takes what is on the way: then this
   * is called again.
   */
  onStreamEnd(error: DsmqError, isOwnClose: boolean): boolean;
}

/** A request with one reply, which is turned into a result. */
export class SimpleRequest<T, Kind extends ResultReply["kind"]> extends PendingRequest {
  readonly action: string;
  readonly topic: string | undefined;
  readonly calls: number;
  readonly #members: string;
  readonly #kind: Kind;
  readonly #parse: (reply: Extract<ResultReply, { readonly kind: Kind }>) => T;
  readonly #resolve: (value: T | PromiseLike<T>) => void;

  /**
   * Makes a request.
   *
   * @param action the action
   * @param jsonFields its fields
   * @param kind the kind of its reply
   * @param parse turns the reply into the result; what it throws is an error of the protocol
   * @param resolve resolves the caller's promise
   * @param calls as {@linkcode PendingRequest.calls}
   */
  constructor(
    action: string,
    jsonFields: string,
    kind: Kind,
    parse: (reply: Extract<ResultReply, { readonly kind: Kind }>) => T,
    resolve: (value: T | PromiseLike<T>) => void,
    calls = 1,
  ) {
    super();
    this.action = action;
    this.topic = undefined;
    this.calls = calls;
    this.#members = jsonFields;
    this.#kind = kind;
    this.#parse = parse;
    this.#resolve = resolve;
  }

  get size(): number {
    return this.#members.length;
  }

  protected jsonFields(): string {
    return this.#members;
  }

  /** A `shutdown` must not stop a server that has restarted; and a probe concerns one socket. */
  override onReconnect(): boolean {
    if (this.action === "heartbeat") return false;
    if (this.action !== "shutdown" || !this.isSent) return true;
    const message = "Cannot shut down: the connection broke before the answer";
    this.onError(new DsmqError("unknown_outcome", message));
    return false;
  }

  onReply(reply: ResultReply): void {
    this.#resolve(this.#parse(requireKind(reply, this.#kind, this)));
  }

  onError(error: unknown): void {
    rejectWithCallerStack(this.#resolve, error);
  }
}

/**
 * Makes a simple request.
 *
 * @param requests sends it
 * @param action the action
 * @param jsonFields its fields
 * @param kind the kind of its reply
 * @param map turns the reply into the result; what it throws is an error of the protocol
 * @returns the result
 */
export function askServer<Kind extends ResultReply["kind"], T>(
  requests: { send(request: PendingRequest): void },
  action: string,
  jsonFields: string,
  kind: Kind,
  map: (reply: Extract<ResultReply, { readonly kind: Kind }>) => T,
): Promise<T> {
  return new Promise((resolve) => {
    requests.send(new SimpleRequest(action, jsonFields, kind, map, resolve));
  });
}

/** The fields of an object as the members of a JSON object, without braces. */
export function jsonFields(fields: object): string {
  return JSON.stringify(fields).slice(1, -1);
}

/**
 * Checks the kind of a reply.
 *
 * @param reply the reply
 * @param kind the kind that was asked for
 * @param asked the request
 * @returns the reply
 * @throws {DsmqError} `protocol_error`, if it is of another kind
 */
export function requireKind<Kind extends ResultReply["kind"]>(
  reply: ResultReply,
  kind: Kind,
  { verb, topic }: Pick<PendingRequest, "verb" | "topic">,
): Extract<ResultReply, { readonly kind: Kind }> {
  if (reply.kind !== kind) throw protocolError(verb, topic);
  return reply as Extract<ResultReply, { readonly kind: Kind }>;
}

/** The error of a reply that is not what was asked for. */
export function protocolError(
  verb: string,
  topic?: string,
  reason: string = "the server's reply violates the protocol",
): DsmqError {
  return new DsmqError("protocol_error", `Cannot ${verb}: ${reason}`, { topic });
}

/** The longest message of a server that is shown, in characters. */
const MAX_SENTENCE_LENGTH = 2000;

/** A message of a server, cut where it is too long, with control characters escaped. */
export function printableSentence(sentence: string): string {
  const shortened = sentence.slice(0, MAX_SENTENCE_LENGTH);
  return escapeControls(shortened.length < sentence.length ? `${shortened}…` : shortened);
}

/**
 * Turns an error of the wire into the one that the caller gets: known fields only, and a message that can be shown.
 *
 * @param error the error
 * @param topic the topic that the call named
 * @param request what it answers: the message names the call, where it named the action of the wire
 */
export function toDsmqError(
  error: WireError,
  topic?: string,
  request?: Pick<PendingRequest, "action" | "verb">,
): DsmqError {
  const { code, limit, after, floor, last, outcomes } = error;
  const named = request && `Cannot ${request.action}:`;
  const message = named !== undefined && error.message.startsWith(named)
    ? `Cannot ${request!.verb}:${error.message.slice(named.length)}`
    : error.message;
  return new DsmqError(code, printableSentence(message), {
    limit,
    after,
    floor,
    last,
    topic,
    outcomes: outcomes?.map(printableOutcome),
  });
}

function printableOutcome(outcome: PutOutcome): PutOutcome {
  if (typeof outcome === "number") return outcome;
  return { code: outcome.code, message: printableSentence(outcome.message) };
}

/** Whether an error means that messages are missing, or that one cannot be received: reading continues after it. */
export function isGap(error: DsmqError): error is GapError {
  const { code } = error;
  return code === "trimmed" || code === "ahead" || code === "epoch_changed" || code === "refused";
}
