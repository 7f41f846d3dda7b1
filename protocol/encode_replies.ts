/**
 * The replies of a server, each shown here above the code that writes it.
 *
 * ```text
 * {"id":1,"protocol":1,"server":"dsmq/0.1.0","store":"…","epoch":"…","start":41,"last":45,"floor":40,"time":1767225600000,"dedupComplete":true,"heartbeat":10000,"durability":"memory","retention":600000,"limits":{…}}
 * {"id":2,"seq":42}
 * {"id":2,"seq":42,"dup":true}
 * {"id":3,"seqs":[43,44]}
 * {"id":4,"body":"one","seq":42,"time":1767225600000,"through":42}
 * {"id":4,"seq":42,"time":1767225600000,"through":42,"body":"one"}    the same, where the message is large
 * {"id":4,"body":"one","seq":42,"time":1767225600000,"attributes":{"key":"a"},"through":42}    with attributes
 * {"id":4,"seq":42,"time":1767225600000,"through":42,"body":"one","attributes":{"key":"a"}}    the same, large
 * {"id":5,"body":"","through":44}
 * {"id":6,"error":{"code":"trimmed","message":"…","after":3,"floor":40,"last":45},"through":38}
 * {"id":8,"sub":8,"start":44,"through":44}
 * {"sub":8,"prev":44,"bytes":6,"seqs":[45],"times":[1767225600001],"bodies":["four"]}
 * {"sub":9,"prev":44,"bytes":6,"seqs":[45],"times":[1767225600001],"topics":["orders.eu"],"bodies":["four"]}
 * {"sub":8,"prev":45,"bytes":24,"seqs":[46,47],"times":[…],"bodies":["five","six"],"attributes":[null,{"key":"a"}]}
 * {"sub":8,"error":{"code":"trimmed","message":"…","after":3,"floor":40,"last":45},"through":38}
 * {"heartbeat":10000,"time":1767225600000,"last":45,"floor":40}
 * {"heartbeat":10000,"time":1767225600000,"asOf":1767225599000,"last":45,"floor":40}    from one of several servers
 * {"ahead":990000}
 * {"ahead":990000,"answers":4,"through":42}                to a client that said "frameBytes": what comes next is this answer
 * {"ahead":990000,"sub":8,"through":45}                    the same: one message of a stream
 * {"id":15,"through":45,"bytes":5,"seqs":[45],"times":[…],"topics":["t"],"bodies":["one"],"attributes":[{"messageId":"a"}],"identities":[""]}
 * {"id":15,"through":46,"bytes":11,"seqs":[46],"times":[…],"topics":["t"],"bodies":["null"],"nulls":[46]}    put as `None` by dsmq 1.x
 * {"id":10,"topics":[{"topic":"t","messages":4,"bytes":420,"stored":7,"seq":45,"time":1767225600001,"readers":0}],"more":false}
 * {"id":7,"error":{"code":"bad_topic","message":"…"}}
 * {"message":"one"}                                        to a client of dsmq 1.x
 * {"message":"","error":{"code":"bad_topic","message":"…"}}  the same
 * ```
 *
 * @module
 */

import { NULL_BODY } from "./body.ts";
import type { WireError } from "./errors.ts";
import type { Limits } from "./client_limits.ts";

/** How durable messages are: lost with the process; survive `kill -9`; survive power loss; held by several servers. */
export type Durability = "memory" | "process" | "disk" | "quorum";

/** What an acknowledged message in a file survives: `disk` a power failure, `process` the end of the process. */
export type FileDurability = Extract<Durability, "disk" | "process">;

/** A message as the store returns it: `body` is its JSON encoding. */
export interface EncodedMessage {
  /** Its sequence number, which gives its position in the whole store. */
  readonly seq: number;
  /** When it was stored, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
  /** Its JSON encoding, quotes included. */
  readonly body: string;
  /** The JSON encoding of its attributes, if it has any. */
  readonly attributes?: string | undefined;
}

/** What the server says of itself in the reply to `hello`. */
export interface Welcome {
  readonly protocol: number;
  /** Name and version of the server's software. */
  readonly server: string;
  /** Names the file, or the memory, that holds the messages. */
  readonly store: string;
  /** Names this opening of the store; positions are numbers within an epoch. */
  readonly epoch: string;
  /** This connection reads what comes after this sequence number. */
  readonly start: number;
  /** The last sequence number that was given. */
  readonly last: number;
  /** Everything up to this sequence number is gone. */
  readonly floor: number;
  /** The store's time, in milliseconds since 1970. */
  readonly time: number;
  /** What was gone by this time is known to the server, where that is earlier than `time`. */
  readonly asOf?: number | undefined;
  /** With `known`: every put of the session that was stored after it is recognised when it is repeated. */
  readonly dedupComplete?: boolean | undefined;
  readonly durability: Durability;
  /** How long a message is kept, in milliseconds. */
  readonly retention: number;
  readonly limits: Limits;
  /** How often it sends a heartbeat, in milliseconds, if the client asked for heartbeats. */
  readonly heartbeat?: number | undefined;
  /** In how many milliseconds the token of the connection expires, if it does. */
  readonly tokenExpiresIn?: number | undefined;
}

/** Answers a read with an id: a message, or that there was none up to `through`. */
export function readReply(
  id: number,
  message: EncodedMessage | undefined,
  through: number,
): string {
  if (message === undefined) return `{"id":${id},"body":"","through":${through}}`;
  const { body, seq, time, attributes } = message;
  const fields = `{"id":${id},"body":${body},"seq":${seq},"time":${time}`;
  return attributes === undefined
    ? `${fields},"through":${through}}`
    : `${fields},"attributes":${attributes},"through":${through}}`;
}

/** The same, up to the body of a message that is large: {@linkcode readReplyEnd} comes after it. */
export function readReplyHead(
  id: number,
  { seq, time }: Pick<EncodedMessage, "seq" | "time">,
  through: number,
): string {
  return `{"id":${id},"seq":${seq},"time":${time},"through":${through},"body":`;
}

/** The end of the same, after the body. */
export function readReplyEnd({ attributes }: EncodedMessage): string {
  return attributes === undefined ? "}" : `,"attributes":${attributes}}`;
}

/** Answers a read of dsmq 1.x. */
export function legacyReadReply(message: EncodedMessage | undefined): string {
  const body = message === undefined ? '""' : message.body;
  return `{"message":${body === NULL_BODY.body ? "null" : body}}`;
}

/** The same, up to the body of a message that is large: `}` comes after it. */
export const LEGACY_REPLY_HEAD = '{"message":';

/** Answers an invalid read of dsmq 1.x, which waits for a message. */
export function legacyErrorReply(error: WireError): string {
  return JSON.stringify({ message: "", error });
}

/** Answers a put of one message with its sequence number; `dup` if it had been stored before. */
export function putReply(id: number, seq: number, dup: boolean): string {
  return `{"id":${id},"seq":${seq}${dup ? ',"dup":true' : ""}}`;
}

/** Answers a put of a list of messages with their sequence numbers; `dup` if some had been stored before. */
export function putManyReply(id: number, seqs: readonly number[], dup: boolean): string {
  // JSON.stringify writes a list of numbers twice as fast as a template does.
  return `{"id":${id},"seqs":${JSON.stringify(seqs)}${dup ? ',"dup":true' : ""}}`;
}

/** Answers any request with what it asked for. */
export function successReply(id: number, fields: object = {}): string {
  return JSON.stringify({ id, ...fields });
}

/** Answers any request with its error; after a gap a read continues after `through`. */
export function errorReply(id: number | null, error: WireError, through?: number): string {
  return JSON.stringify({ id, error, through });
}

/**
 * The part of a stream's frame that is the same for all subscribers, so that it is serialised once.
 *
 * @param messages the messages, oldest first
 * @param bytes what they take of the subscriber's credit
 * @param topics the field that names their topics, for a prefix
 * @returns the end of the frame
 */
export function streamBody(
  messages: readonly EncodedMessage[],
  bytes: number,
  topics: string = "",
): string {
  if (messages.length === 1) {
    const { seq, time, body, attributes } = messages[0]!;
    const fields = `"bytes":${bytes},"seqs":[${seq}],"times":[${time}],${topics}"bodies":[${body}]`;
    return attributes === undefined ? `${fields}}` : `${fields},"attributes":[${attributes}]}`;
  }
  // One list for each field is half as long as an object for each message, and is parsed four times as fast.
  const bodies = messages.map(({ body }) => body).join();
  return `${streamHead(messages, bytes, topics)}${bodies}${streamEnd(messages)}`;
}

/**
 * The beginning of a streamed frame for one subscriber, before the part that all share; `prev` is the sequence number before it in
 * this stream.
 */
export function streamFrameHead(sub: number, prev: number): string {
  return `{"sub":${sub},"prev":${prev},`;
}

/** The end of that part, after the bodies: attributes are there if one of the messages has some. */
export function streamEnd(messages: readonly EncodedMessage[]): string {
  for (let i = 0; i < messages.length; i++) {
    if (messages[i]!.attributes === undefined) continue;
    return `],"attributes":[${messages.map(({ attributes }) => attributes ?? "null").join()}]}`;
  }
  return "]}";
}

/** The beginning of that part, up to the bodies, where these are large: {@linkcode streamEnd} comes after them. */
export function streamHead(
  messages: readonly EncodedMessage[],
  bytes: number,
  topics: string = "",
): string {
  const seqs = JSON.stringify(messages.map(({ seq }) => seq));
  const times = JSON.stringify(messages.map(({ time }) => time));
  return `"bytes":${bytes},"seqs":${seqs},"times":${times},${topics}"bodies":[`;
}

/**
 * The field of a frame that names the topic of each message, with the comma after it. It stands behind the numbers, so that these
 * can be found near the beginning of a frame, however long the names are.
 */
export function streamTopics(messages: readonly { readonly topic: string }[]): string {
  return `"topics":${JSON.stringify(messages.map(({ topic }) => topic))},`;
}

/** A message of a backup. */
interface BackupEntry extends EncodedMessage {
  readonly topic: string;
  readonly bytes: number;
  /** Whose its `messageId` is. */
  readonly identity?: string | undefined;
}

/**
 * Answers `backup` with a page of messages; there are no others up to `through`. Identities are there if one of the messages has
 * a `messageId` of which that is known, and numbers of `None` if there is one.
 */
export function backupPage(id: number, messages: readonly BackupEntry[], through: number): string {
  const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
  const lists = streamHead(messages, bytes, streamTopics(messages));
  const bodies = messages.map(({ body }) => body).join();
  let text = `{"id":${id},"through":${through},${lists}${bodies}${streamEnd(messages)}`;
  if (messages.some(({ identity }) => identity !== undefined)) {
    const identities = JSON.stringify(messages.map(({ identity = null }) => identity));
    text = `${text.slice(0, -1)},"identities":${identities}}`;
  }
  const nulls = messages.filter(({ body }) => body === NULL_BODY.body).map(({ seq }) => seq);
  return nulls.length === 0 ? text : `${text.slice(0, -1)},"nulls":${JSON.stringify(nulls)}}`;
}

/** Tells a subscriber why its stream has ended; after a gap it could continue after `through`. */
export function streamError(sub: number, error: WireError, through?: number): string {
  return JSON.stringify({ sub, error, through });
}

/** The content of a heartbeat: the interval, and the state of the store. */
export interface Heartbeat {
  /** The next one comes after this many milliseconds. */
  readonly heartbeat: number;
  /** The store's time, in milliseconds since 1970. */
  readonly time: number;
  /** What was gone by this time is known to the server, where that is earlier than `time`. */
  readonly asOf?: number | undefined;
  /** The last sequence number that was given. */
  readonly last: number;
  /** Everything up to this sequence number is gone. */
  readonly floor: number;
}

/** A heartbeat. */
export function heartbeatFrame({ heartbeat, time, asOf, last, floor }: Heartbeat): string {
  const known = asOf === undefined ? "" : `"asOf":${asOf},`;
  return `{"heartbeat":${heartbeat},"time":${time},${known}"last":${last},"floor":${floor}}`;
}

/** Announces a large frame of about this many bytes: until it has arrived, nothing else can. */
export function announcementFrame(bytes: number): string {
  return `{"ahead":${bytes}}`;
}

/** The beginning of a reply or a frame of a stream, and the end of others, which say how far something is read. */
const REPLY_HEAD =
  /^\[?\{"(id|sub)":(\d+)[,}](?:"seq":(\d+)(?:,"time":\d+,"through":(\d+))?|"prev":\d+,"bytes":\d+,"seqs":\[(\d+)(,?))?/;
const REPLY_TAIL = /"through":(\d+)\}$/;

/** Both are at most this many characters long. */
const [MAX_HEAD_LENGTH, MAX_TAIL_LENGTH] = [128, 32];

/**
 * The same for a client that wants to know what may not arrive: names the reply, or the message of a stream, that is alone in
 * the frame. It takes the same time however large that is.
 *
 * @param only the reply, or the frame of a stream, that is alone in the frame; or its beginning, up to a message
 * @param bytes the size of the frame
 * @returns the announcement
 */
export function namedAnnouncementFrame(only: string, bytes: number): string {
  const [, name, id, storedSeq, readThrough, firstSeq, more] =
    REPLY_HEAD.exec(only.slice(0, MAX_HEAD_LENGTH)) ?? [];
  if (name === undefined || more === ",") return announcementFrame(bytes);
  const through = readThrough ?? storedSeq ?? firstSeq ??
    REPLY_TAIL.exec(only.slice(-MAX_TAIL_LENGTH))?.[1];
  const named = `{"ahead":${bytes},"${name === "id" ? "answers" : "sub"}":${id}`;
  return through === undefined ? `${named}}` : `${named},"through":${through}}`;
}
