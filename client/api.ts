/**
 * What a connection offers to its user.
 *
 * @module
 */

import type { Durability, TopicInfo } from "../protocol/encode_replies.ts";
import type { DsmqError } from "../protocol/errors.ts";
import type { GapPolicy } from "../protocol/requests.ts";
import type { Message } from "./message.ts";
import type { Since } from "./since.ts";
import type { ConnectionStatus, StatusChange } from "./status_tracker.ts";

/** How to wait for a message. */
export interface WaitOptions {
  /**
   * For how long, in milliseconds; `Infinity`: for ever. The time counts here, also while the server is away; a server
   * that is there has at least half a second to say what there is. Default: 10000.
   */
  readonly timeout?: number;
  /** Stops waiting when it aborts. A message that was under way by then is kept for the next read. */
  readonly signal?: AbortSignal;
}

/** How to read one message. `timeout` and `signal` are for the mode `"wait"`, and refused where no mode is given. */
export interface ReadOptions extends WaitOptions {
  /** Which: the oldest unread message, the newest, or the oldest once there is one. Default: `"oldest"`. */
  readonly mode?: "oldest" | "newest" | "wait";
}

/**
 * What to do if messages are gone that should have been delivered: go on with the oldest that there is, or with
 * what comes; or a function that is told what is known of the gap, and chooses at once. If that gives `undefined`, the
 * subscription ends with the error; if it throws, with what it throws; if it gives anything else, a promise too, with a
 * `TypeError`.
 */
export type GapHandler = GapPolicy | ((gap: DsmqError) => GapPolicy | undefined);

/** How to subscribe. */
export interface SubscribeOptions {
  /** From where. Default: the connection's cursor for the topic. */
  readonly since?: Since;
  /**
   * What to do if messages are gone that should have been delivered. Default: the subscription ends with the error
   * `trimmed`, `ahead` or `epoch_changed`.
   */
  readonly onGap?: GapHandler;
  /** Ends the subscription, with its reason as the error, when it aborts. */
  readonly signal?: AbortSignal;
}

/** The messages of a topic, one after another; read it with `for await`. It can be read once. */
export type MessageStream = AsyncIterableIterator<Message, undefined> & AsyncDisposable;

/**
 * A connection to a server. It reads only messages stored after it connected, unless told otherwise, and
 * has a cursor of its own for each topic.
 *
 * If the line breaks, it is made again, and everything goes on where it was: reads at their cursors, waits and
 * subscriptions; and what was put and is unanswered is put again, without being stored twice. Calls made
 * meanwhile wait. Where messages of a topic were lost on the way (they expired, or the server lost its history), its
 * next read rejects once with `trimmed`, `ahead` or `epoch_changed`, and subscriptions do as their `onGap` says.
 *
 * If the connection is closed for what it carries, as a proxy does that takes no frames of such a size, the call that
 * does so fails alone: a put with `unknown_outcome`, anything else with `refused`. Where it is a message that does not
 * come down, the read or subscription is told once, and the next one goes on behind it.
 *
 * Messages of a topic are handed to its readers oldest first, in the order in which the readers asked.
 *
 * An open connection keeps its program alive: close it, or let `await using` do so.
 *
 * After {@linkcode Connection.close}, or once it is given up, every call rejects with a {@linkcode DsmqError} of
 * code `closed` (or `unauthorized`, or `session_taken_over`).
 */
export interface Connection extends AsyncDisposable {
  /** The address of the server, without a name, a password and what stands behind a `?`. */
  readonly url: string;
  /** Whether it has a server, looks for one, or is closed for good. */
  readonly status: ConnectionStatus;

  /**
   * Tells what becomes of it: the state now, and each change, until it is closed.
   *
   * @example Say when the server is away
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * for await (const { status, reason } of mq.statusChanges()) {
   *   console.log(status, reason ?? ""); // connected
   *   if (status === "connected") break;
   * }
   * ```
   */
  statusChanges(): AsyncIterableIterator<StatusChange, undefined>;

  /**
   * How many calls are unanswered, the messages of puts each; of a long list, the parts that were taken. While there
   * is no connection it is bounded by `maxPending`.
   */
  readonly pending: number;

  /** How safely the server keeps messages: `memory` is lost with its process. */
  readonly durability: Durability;

  /** The largest message that the server takes, in bytes of its JSON encoding in UTF-8. */
  readonly maxMessageBytes: number;

  /**
   * Puts a message into a topic. Puts are stored in the order in which they are called, also where nobody waits for
   * them; one that fails and that nobody waits for ends a program as any promise does that is rejected and not handled.
   *
   * @param topic 1 to 256 bytes of UTF-8, without control characters
   * @param message any string
   * @returns the sequence number of the message, once it is stored
   * @throws {TypeError | RangeError} if that cannot be a topic or a message
   * @throws {DsmqError} `too_large`, `full`, `limit_exceeded`, `permission_denied`, `unavailable`, `shutting_down`; `superseded`, if its refusal
   *   was lost with a connection and a later one was stored meanwhile; `unknown_outcome`, if nobody can know whether it was
   *   stored: the connection was given up, or is closed each time this is sent, or the server lost what it knew of it
   */
  put(topic: string, message: string): Promise<number>;

  /**
   * Puts messages into a topic, in order. They are checked as a whole before the first is sent. A list may be of any
   * length: it is taken in parts as they are sent, and what is put after it is stored after it.
   *
   * @param topic as for `put`
   * @param messages any strings
   * @returns their sequence numbers, once all are stored
   * @throws as `put`; a {@linkcode DsmqError} lists in `outcomes` what became of each
   */
  putMany(topic: string, messages: readonly string[]): Promise<number[]>;

  /**
   * Gets the oldest unread message.
   *
   * @param topic where from
   * @returns the message, or `""` if there is none
   */
  get(topic: string): Promise<string>;

  /**
   * Gets the newest unread message; what is older is passed over for good.
   *
   * @param topic where from
   * @returns the message, or `""` if there is none
   */
  getLatest(topic: string): Promise<string>;

  /**
   * Gets the oldest unread message, as soon as there is one. The server wakes it; nothing polls.
   *
   * @param topic where from
   * @param options for how long
   * @returns the message, or `""` when the time is over
   */
  getWait(topic: string, options?: WaitOptions): Promise<string>;

  /**
   * Reads as `get`, `getLatest` and `getWait` do, and tells more: a message that is `""` from none at all, its
   * sequence number, and when it was stored.
   *
   * @param topic where from
   * @param options which message, and how long to wait for it
   * @returns the message, or `undefined` if there is none
   */
  read(topic: string, options?: ReadOptions): Promise<Message | undefined>;

  /**
   * Subscribes to a topic. It starts where the connection's cursor is, and moves by itself from there: gets do
   * not move it, nor it them. The server sends no more than about 4 MiB ahead of what is read.
   *
   * @param topic what to subscribe to
   * @param options from where
   * @returns the messages, as they come
   */
  subscribe(topic: string, options?: SubscribeOptions): MessageStream;

  /**
   * Lists the topics that hold messages, in the order of their code points.
   *
   * @param prefix only topics that begin with this. Default: all
   * @returns the topics
   */
  topics(prefix?: string): Promise<TopicInfo[]>;

  /**
   * Stops the server, if it was started with leave for that.
   *
   * @throws {DsmqError} `permission_denied`, if it was not
   */
  shutdownServer(): Promise<void>;

  /**
   * Sends what was put, waits up to 5 s for the answers, ends waits and subscriptions, and hangs up. What
   * was not answered by then rejects, and so does every call from then on. May be called twice.
   */
  close(): Promise<void>;
}
