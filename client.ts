/**
 * The client: puts messages into a server's topics and gets them out. It uses nothing but what browsers have.
 *
 * ```ts
 * import { connect } from "@dsmq/server/client";
 * ```
 *
 * @module
 */

import type { Connection } from "./client/api.ts";
import { dialServer } from "./client/dial_server.ts";
import { DsmqConnection } from "./client/dsmq_connection.ts";
import { requireRuntime } from "./client/runtime.ts";
import { ReconnectingClient } from "./client/reconnecting_client.ts";
import { type ConnectOptions, parseOptions } from "./client/options.ts";
import { withCurrentStack } from "./protocol/errors.ts";

export {
  /** An error with a code, and what recovery needs. */
  DsmqError,
} from "./protocol/errors.ts";
export type {
  /** Why a server could not be reached, as a word. */
  ConnectReason,
  /** What an error knows beside its code and sentence. */
  DsmqErrorDetails,
  /** What happened, for a program: the codes, and what each means. */
  ErrorCode,
  /** What became of one message of a `putMany`. */
  PutOutcome,
  /** An error as it goes over the wire. */
  WireError,
} from "./protocol/errors.ts";
export type {
  /** How safely a server keeps messages. */
  Durability,
  /** A topic that holds messages. */
  TopicInfo,
} from "./protocol/encode_replies.ts";
export type {
  /** Where a subscription goes on behind messages that are gone. */
  GapPolicy,
} from "./protocol/requests.ts";
export type {
  /** A connection to a server: puts, reads, subscriptions. */
  Connection,
  /** What a subscription does if messages are gone that should have come. */
  GapHandler,
  /** The messages of a topic, for `for await`. */
  MessageStream,
  /** How to read one message. */
  ReadOptions,
  /** How to subscribe. */
  SubscribeOptions,
  /** How to wait for a message. */
  WaitOptions,
} from "./client/api.ts";
export type {
  /** Opens a socket. */
  Dial,
  /** The part of a `WebSocket` that a connection uses. */
  Socket,
} from "./client/dial.ts";
export type {
  /** How to connect. */
  ConnectOptions,
  /** How to come back after a break. */
  ReconnectOptions,
} from "./client/options.ts";
export type {
  /** A message as its reader gets it. */
  Message,
} from "./client/message.ts";
export type {
  /** From where to read. */
  Since,
} from "./client/since.ts";
export type {
  /** Whether a connection has a server, looks for one, or is closed for good. */
  ConnectionStatus,
  /** A connection has come into another state. */
  StatusChange,
} from "./client/status_tracker.ts";

/**
 * Connects to a server. While nobody answers it tries again, for 15 seconds unless `timeout` says otherwise: the
 * server may still be starting. What cannot get better is not tried again. The error says why it failed: in its
 * message, its `cause`, and as a word in `reason`.
 *
 * @param target an address, or options; by default the server of this machine, `ws://127.0.0.1:30008`
 * @returns the connection
 * @throws {TypeError | RangeError} if an option is wrong, or there is no `WebSocket` and no `dial`
 * @throws {Error} if the engine is too old for the client
 * @throws {DsmqError} `unreachable`, if no server answers, with its `reason`; `unauthorized`, if it asks for a token, and for none
 *   that was given
 *
 * @example Put, and get
 * ```ts
 * import { connect, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * console.log(await mq.get("greetings")); // nothing more: an empty string
 * ```
 */
export async function connect(target?: string | URL | ConnectOptions): Promise<Connection> {
  requireRuntime();
  rejectSecondArgument(arguments[1]);
  try {
    const { handshake, plan: redial } = await dialServer(parseOptions(target));
    return new DsmqConnection(new ReconnectingClient(handshake, redial));
  } catch (error) {
    throw withCurrentStack(error);
  }
}

/** Others take options as a second argument; passed over, a token or a position would not count. */
function rejectSecondArgument(given: unknown): void {
  if (given === null || typeof given !== "object" || Array.isArray(given)) return;
  throw new TypeError(
    "Cannot connect: an address and options are given in one object, { url: ... }, got two arguments",
  );
}
