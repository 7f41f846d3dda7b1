/**
 * What the server is asked for, and what becomes of it.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { DsmqError, type DsmqErrorDetails, type ErrorCode } from "../protocol/errors.ts";

/** Something that leaves in a frame. */
export interface Leaving {
  /** About its length, in characters. */
  readonly size: number;
  /** For how many calls it stands that the server does at once; one that only waits counts nothing. */
  readonly calls: number;
  /** It leaves now: what it says, as JSON. */
  leave(): string;
}

/** Something that was asked for: it is answered or fails, once. While it is neither, a new connection asks again. */
export abstract class Asked implements Leaving {
  /** What is asked for, and of which topic. */
  abstract readonly action: string;
  abstract readonly topic: string | undefined;
  /** Under which id; the link gives it. */
  id = 0;
  /** It has left, at least once. */
  sent = false;
  /** A sequence number that was given before it left for the first time. */
  known = 0;

  abstract readonly calls: number;
  abstract readonly size: number;

  /** What it says beside its action and id, as members of a JSON object. */
  protected abstract members(): string;

  abstract answered(answer: Answer): void;
  abstract failed(error: DsmqError): void;

  /** There is a new connection: whether to ask again. If not, it has seen to itself. */
  again(): boolean {
    return true;
  }

  leave(): string {
    this.sent = true;
    const members = this.members();
    const head = `{"action":"${this.action}","id":${this.id}`;
    return members === "" ? `${head}}` : `${head},${members}}`;
  }
}

/** Says something that has no answer. */
export class Told implements Leaving {
  readonly calls = 0;
  readonly #text: string;

  /** Says it with these members of a JSON object. */
  constructor(action: string, members = "") {
    this.#text = members === "" ? `{"action":"${action}"}` : `{"action":"${action}",${members}}`;
  }

  get size(): number {
    return this.#text.length;
  }

  leave(): string {
    return this.#text;
  }
}

/** Takes what a stream brings. */
export interface Stream {
  /** A frame of messages, or the error that ends it. */
  arrived(answer: Answer): void;
  /** The stream has brought all up to there, though none of it may be of its topic. */
  readThrough(seq: number): void;
  /** The connection is gone for good, by this side's own doing or not. */
  broken(error: DsmqError, own: boolean): void;
}

/** A request of which something is made. */
export class Request<T> extends Asked {
  readonly action: string;
  readonly topic: string | undefined;
  readonly calls: number = 1;
  readonly #members: string;
  readonly #make: (answer: Answer) => T;
  readonly #resolve: (made: T) => void;
  readonly failed: (error: unknown) => void;

  /**
   * Makes a request.
   *
   * @param action what is asked for
   * @param topic of which topic, for errors
   * @param members what it says
   * @param make makes of the answer what was asked for; what it throws is a failure, too
   * @param resolve takes what was made
   * @param reject takes a failure
   */
  constructor(
    action: string,
    topic: string | undefined,
    members: string,
    make: (answer: Answer) => T,
    resolve: (made: T) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.action = action;
    this.topic = topic;
    this.#members = members;
    this.#make = make;
    this.#resolve = resolve;
    this.failed = reject;
  }

  get size(): number {
    return this.#members.length;
  }

  protected members(): string {
    return this.#members;
  }

  /** To stop a server that has just started again would be too much. */
  override again(): boolean {
    if (this.action !== "shutdown") return true;
    const message = "Cannot shut down: the connection broke before the answer";
    this.failed(new DsmqError("unknown_outcome", message));
    return false;
  }

  answered(answer: Answer): void {
    try {
      this.#resolve(this.#make(answer));
    } catch (error) {
      this.failed(error);
    }
  }
}

/** What an object says, as the members of a JSON object. */
export function members(fields: object): string {
  return JSON.stringify(fields).slice(1, -1);
}

/** The server answered, but not what was asked. */
export function badAnswer(action: string, topic?: string): DsmqError {
  const details = topic === undefined ? {} : { topic };
  return new DsmqError(
    "bad_answer",
    `Cannot ${action}: the server's answer is not of the protocol`,
    details,
  );
}

/** An error that came over the wire, as the caller gets it. */
export function toDsmqError(
  { code, message, ...details }: { code: ErrorCode; message: string } & DsmqErrorDetails,
  topic?: string,
): DsmqError {
  return new DsmqError(code, message, topic === undefined ? details : { ...details, topic });
}
