/**
 * What a server says. Each shape is drawn here, above the code that writes it.
 *
 * ```text
 * {"id":1,"protocol":1,"server":"dsmq/0.1.0","epoch":"…","start":41,"recalls":0,"kept":"memory","retention":600000,"limits":{…}}
 * {"id":2,"seq":42}
 * {"id":2,"seq":42,"dup":true}
 * {"id":3,"seqs":[43,44]}
 * {"id":4,"message":"one","seq":42,"time":1767225600000,"through":42}
 * {"id":5,"message":"","through":44}
 * {"id":8,"sub":8,"start":44}
 * {"sub":8,"prev":44,"bytes":6,"seqs":[45],"times":[1767225600001],"messages":["four"]}
 * {"sub":8,"error":{"code":"trimmed","message":"…","position":3,"floor":40,"last":45}}
 * {"heartbeat":10000,"floor":40,"through":45,"seen":9,"lagging":[8]}
 * {"id":10,"topics":[{"topic":"t","messages":4,"seq":45,"time":1767225600001}],"more":false}
 * {"id":7,"error":{"code":"bad_topic","message":"…"}}
 * {"message":"one"}                                        to a client of dsmq 1.x
 * {"message":"","error":{"code":"bad_topic","message":"…"}}  the same
 * ```
 *
 * @module
 */

import type { WireError } from "./errors.ts";
import type { Limits } from "./limits.ts";

/** How safely messages are kept: lost with the process; survive `kill -9`; survive power loss; held by several servers. */
export type Kept = "memory" | "process" | "disk" | "quorum";

/** A message as the store gives it out: `body` is its JSON encoding. */
export interface StoredMessage {
  /** Its place in the order of the whole store. */
  readonly seq: number;
  /** When it was stored, in milliseconds since 1970 by the server's clock. */
  readonly time: number;
  /** Its JSON encoding, quotes included. */
  readonly body: string;
}

/** What the answer to `hello` says. */
export interface Welcome {
  readonly protocol: number;
  /** Name and version of the server's software. */
  readonly server: string;
  /** Names this history of messages; another epoch means that the old one is lost. */
  readonly epoch: string;
  /** This connection reads what comes after this sequence number. */
  readonly start: number;
  /** A put that was stored after this sequence number is recognised when its session repeats it. */
  readonly recalls: number;
  readonly kept: Kept;
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  readonly limits: Limits;
  /** How often it gives a sign of life, in milliseconds, if the client asked for that. */
  readonly heartbeat?: number | undefined;
}

/** One topic in the answer to `topics`. */
export interface TopicEntry {
  /** Its name. */
  readonly topic: string;
  /** How many messages it holds. */
  readonly messages: number;
  /** The sequence number of its newest message. */
  readonly seq: number;
  /** When its newest message was stored, in milliseconds since 1970. */
  readonly time: number;
}

/** Answers a read of ours: a message, or that there was none up to `through`. */
export function readAnswer(
  id: number,
  message: StoredMessage | undefined,
  through: number,
): string {
  if (message === undefined) return `{"id":${id},"message":"","through":${through}}`;
  const { body, seq, time } = message;
  return `{"id":${id},"message":${body},"seq":${seq},"time":${time},"through":${through}}`;
}

/** Answers a read of dsmq 1.x. */
export function plainAnswer(message: StoredMessage | undefined): string {
  return `{"message":${message === undefined ? '""' : message.body}}`;
}

/** Answers a bad read of dsmq 1.x, which waits for a message. */
export function plainError(error: WireError): string {
  return JSON.stringify({ message: "", error });
}

/** Answers a put of one message with its sequence number; `dup` if it had been stored before. */
export function putAnswer(id: number, seq: number, dup: boolean): string {
  return `{"id":${id},"seq":${seq}${dup ? ',"dup":true' : ""}}`;
}

/** Answers a put of a list of messages with their sequence numbers; `dup` if some had been stored before. */
export function putManyAnswer(id: number, seqs: readonly number[], dup: boolean): string {
  return `{"id":${id},"seqs":[${seqs}]${dup ? ',"dup":true' : ""}}`;
}

/** Answers any request with what it asked for. */
export function answer(id: number, fields: object = {}): string {
  return JSON.stringify({ id, ...fields });
}

/** Answers any request with why it failed. */
export function errorAnswer(id: number | null, error: WireError): string {
  return JSON.stringify({ id, error });
}

/**
 * The part of a streamed frame that is the same for all its subscribers: serialised once.
 *
 * @param messages the messages, oldest first
 * @param bytes what they take of the subscriber's credit
 * @returns the end of the frame
 */
export function streamBody(messages: readonly StoredMessage[], bytes: number): string {
  // One list for each field: that is half as long, and read four times as fast, as an object for each message.
  let [seqs, times, bodies] = ["", "", ""];
  for (const { seq, time, body } of messages) {
    seqs += `,${seq}`;
    times += `,${time}`;
    bodies += `,${body}`;
  }
  const lists = `"seqs":[${seqs.slice(1)}],"times":[${times.slice(1)}],"messages":[${
    bodies.slice(1)
  }]`;
  return `"bytes":${bytes},${lists}}`;
}

/** A streamed frame for one subscriber; `prev` is the sequence number before it in this stream. */
export function streamFrame(sub: number, prev: number, body: string): string {
  return `{"sub":${sub},"prev":${prev},${body}`;
}

/** Tells a subscriber that its stream has ended, and why. */
export function streamError(sub: number, error: WireError): string {
  return JSON.stringify({ sub, error });
}

/** A sign of life, and how far everything is read. */
export interface Heartbeat {
  /** The next one comes after so many milliseconds. */
  readonly heartbeat: number;
  /** Everything up to this sequence number is gone. */
  readonly floor: number;
  /** All streams but the lagging ones, and all topics that a `get_wait` waits for, are read up to there. */
  readonly through: number;
  /** That holds for those that were opened by a request with this id, or a smaller one. */
  readonly seen: number;
  /** The streams for which it does not. */
  readonly lagging: readonly number[];
}

/** Gives a sign of life. */
export function heartbeat(sign: Heartbeat): string {
  return JSON.stringify(sign);
}

/** What a client may find in one answer; which fields are there depends on what it answers. */
export type Answer = Partial<Welcome> & Partial<Heartbeat> & {
  readonly id?: number | null;
  readonly error?: WireError;
  readonly message?: string;
  readonly messages?: readonly string[];
  readonly seq?: number;
  readonly dup?: boolean;
  readonly seqs?: readonly number[];
  readonly times?: readonly number[];
  readonly time?: number;
  readonly through?: number;
  readonly sub?: number;
  readonly prev?: number;
  readonly start?: number;
  readonly bytes?: number;
  readonly topics?: readonly TopicEntry[];
  readonly more?: boolean;
};

/**
 * Understands what a server said.
 *
 * @param data the data of a frame
 * @returns the answers in it, in order; `undefined` if it is not a frame of this protocol
 */
export function decodeAnswers(data: unknown): readonly Answer[] | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(data);
    const answers = Array.isArray(value) ? value : [value];
    return answers.every((item) => item !== null && typeof item === "object") ? answers : undefined;
  } catch {
    return undefined;
  }
}
