/**
 * What a store is asked for, and the pages that it answers with.
 *
 * @module
 */

import type { EncodedMessage } from "../protocol/encode_replies.ts";

/** A stored message. */
export interface TopicMessage extends EncodedMessage {
  /** The topic that it was put into. */
  readonly topic: string;
  /** The length of `body` and `attributes` in bytes of UTF-8. */
  readonly bytes: number;
  /** Whose its `messageId` is, if it has one and that was asked for; absent also if the store does not know. */
  readonly identity?: string | undefined;
}

/** The newest message of a topic that is gone. */
export interface Gone {
  /** Its sequence number. */
  readonly seq: number;
  /** When it ceased to be readable, in the store's time. A purge is a fraction of a millisecond later than the one before it. */
  readonly at: number;
}

/** What a page holds at most. */
export interface PageQuery {
  /** Only messages with a larger sequence number. */
  readonly after: number;
  /** At most this many messages, at least 1. */
  readonly count: number;
  /** At most this many bytes of bodies and attributes; but one message is always returned, however large. */
  readonly bytes: number;
  /** Also return what is gone of what is asked for. */
  readonly gone?: boolean;
  /** With `gone`: what was gone by this time does not count. Default: all that is gone does. */
  readonly asOf?: number | undefined;
}

/** Asks for messages of one topic. */
export interface TopicPageQuery extends PageQuery {
  /** The topic. */
  readonly topic: string;
  /** Only without a topic. */
  readonly prefix?: undefined;
  /** Only the newest message, instead of the oldest ones. */
  readonly newest?: boolean;
}

/** Asks for messages of all topics that begin with a prefix: of all topics, if it is empty. */
export interface PrefixPageQuery extends PageQuery {
  /** What the topics begin with. */
  readonly prefix: string;
  /** Only without a prefix. */
  readonly topic?: undefined;
  /** Only with a topic. */
  readonly newest?: undefined;
  /** Also return whose the `messageId`s of the messages are. */
  readonly identities?: boolean;
}

/** Asks for messages of one topic, or of all topics that begin with a prefix. */
export type MessageQuery = TopicPageQuery | PrefixPageQuery;

/** Messages of one topic, or of all topics that begin with a prefix, oldest first. */
export interface MessagePage {
  /** The messages. */
  readonly messages: readonly TopicMessage[];
  /** All is read up to here: there are no other messages after `after` and up to this number. */
  readonly through: number;
  /**
   * There may be more after `through`, though the page is not full: to look for them takes long, so others go first.
   * Only with a prefix.
   */
  readonly more?: boolean;
  /** Everything up to this number was gone when the page was read. */
  readonly floor: number;
  /** What is gone of the topic, if that was asked for and anything is; of a prefix, if any of it comes after `after`. */
  readonly gone?: Gone;
}

/** Asks for a page of the list of topics that have messages, ordered by code points. */
export interface TopicQuery {
  /** Only topics that begin with this. */
  readonly prefix: string;
  /** Only topics that come after this one. */
  readonly after: string;
  /** At most this many, at least 1. */
  readonly count: number;
}
