/**
 * Those who ask the server for something, and what they are told.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { DsmqError, type DsmqErrorDetails, type ErrorCode } from "../protocol/errors.ts";

/** Someone who asks the server for something, and takes the answer: one of the two, once. */
export interface Asker {
  /** What is asked for, and of which topic. */
  readonly action: string;
  readonly topic: string | undefined;
  /** The calls that it stands for. Default: 1. */
  readonly calls?: number;
  answered(answer: Answer): void;
  failed(error: DsmqError): void;
}

/** What a request says, which may grow until it leaves. */
export interface Growing {
  /** About its length, in characters. */
  readonly size: number;
  /** The members of a JSON object. */
  toString(): string;
}

/** Takes what a stream brings. */
export interface Stream {
  /** A frame of messages, or the error that ends it. */
  arrived(answer: Answer): void;
  /** The link is gone, by this side's own doing or not. */
  broken(error: DsmqError, own: boolean): void;
}

/** A request of which something is made. */
export class Request<T> implements Asker {
  readonly action: string;
  readonly topic: string | undefined;
  readonly #make: (answer: Answer) => T;
  readonly #resolve: (made: T) => void;
  readonly failed: (error: unknown) => void;

  /**
   * Makes a request.
   *
   * @param action what is asked for
   * @param topic of which topic, for errors
   * @param make makes of the answer what was asked for; what it throws is a failure, too
   * @param resolve takes what was made
   * @param reject takes a failure
   */
  constructor(
    action: string,
    topic: string | undefined,
    make: (answer: Answer) => T,
    resolve: (made: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.action = action;
    this.topic = topic;
    this.#make = make;
    this.#resolve = resolve;
    this.failed = reject;
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
