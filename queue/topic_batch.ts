/**
 * New messages of one topic, or of topics with one prefix, and the listeners that get them.
 *
 * @module
 */

import { streamBody, streamEnd, streamHead, streamTopics } from "../protocol/encode_replies.ts";
import { SharedSuffix } from "../protocol/shared_suffix.ts";
import type { TopicMessage } from "../stores/store.ts";

/** New messages of one topic, or of topics with one prefix, as the feed delivers them. */
export class TopicBatch {
  /** The messages, oldest first; at least one. */
  readonly messages: readonly TopicMessage[];
  /** It says of each message which topic it is of. */
  readonly isNamed: boolean;
  #bytes: number | undefined;
  #topics: string | undefined;
  #text: string | undefined;
  #head: string | undefined;
  #suffix: SharedSuffix | undefined;

  /** Wraps messages of one topic; or of several, which it names if `named` is set. */
  constructor(messages: readonly TopicMessage[], named: boolean = false) {
    this.messages = messages;
    this.isNamed = named;
  }

  /** How much of a subscriber's credit they take. */
  get bytes(): number {
    return this.#bytes ??= sumBytes(this.messages);
  }

  /** The field that names their topics, if there is one. */
  get topics(): string {
    return this.#topics ??= this.isNamed ? streamTopics(this.messages) : "";
  }

  /** The messages as they are streamed, serialised once for all subscribers. */
  get text(): string {
    return this.#text ??= streamBody(this.messages, this.bytes, this.topics);
  }

  /** The same in two parts, for large messages: what comes before the bodies. */
  get head(): string {
    return this.#head ??= streamHead(this.messages, this.bytes, this.topics);
  }

  /** What comes after the bodies: attributes, if there are some, and brackets. */
  get end(): string {
    return streamEnd(this.messages);
  }

  /** How long the attributes are together, in characters. */
  get attributeCharacters(): number {
    return this.messages.reduce((sum, { attributes }) => sum + (attributes?.length ?? 0), 0);
  }

  /** The bodies, and what comes after them. */
  get suffix(): SharedSuffix {
    return this.#suffix ??= new SharedSuffix(
      this.messages.map(({ body }) => body).join(),
      this.end,
    );
  }
}

/** Listens for the messages of a topic, or of a prefix. */
export interface TopicListener {
  /** Takes new messages. */
  onMessages(batch: TopicBatch): void;
  /** The feed was interrupted after it had brought everything up to a number: read again from there. */
  resync(through: number): void;
}

/** The size of all messages with their attributes, in bytes of their JSON encoding in UTF-8. */
export function sumBytes(messages: readonly TopicMessage[]): number {
  return messages.reduce((sum, { bytes }) => sum + bytes, 0);
}
