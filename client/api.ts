/**
 * What a connection offers to its caller.
 *
 * @module
 */

import type { Durability } from "../protocol/encode_replies.ts";
import type { TopicInfo } from "../protocol/topic_info.ts";
import type { Administration } from "./administration.ts";
import type { GroupWork } from "./groups/working.ts";
import type { Message, MessageInit, MessageStream, Prefix, PutOptions } from "./messages.ts";
import type { ReadOptions, SubscribeOptions, WaitOptions } from "./reading.ts";
import type { CloseInfo, ConnectionStatus, StatusChange } from "./status_tracker.ts";
import type { TypedTopics } from "./values/typed_api.ts";

/** What was put and is not acknowledged yet. */
export interface PendingPuts {
  /** How many messages. */
  readonly messages: number;
  /** About how many bytes they take: the characters of their texts, with quotes. */
  readonly bytes: number;
}

/**
 * A connection to a server. By default it reads only messages that were stored after it connected. It has a
 * cursor of its own for each topic.
 *
 * When the network or the server fails, the client reconnects and continues where it was: reads and subscriptions resume
 * at their cursors, waits continue, and unanswered puts are sent again without being stored twice. Calls made in the
 * meantime wait. If messages of a topic were lost meanwhile (they expired, or the server lost its history), the next read
 * of that topic rejects once with `trimmed`, `ahead` or `epoch_changed`, and subscriptions do what their `onGap` says.
 *
 * If something between client and server closes the connection because of what it carries, such as a proxy that rejects
 * large frames, only the call that causes it fails: a put with `unknown_outcome`, anything else with `refused`. If the
 * message cannot be received, the read or subscription fails once, and the next one continues after that message.
 *
 * The messages of a topic go to its readers oldest first, in the order in which the readers asked.
 *
 * An open connection keeps its program alive: close it, or use `await using`.
 *
 * After {@linkcode Connection.close}, and once the client has given up, every call rejects with a {@linkcode DsmqError} of
 * code `closed` (or `unauthorized`, or `session_taken_over`).
 */
export interface Connection extends Administration, GroupWork, TypedTopics, AsyncDisposable {
  /** The address of the server, without user name, password and query. */
  readonly url: string;
  /** Whether it is connected, reconnecting, or closed for good. */
  readonly status: ConnectionStatus;

  /**
   * Reports the present status and each change of it, until the connection is closed.
   *
   * @example Log when the connection breaks
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
   * Resolves when the connection has ended for good: the caller closed it, the client gave up reconnecting, the server
   * rejected the token, another client took over the session, or the server violated the protocol. Breaks after which the
   * client reconnects do not end it. Never rejects.
   *
   * @example Notice that a connection has ended
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * const server = await serve({ port: 0 });
   * const mq = await connect(server.url, { reconnect: false });
   * await server.shutdown();
   * const { code, error } = await mq.closed;
   * console.log(code, error?.message); // closed, and why
   * ```
   */
  readonly closed: Promise<CloseInfo>;

  /**
   * What was put and is not acknowledged yet, now: a program that puts without awaiting sees here how far it is ahead of the
   * server. Calls that read do not count. Values that are still being validated count.
   *
   * @example Let no more than 10,000 messages be under way
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * let last;
   * for (let i = 0; i < 20_000; i++) {
   *   last = mq.put("numbers", `${i}`);
   *   if (mq.pending.messages >= 10_000) await last;
   * }
   * await last;
   * console.log(mq.pending); // { messages: 0, bytes: 0 }
   * ```
   */
  readonly pending: PendingPuts;

  /** How durable messages are on the server: with `memory` they are lost with its process. */
  readonly durability: Durability;

  /** The largest message that the server accepts, in bytes of its JSON encoding in UTF-8, attributes included. */
  readonly maxMessageBytes: number;

  /**
   * Puts a message into a topic. Puts are stored in the order of the calls, also if nobody awaits them. If nobody
   * awaits a put that fails, it ends the program, as every unhandled rejection does.
   *
   * @param topic 1 to 256 bytes of UTF-8, without control characters
   * @param body its text, any string
   * @param options its attributes: `messageId`, `key`, `headers`, `delay`. Together at most 16 KiB as JSON, and with the
   *   body at most {@linkcode Connection.maxMessageBytes}. It may be a message that was read: then its attributes are taken
   * @returns the sequence number of the message, once it is stored
   * @throws {TypeError | RangeError} if the topic, the body or an option is invalid
   * @throws {DsmqError} `too_large`, `full`, `busy`, `limit_exceeded`, `permission_denied`, `unavailable`, `shutting_down`;
   *   `superseded`, if the message is not stored, because a connection broke before its rejection arrived, and a later one has been stored
   *   meanwhile; `unknown_outcome`, if nobody can know whether it is stored: the client gave up, the connection
   *   is closed each time this message is sent, or the server lost its memory of this client
   *
   * @example Put a message that may be repeated without risk
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * const first = await mq.put("orders", '{"n":7}', { messageId: "order-7" });
   * const again = await mq.put("orders", '{"n":7}', { messageId: "order-7" });
   * console.log(first === again); // true: it is stored once
   * ```
   */
  put(topic: string, body: string, options?: PutOptions): Promise<number>;

  /**
   * Puts messages into a topic, in order. All are checked before the first is sent. A list may have any length: it is
   * sent in parts, and later puts are stored behind it.
   *
   * @param topic as for `put`
   * @param messages their texts, any strings; an object with `body` where a message has options of its own, such as a
   *   message that was read
   * @returns their sequence numbers, once all are stored
   * @throws as `put`, where `too_large` has the `index` of the message; a {@linkcode DsmqError} lists the outcome of each
   *   message in `outcomes`, once something was sent
   *
   * @example Put several messages, one of them with a header
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * const headers = { "content-type": "application/json" };
   * console.log(await mq.putMany("news", ["one", { body: "[2]", headers }])); // [ 1, 2 ]
   * ```
   */
  putMany(topic: string, messages: readonly (string | MessageInit)[]): Promise<number[]>;

  /**
   * Reads one message: the oldest unread one, unless `latest` asks for the newest. With `wait`, as soon as there is one;
   * nothing polls: the server answers when a message is stored. A read that waits for the latest waits behind reads of the
   * topic that were made until the server said that there is none.
   *
   * @param topic the topic to read
   * @param options which message, how long to wait for it, and what cancels that
   * @returns the message, or `undefined` if there is none; a message may be `""`
   * @throws {TypeError | RangeError} if the topic or an option is invalid
   * @throws {DsmqError} `trimmed`, `ahead` or `epoch_changed`, once for each gap: the next read gets the oldest message that
   *   is left; `permission_denied`, `limit_exceeded`, `unavailable`; `refused`, once, if something on the way does not let the
   *   message pass. If the signal aborts, its reason
   *
   * @example Wait for a message, and go on after it in the next program
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * await mq.put("orders", "one");
   * const message = await mq.read("orders", { wait: 5000 });
   * console.log(message?.body); // one
   *
   * await using next = await connect(server.url, { since: message!.position });
   * console.log(await next.read("orders")); // undefined: there is nothing after it
   * ```
   */
  read(topic: string, options?: ReadOptions): Promise<Message | undefined>;

  /**
   * Gets the text of the oldest unread message: `read(topic)` as in dsmq 1.x.
   *
   * @param topic the topic to read
   * @returns the message, or `""` if there is none
   * @throws as `read`
   */
  get(topic: string): Promise<string>;

  /**
   * Gets the text of the newest unread message; older ones are skipped for good: `read(topic, { latest: true })` as in
   * dsmq 1.x.
   *
   * @param topic the topic to read
   * @returns the message, or `""` if there is none
   * @throws as `read`
   */
  getLatest(topic: string): Promise<string>;

  /**
   * Gets the text of the oldest unread message as soon as there is one: `read(topic, { wait })` as in dsmq 1.x.
   *
   * @param topic the topic to read
   * @param options how long to wait
   * @returns the message, or `""` when the time is over
   * @throws as `read`
   */
  getWait(topic: string, options?: WaitOptions): Promise<string>;

  /**
   * Subscribes to a topic, or to all topics that begin with a prefix, also to those that come later. A subscription
   * to a topic starts at the connection's cursor and has its own position from there on: gets do not move it, and it does not
   * move them. A prefix has no cursor: without `since` each subscription starts where the connection started to read, which is
   * by default with what is stored after it connected.
   *
   * The messages of a prefix come in the order in which they were stored, across all its topics; each has its own `topic`.
   * The server sends at most 4096 messages and about 4 MiB ahead of what is read.
   *
   * @param topic the topic, or `{ prefix }`
   * @param options where to start, and what to do at a gap
   * @returns the messages, as they are stored. Reading them rejects with `trimmed`, `ahead` or `epoch_changed` at a gap, unless
   *   `onGap` decides otherwise; and with `permission_denied`, `limit_exceeded` or `refused`
   * @throws {TypeError | RangeError} if the topic or an option is invalid
   * @throws {DsmqError} `limit_exceeded`, if too many calls are unanswered
   *
   * @example All orders, whichever topic they are in
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * await mq.put("orders.eu", "12 apples");
   * await mq.put("orders.us", "7 pears");
   * for await (const { topic, body } of mq.subscribe({ prefix: "orders." })) {
   *   console.log(topic, body); // orders.eu 12 apples, then orders.us 7 pears
   *   if (topic === "orders.us") break;
   * }
   * ```
   */
  subscribe(topic: string | Prefix, options?: SubscribeOptions): MessageStream;

  /**
   * Lists the topics that hold messages, in the order of their code points.
   *
   * @param prefix only topics that begin with it. Default: all
   * @returns the topics
   * @throws {TypeError | RangeError} if the prefix is invalid
   * @throws {DsmqError} `permission_denied`, `limit_exceeded`
   */
  topics(prefix?: string): Promise<TopicInfo[]>;

  /**
   * Stops the server, if the server and the token allow it.
   *
   * @throws {DsmqError} `permission_denied`, if they do not
   */
  shutdownServer(): Promise<void>;

  /**
   * Sends what was put, waits up to 5 s for the replies, ends waits and subscriptions, and closes the connection. Calls
   * that are still unanswered then reject, and so does every later call. May be called twice.
   */
  close(): Promise<void>;
}
