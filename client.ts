/**
 * The client: puts messages into the topics of a server and gets them out. It uses only what browsers have, too.
 *
 * ```ts
 * import { connect } from "@dsmq/server/client";
 * import { serve } from "@dsmq/server/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * ```
 *
 * @module
 */

import type { Address } from "./client/addresses.ts";
import type { Connection } from "./client/api.ts";
import { dialServer } from "./client/dial_server.ts";
import { DsmqConnection } from "./client/dsmq_connection.ts";
import { rejectOptions } from "./client/require_options.ts";
import { requireRuntime } from "./client/runtime.ts";
import { ReconnectingClient } from "./client/reconnecting_client.ts";
import { type ConnectOptions, parseOptions } from "./client/options.ts";
import { withCurrentStack } from "./protocol/errors.ts";

export type {
  /** What a message carries besides its body. */
  MessageAttributes,
} from "./protocol/attributes.ts";
export type {
  /** Why a server could not be reached, as a word. */
  ConnectReason,
} from "./protocol/connect_reason.ts";
export {
  /** An error with a code, and what recovery needs. */
  DsmqError,
  /** Tells errors of dsmq from others, and narrows them to what their code carries. */
  isDsmqError,
} from "./protocol/errors.ts";
export type {
  /** What all errors of a code have. */
  CodedError,
  /** What an error carries besides its code and message. */
  DsmqErrorDetails,
  /** The errors of some codes: a union that `code` narrows. */
  DsmqErrorOf,
  /** An error as it goes over the wire. */
  WireError,
} from "./protocol/errors.ts";
export type {
  /** The codes of errors, and what each means. */
  ErrorCode,
  /** What an error of each code carries. */
  ErrorFields,
  /** What the error of a gap carries. */
  GapFound,
  /** What the errors of puts carry. */
  PutFailure,
  /** The outcome of one message of a `putMany`. */
  PutOutcome,
  /** What is wrong with a value. */
  ValueIssue,
} from "./protocol/error_fields.ts";
export type {
  /** How durable messages are. */
  Durability,
} from "./protocol/encode_replies.ts";
export type {
  /** A topic that holds messages. */
  TopicInfo,
} from "./protocol/topic_info.ts";
export type {
  /** What a connection offers to an administrator. */
  Administration,
  /** A copy of all messages that a server had at one moment. */
  Backup,
  /** A message of a backup. */
  BackupMessage,
  /** Which messages a purge removes. */
  PurgeOptions,
} from "./client/administration.ts";
export type {
  /** The moment of which a backup is. */
  BackupInfo,
  /** An epoch that has ended. */
  EpochEnd,
  /** What is gone by now. */
  NewestGone,
  /** What is gone of a topic. */
  TopicGone,
} from "./protocol/backup_info.ts";
export type {
  /** A connection of a server, as an administrator sees it. */
  ConnectionInfo,
} from "./protocol/connection_info.ts";
export type {
  /** What a token permits: to read, to write, to administer. */
  Permission,
} from "./protocol/token.ts";
export type {
  /** Where a subscription continues after a gap. */
  GapPolicy,
} from "./protocol/requests.ts";
export type {
  /** A connection to a server: puts, reads, subscriptions. */
  Connection,
  /** What was put and is not acknowledged yet. */
  PendingPuts,
} from "./client/api.ts";
export type {
  /** A message as its reader gets it. */
  Message,
  /** A message of a list that has attributes. */
  MessageInit,
  /** The messages of a topic, for `for await`. */
  MessageStream,
  /** All topics that begin with a text. */
  Prefix,
  /** What a putter says of a message besides its body. */
  PutOptions,
} from "./client/messages.ts";
export {
  /** Makes an error for a handler to throw: the job is dead. */
  dead,
  /** Makes an error for a handler to throw: the job is to be tried again. */
  retry,
} from "./client/groups/outcomes.ts";
export type {
  /** How to take one job. */
  ClaimOptions,
  /** How to make a group. */
  CreateGroupOptions,
  /** Which group. */
  GroupOptions,
  /** What a connection offers to groups of workers. */
  GroupWork,
  /** How to hold jobs. */
  HoldOptions,
  /** A message that a worker has to work on. */
  Job,
  /** A job that its caller holds. */
  ManualJob,
  /** Which dead jobs to put back. */
  RedriveOptions,
  /** How long a job waits that is to be tried again. */
  RetryBackoff,
  /** A worker of a group. */
  TopicWorker,
  /** A job and its value. */
  ValueJob,
  /** What a worker has done so far. */
  WorkerStats,
  /** How to work. */
  WorkOptions,
} from "./client/groups/working.ts";
export type {
  /** A dead job of a group. */
  DeadJobInfo,
  /** A group of workers, as the server lists it. */
  GroupInfo,
} from "./protocol/group_info.ts";
export type {
  /** The error of a gap. */
  GapError,
  /** What a subscription does at a gap. */
  GapHandler,
  /** How to read one message. */
  ReadOptions,
  /** How to subscribe. */
  SubscribeOptions,
  /** How to wait for a message. */
  WaitOptions,
} from "./client/reading.ts";
export type {
  /** Where a server is: a text, a `URL`, or `{ host, port }`. */
  Address,
  /** A server at a host and a port. */
  HostAddress,
} from "./client/addresses.ts";
export type {
  /** A value that JSON holds exactly. */
  JsonValue,
} from "./client/values/json_value.ts";
export type {
  /** The values that a schema takes. */
  SchemaInput,
  /** What is wrong with a value, as a schema says it. */
  SchemaIssue,
  /** The values that a schema gives. */
  SchemaOutput,
  /** What a schema makes of a value. */
  SchemaResult,
  /** A schema of any library that keeps to Standard Schema. */
  StandardSchema,
} from "./client/values/standard_schema.ts";
export type {
  /** What a subscription does with a value that does not fit. */
  InvalidHandler,
  /** A topic whose messages are values. */
  TypedTopic,
  /** What a connection offers for topics of values. */
  TypedTopics,
  /** A message and its value. */
  ValueMessage,
  /** The messages of a topic with their values, for `for await`. */
  ValueStream,
  /** How to subscribe to values. */
  ValueSubscribeOptions,
} from "./client/values/typed_api.ts";
export type {
  /** Opens a socket. */
  Dial,
  /** The part of a `WebSocket` that a connection uses. */
  Socket,
} from "./client/socket.ts";
export type {
  /** How to connect. */
  ConnectOptions,
  /** How to reconnect. */
  ReconnectOptions,
} from "./client/options.ts";
export type {
  /** Where to start reading. */
  Since,
} from "./client/since.ts";
export type {
  /** How a connection ended for good. */
  CloseInfo,
  /** Whether a connection is connected, reconnecting, or closed for good. */
  ConnectionStatus,
  /** A change of the status. */
  StatusChange,
} from "./client/status_tracker.ts";

/**
 * Connects to a server. The server may still be starting: for 15 seconds, unless `timeout` says otherwise, failed attempts
 * are repeated. An error that cannot pass is not tried again. The error says why connecting failed: in its message, in its
 * `cause`, and as a word in `reason`.
 *
 * Of several addresses of one queue the client takes one at random that answers, and after a break first tries the others.
 *
 * @param address an address such as `"example.org"`, `"wss://example.org/mq"` or `{ port: 4000 }`, or a list of several; by
 *   default the server of this machine, `ws://127.0.0.1:30008`
 * @param options how to connect: token, where to start reading, limits
 * @returns the connection
 * @throws {TypeError | RangeError} if an address or an option is invalid, or there is neither `WebSocket` nor `dial`
 * @throws {Error} if the JavaScript runtime is too old for the client
 * @throws {DsmqError} `unreachable`, if no server answers, with the `reason`; `unauthorized`, if the server needs a token
 *   and did not accept the one that was given, or none was given
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
export async function connect(
  address?: Address | readonly Address[],
  options?: ConnectOptions,
): Promise<Connection> {
  requireRuntime();
  rejectOptions("connect", "connect", arguments[2], "an address and options");
  try {
    const { handshake, plan: redial } = await dialServer(parseOptions(address, options));
    return new DsmqConnection(new ReconnectingClient(handshake, redial));
  } catch (error) {
    // The reason of a signal belongs to the caller.
    throw error === options?.signal?.reason ? error : withCurrentStack(error);
  }
}
