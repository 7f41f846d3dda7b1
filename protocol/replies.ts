/**
 * The replies of a server as a client gets them: one shape for each kind, checked as a whole.
 *
 * `decode_replies.ts` makes them of the frames that `encode_replies.ts` shows. What depends on the request, such as how many
 * sequence numbers a put gets, is checked where the request was made.
 *
 * @module
 */

import type { MessageAttributes } from "./attributes.ts";
import type { BackupInfo, TopicGone } from "./backup_info.ts";
import type { ConnectionInfo } from "./connection_info.ts";
import type { Heartbeat, Welcome } from "./encode_replies.ts";
import type { WireError } from "./errors.ts";
import type { GroupAnswer, JobsReply } from "./group_replies.ts";
import type { TopicInfo } from "./topic_info.ts";

/** Answers `hello`. */
export interface WelcomeReply {
  readonly kind: "welcome";
  readonly id: number;
  readonly welcome: Welcome;
}

/** Answers a put: the sequence number of each message, increasing unless some were stored before. */
export interface StoredReply {
  readonly kind: "stored";
  readonly id: number;
  readonly seqs: readonly number[];
  /** Some had been stored before. */
  readonly dup: boolean;
}

/** Answers a read with a message. */
export interface MessageReply {
  readonly kind: "message";
  readonly id: number;
  readonly body: string;
  readonly seq: number;
  readonly time: number;
  /** The topic is read up to here: at least up to the message. */
  readonly through: number;
  readonly attributes: MessageAttributes | undefined;
}

/** Answers a read: there is no message. */
export interface EmptyReply {
  readonly kind: "empty";
  readonly id: number;
  readonly through: number | undefined;
}

/** Answers `subscribe`. */
export interface SubscribedReply {
  readonly kind: "subscribed";
  readonly id: number;
  /** What comes after this sequence number is streamed. */
  readonly start: number;
  /** Where the cursor of the connection is, if the stream begins there. */
  readonly through: number | undefined;
  /** When the stream began, if that has to be told when it is requested again. */
  readonly began: number | undefined;
}

/** Answers `topics` with a page: names that can be topics, in the order of their code points. */
export interface TopicsReply {
  readonly kind: "topics";
  readonly id: number;
  readonly topics: readonly TopicInfo[];
  readonly more: boolean;
}

/** Answers `connections` with a page. */
export interface ConnectionsReply {
  readonly kind: "connections";
  readonly id: number;
  readonly connections: readonly ConnectionInfo[];
  readonly more: boolean;
}

/** Answers `purge`. */
export interface PurgedReply {
  readonly kind: "purged";
  readonly id: number;
  /** How many messages were purged. */
  readonly purged: number;
}

/** Answers `backup` with the moment of which it is. */
export interface BackupReply {
  readonly kind: "backup";
  readonly id: number;
  readonly info: BackupInfo;
}

/** Answers `backup` with a page: a list for each field of its messages, all of one length, oldest first. */
export interface BackupPageReply {
  readonly kind: "backup_page";
  readonly id: number;
  readonly seqs: readonly number[];
  readonly times: readonly number[];
  readonly topics: readonly string[];
  readonly bodies: readonly string[];
  readonly attributes: readonly (MessageAttributes | null)[] | undefined;
  /** Whose the `messageId` of each is, `null` where that is not known or there is none; `undefined` if it is of none. */
  readonly identities: readonly (string | null)[] | undefined;
  /** The numbers of those that are `None` of dsmq 1.x, in order; `undefined` if there are none. */
  readonly nulls: readonly number[] | undefined;
  /** There are no other messages up to here. */
  readonly through: number;
}

/** Answers `backup` with what is gone of topics. */
export interface BackupGoneReply {
  readonly kind: "backup_gone";
  readonly id: number;
  readonly gone: readonly TopicGone[];
  /** The newest message that is gone of any topic. */
  readonly last: number;
  /** When the last one went, of any topic. */
  readonly at: number | undefined;
  readonly more: boolean;
}

/** Answers what has no result, such as `shutdown`, or a heartbeat with an id; and `finish` and `extend`. */
export interface DoneReply {
  readonly kind: "done";
  readonly id: number;
  /** Claims that are lost: their lease had ended. */
  readonly lost?: readonly number[] | undefined;
  /** Claims whose jobs are dead now. */
  readonly dead?: readonly number[] | undefined;
  /** The lease of the worker had ended. Default: it is extended. */
  readonly ended?: boolean | undefined;
}

/** A request failed. */
export interface ErrorReply {
  readonly kind: "error";
  readonly id: number;
  readonly error: WireError;
  /** With a gap: reading continues after this sequence number. */
  readonly through: number | undefined;
}

/** Messages of a stream: a list for each of their fields, all of one length, at least one message, oldest first. */
export interface MessagesReply {
  readonly kind: "messages";
  readonly sub: number;
  /** The sequence number before the first one in this stream. */
  readonly prev: number;
  /** What they take of the credit: no less than their characters and those of their attributes, with quotes. */
  readonly bytes: number;
  readonly seqs: readonly number[];
  readonly times: readonly number[];
  readonly bodies: readonly string[];
  /** Of a stream of a prefix: the topic of each. */
  readonly topics: readonly string[] | undefined;
  /** The attributes of each, `null` where it has none; `undefined` if none has any. */
  readonly attributes: readonly (MessageAttributes | null)[] | undefined;
}

/** A stream has ended. */
export interface StreamErrorReply {
  readonly kind: "stream_error";
  readonly sub: number;
  readonly error: WireError;
  /** With a gap: the stream could continue after this sequence number. */
  readonly through: number | undefined;
}

/** The server is alive. */
export interface HeartbeatReply extends Heartbeat {
  readonly kind: "heartbeat";
}

/** A large frame follows. */
export interface AheadReply {
  readonly kind: "ahead";
  /** About how many bytes it has. */
  readonly bytes: number;
  /** It is the answer to this request alone. */
  readonly answers: number | undefined;
  /** It is one message of this stream. */
  readonly sub: number | undefined;
  /** When it has arrived, all is read up to here. */
  readonly through: number | undefined;
}

/** Each field has its type, but together they are none of the above. The request or the stream fails, and then the connection. */
export interface MalformedReply {
  readonly kind: "malformed";
  readonly id: number | undefined;
  readonly sub: number | undefined;
  /** What is wrong, if more is known than that. */
  readonly reason: string | undefined;
}

/** Means nothing to this client: a notice of a later version, or the error of a request whose id was invalid. */
export interface UnknownReply {
  readonly kind: "unknown";
}

/** What answers a request with a result. */
export type ResultReply =
  | WelcomeReply
  | StoredReply
  | MessageReply
  | EmptyReply
  | SubscribedReply
  | TopicsReply
  | ConnectionsReply
  | PurgedReply
  | BackupReply
  | BackupPageReply
  | BackupGoneReply
  | GroupAnswer
  | DoneReply;

/** What answers a request. */
export type AnswerReply = ResultReply | ErrorReply;

/** What belongs to a stream. */
export type StreamReply = MessagesReply | JobsReply | StreamErrorReply;

/** One reply of a server. */
export type Reply =
  | AnswerReply
  | StreamReply
  | HeartbeatReply
  | AheadReply
  | MalformedReply
  | UnknownReply;

/**
 * Makes a malformed reply.
 *
 * @param id the request that it answers
 * @param sub the stream that it belongs to
 * @param reason what is wrong, if more is known than that
 */
export function malformed(id?: number, sub?: number, reason?: string): MalformedReply {
  return { kind: "malformed", id, sub, reason };
}
