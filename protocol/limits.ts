/**
 * The numbers that both ends agree on, and the limits of a server with their defaults.
 *
 * @module
 */

import { MAX_CLAIMS, MIN_LEASE } from "./group_limits.ts";

/** The version of the protocol; `hello` carries it. */
export const PROTOCOL_VERSION = 1;

/** The default address of servers and clients. */
export const DEFAULT_HOST = "127.0.0.1";

/** The default port, since dsmq 1.x. */
export const DEFAULT_PORT = 30008;

/** How long a message is kept, in milliseconds: ten minutes. */
export const DEFAULT_RETENTION = 600_000;

/** The replies to one frame come in frames of up to this many bytes, unless a single reply is larger. */
export const REPLY_FRAME_BYTES = 256 * 1024;

/** How long a peer may read nothing while much waits for it, in milliseconds; longer for large frames. */
export const SLOW_READER_TIMEOUT = 8000;

/** The longest time a `get_wait` may wait, in milliseconds: what a 32-bit timer can hold. */
export const MAX_WAIT = 2 ** 31 - 1;

/** The default time of a `get_wait`, in milliseconds. */
export const DEFAULT_WAIT = 10_000;

/** How many topics one reply to `topics` lists at most. */
export const TOPICS_PAGE = 1000;

/** How many connections one reply to `connections` lists at most. */
export const CONNECTIONS_PAGE = 250;

/** What happens to a put when as much is stored as may be. */
export type Overflow = "reject" | "drop-oldest";

/** What a message counts in stored bytes, besides its body and its topic. */
export const MESSAGE_OVERHEAD = 100;

/** The limits that a server tells its clients in the reply to `hello`. Sizes are in bytes of UTF-8. */
export interface Limits {
  /** The largest message that may be put, in bytes of its JSON encoding. */
  readonly messageBytes: number;
  /** If larger messages were stored before the server started: none that it sends has more bytes. */
  readonly largestMessageBytes?: number | undefined;
  /** The longest topic. */
  readonly topicBytes: number;
  /** How many requests a frame may hold. */
  readonly frameRequests: number;
  /** How many requests of a connection may be in flight, and how many repeated puts of a session are recognised. */
  readonly inFlight: number;
  /** How many bytes these requests may have together (or one frame, if larger). */
  readonly inFlightBytes: number;
  /** How many `get_wait`s of a connection may wait. */
  readonly waits: number;
  /** How many streams a connection may have. */
  readonly subscriptions: number;
  /** How many topics a connection may have a cursor for. */
  readonly cursors: number;
  /** How many messages of credit a stream may have. */
  readonly creditMessages: number;
  /** The same in bytes of messages. */
  readonly creditBytes: number;
  /** How many jobs the workers of a connection may hold together. */
  readonly heldJobs: number;
  /** How often a worker may have a job tried. */
  readonly attempts: number;
  /** The longest lease of a worker, in milliseconds. */
  readonly lease: number;
  /** For how long a worker may hold a job, in milliseconds. */
  readonly jobTimeout: number;
}

/** All limits of a server. */
export interface ServerLimits extends Omit<Limits, "largestMessageBytes"> {
  /** How many topics may hold messages. */
  readonly topics: number;
  /** How much is stored; a message counts its body, its topic and 100. */
  readonly storedBytes: number;
  /** How many groups of workers there may be. */
  readonly groups: number;
  /** How many jobs of a group may be unfinished: held, delayed, to be retried, behind their key, or dead. */
  readonly unfinished: number;
  /** How much is kept for groups beyond the retention, in the same bytes; half of `storedBytes`, if only that is set. */
  readonly groupBytes: number;
  /** How long a group is kept that nobody works on, in milliseconds. */
  readonly groupRetention: number;
  /** How many connections there may be. */
  readonly connections: number;
  /** How many of them from one address. */
  readonly connectionsPerAddress: number;
  /** How many more connections may wait to be admitted: for their token, or because there are too many. */
  readonly pendingConnections: number;
  /** How long a connection may take to send its token, and how long its check may take, in milliseconds. */
  readonly authTimeout: number;
  /** How many requests of a connection may fail in a minute before it is closed. */
  readonly errorsPerMinute: number;
  /** How many topics all connections together may have a cursor for. */
  readonly totalCursors: number;
  /** How many `get_wait`s of all connections together may wait. */
  readonly totalWaits: number;
  /** How many streams all connections together may have. */
  readonly totalSubscriptions: number;
  /** How much memory the requests in flight of all connections may take, in bytes. */
  readonly totalInFlightBytes: number;
  /** How much memory incomplete requests and frames of all connections may take, in bytes. The transport `builtin` cannot enforce it. */
  readonly totalPartialBytes: number;
  /** How much memory unread data of all connections may take, in bytes; large messages wait for each other. */
  readonly totalUnreadBytes: number;
}

/** Limits that all connections share. */
export type SharedLimit =
  | "totalCursors"
  | "totalWaits"
  | "totalSubscriptions"
  | "totalInFlightBytes"
  | "totalPartialBytes"
  | "totalUnreadBytes";

/** The default of a limit, the range that it can be set to, and what it bounds. */
export interface LimitSpec {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** What it bounds, for people. */
  readonly description: string;
}

const MIB = 1024 * 1024;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** Each limit. Sizes are in bytes, times in milliseconds. */
export const LIMITS: Readonly<Record<keyof ServerLimits, LimitSpec>> = {
  messageBytes: {
    // Below the 1 MiB at which the Python client refuses a frame.
    default: 1_000_000,
    min: 2,
    max: 32 * MIB,
    description: "the size of a message, as JSON, attributes included",
  },
  topicBytes: {
    default: 256,
    min: 1,
    max: 4096,
    description: "the length of a topic, in bytes of UTF-8",
  },
  topics: { default: 100_000, min: 1, max: UNLIMITED, description: "topics that hold messages" },
  storedBytes: {
    default: 1024 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "everything stored: bodies, attributes, topics, and 100 bytes for each message",
  },
  groups: { default: 1_000, min: 0, max: UNLIMITED, description: "groups of workers" },
  unfinished: {
    default: 100_000,
    min: 1,
    max: 10_000_000,
    description: "unfinished jobs of a group: held, delayed, behind their key, or dead",
  },
  groupBytes: {
    default: 512 * MIB,
    min: 0,
    max: UNLIMITED,
    description: "what is kept for groups beyond the retention; by default half of storedBytes",
  },
  groupRetention: {
    default: 24 * 3600 * 1000,
    min: 1,
    max: UNLIMITED,
    description: "how long a group is kept that nobody works on",
  },
  connections: { default: 10_000, min: 1, max: UNLIMITED, description: "connections in total" },
  connectionsPerAddress: {
    default: 10_000,
    min: 1,
    max: UNLIMITED,
    description: "connections from one address",
  },
  pendingConnections: {
    default: 1_000,
    min: 1,
    max: UNLIMITED,
    description: "connections that have not sent a token yet, or wait for a free place",
  },
  frameRequests: { default: 16_384, min: 1, max: UNLIMITED, description: "requests in one frame" },
  inFlight: {
    default: 16_384,
    min: 1,
    max: 1_000_000,
    description: "requests of a connection that wait to be processed",
  },
  inFlightBytes: {
    default: 8 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "the size of these requests together",
  },
  waits: {
    default: 10_000,
    min: 0,
    max: UNLIMITED,
    description: "pending getWait calls of a connection",
  },
  subscriptions: {
    default: 1_000,
    min: 0,
    max: UNLIMITED,
    description: "subscriptions of a connection",
  },
  cursors: {
    default: 100_000,
    min: 1,
    max: UNLIMITED,
    description: "topics that a connection reads",
  },
  creditMessages: {
    default: 1_000_000,
    min: 1,
    max: UNLIMITED,
    description: "messages of credit of a subscription",
  },
  creditBytes: {
    default: 256 * MIB,
    min: 2,
    max: UNLIMITED,
    description: "bytes of credit of a subscription",
  },
  heldJobs: {
    default: MAX_CLAIMS,
    min: 1,
    max: MAX_CLAIMS,
    description: "jobs held by a connection",
  },
  attempts: { default: 100, min: 1, max: UNLIMITED, description: "attempts of a job" },
  lease: { default: 3_600_000, min: MIN_LEASE, max: MAX_WAIT, description: "lease of a worker" },
  jobTimeout: { default: 86_400_000, min: 1, max: MAX_WAIT, description: "timeout of a job" },
  authTimeout: {
    default: 5_000,
    min: 1,
    max: MAX_WAIT,
    description: "how long a connection may take to send its token, and the check of that",
  },
  errorsPerMinute: {
    default: Infinity,
    min: 1,
    max: Infinity,
    description: "failed requests of a connection in a minute; above that it is closed",
  },
  totalCursors: {
    default: 500_000,
    min: 1,
    max: UNLIMITED,
    description: "topics that all connections read, counted for each connection",
  },
  totalWaits: {
    default: 500_000,
    min: 1,
    max: UNLIMITED,
    description: "pending getWait calls of all connections",
  },
  totalSubscriptions: {
    default: 250_000,
    min: 1,
    max: UNLIMITED,
    description: "subscriptions of all connections",
  },
  totalInFlightBytes: {
    default: 512 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "memory for requests of all connections that wait or are processed",
  },
  totalUnreadBytes: {
    default: 512 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "memory for what all connections have not read yet",
  },
  totalPartialBytes: {
    default: 256 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "memory for incomplete requests and frames of all connections (hardened only)",
  },
};

/** The default limits. */
export const DEFAULT_LIMITS: ServerLimits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, { default: defaultValue }]) => [name, defaultValue]),
) as unknown as ServerLimits;
