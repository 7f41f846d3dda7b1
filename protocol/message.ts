/**
 * A message, as readers and errors have it.
 *
 * @module
 */

import type { MessageAttributes } from "./attributes.ts";

/** A message as its reader gets it. The attributes are there only if the message was put with them. */
export interface Message extends MessageAttributes {
  /** The topic that it was put into. */
  readonly topic: string;
  /** The text that was put. */
  readonly body: string;
  /** Its sequence number: its place in the order of the whole store. */
  readonly seq: number;
  /**
   * Its sequence number and the history that it belongs to, as one text, `EPOCH:SEQ`. A program that saves it and gives it
   * to the next one as `since` goes on after this message there, and is told if what came after it is gone.
   */
  readonly position: string;
  /** When it was stored, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
}
