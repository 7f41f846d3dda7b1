/**
 * Messages, as putters give them and readers get them.
 *
 * @module
 */

import type { MessageAttributes } from "../protocol/attributes.ts";

/** What a putter says of a message besides its body. */
export interface PutOptions extends MessageAttributes {}

/** A message of a list that has attributes. */
export interface MessageInit extends PutOptions {
  /** Its text, any string. */
  readonly body: string;
}

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

/** All topics that begin with a text, such as `"orders."`; with `""` all topics there are, and all that will be. */
export interface Prefix {
  /** What the names of the topics begin with, as text, not as a pattern: each character stands for itself. */
  readonly prefix: string;
}

/** The messages of a topic, or of all topics with a prefix, one after another; read it with `for await`. It can be read only once. */
export type MessageStream = AsyncIterableIterator<Message, undefined> & AsyncDisposable;
