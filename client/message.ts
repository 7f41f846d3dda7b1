/**
 * A message as its reader gets it.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";
import { protocolError } from "./pending_request.ts";

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
 * @throws {DsmqError} `protocol_error`, if it is no answer to a read
 */
export function toMessage(
  topic: string,
  { message, seq, time = 0 }: Reply,
): Message | undefined {
  if (message === undefined) throw protocolError("get", topic);
  return seq === undefined ? undefined : { topic, body: message, seq, time };
}
