/**
 * The numbers that both ends agree on, and the limits of a server with their defaults.
 *
 * @module
 */

import {
  CLIENT_LIMITS,
  type ClientLimits,
  defaultsOf,
  type Limits,
  type LimitSpec,
  MAX_WAIT,
  UNLIMITED,
} from "./client_limits.ts";

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

const MIB = 1024 * 1024;

type LimitTable = Readonly<Record<keyof ServerLimits, LimitSpec>>;

/** The limits that clients need not know. */
const OTHER_LIMITS: Omit<LimitTable, keyof ClientLimits> = {
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

/** Each limit. Sizes are in bytes, times in milliseconds. Pure, so that a bundle which asks for none leaves the table out. */
export const LIMITS: LimitTable = /* @__PURE__ */ Object.assign({}, CLIENT_LIMITS, OTHER_LIMITS);

/** The default limits. */
export const DEFAULT_LIMITS: ServerLimits = /* @__PURE__ */ defaultsOf(LIMITS);
