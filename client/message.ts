/**
 * A message as its reader gets it.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import { badAnswer } from "./asked.ts";

/** A message as its reader gets it. */
export interface Message {
  /** The topic it was put into. */
  readonly topic: string;
  /** What was put. */
  readonly body: string;
  /** Its sequence number: its place in the order of the whole store. */
  readonly seq: number;
  /** When it was stored, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
}

/**
 * Takes the message out of the answer to a read.
 *
 * @param topic what was read
 * @param answer what the server said
 * @returns the message, if there was one
 * @throws {DsmqError} `bad_answer`, if it is no answer to a read
 */
export function toMessage(
  topic: string,
  { message, seq, time = 0 }: Answer,
): Message | undefined {
  if (message === undefined) throw badAnswer("get", topic);
  return seq === undefined ? undefined : { topic, body: message, seq, time };
}
