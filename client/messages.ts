/**
 * Messages, as putters give them and readers get them.
 *
 * @module
 */

import type { MessageAttributes } from "../protocol/attributes.ts";
import type { Message } from "../protocol/message.ts";

export type { Message } from "../protocol/message.ts";

/** What a putter says of a message besides its body. */
export interface PutOptions extends MessageAttributes {}

/** A message of a list that has attributes. */
export interface MessageInit extends PutOptions {
  /** Its text, any string. */
  readonly body: string;
}

/** All topics that begin with a text, such as `"orders."`; with `""` all topics there are, and all that will be. */
export interface Prefix {
  /** What the names of the topics begin with, as text, not as a pattern: each character stands for itself. */
  readonly prefix: string;
}

/** The messages of a topic, or of all topics with a prefix, one after another; read it with `for await`. It can be read only once. */
export type MessageStream = AsyncIterableIterator<Message, undefined> & AsyncDisposable;
