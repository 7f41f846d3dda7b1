/**
 * The numbers that both ends of the wire agree on, and the defaults of those that can be set.
 *
 * @module
 */

/** The version of the wire that this code speaks; `hello` carries it. */
export const PROTOCOL_VERSION = 1;

/** Where a server listens, and a client looks for one, unless told otherwise. */
export const DEFAULT_HOST = "127.0.0.1";

/** The port of dsmq since its first version. */
export const DEFAULT_PORT = 30008;

/** How long a message is kept, in milliseconds: ten minutes. */
export const DEFAULT_RETENTION = 600_000;

/** Answers to one frame come back in frames of up to this many bytes (or of one answer, if larger). */
export const REPLY_FRAME_BYTES = 256 * 1024;

/** What a client may send in one frame; or more, if one message is larger. */
export const CLIENT_FRAME_BYTES = 3 * 1024 * 1024;

/** What one may say who has not been admitted yet, in frames and in bytes (in characters, where bytes are not seen). */
export const PREAUTH_FRAMES = 8;
/** See {@linkcode PREAUTH_FRAMES}. */
export const PREAUTH_BYTES = 32 * 1024;

/** For how long a peer may read nothing while much waits for it, in milliseconds; longer where that is large frames. */
export const SLOW_READER_TIMEOUT = 8000;

/** The longest time a `get_wait` may wait, in milliseconds: what a 32-bit timer can hold. */
export const MAX_WAIT = 2 ** 31 - 1;

/** How long a `get_wait` waits unless told otherwise, in milliseconds. */
export const DEFAULT_WAIT = 10_000;

/** How many topics one answer to `topics` lists at most. */
export const TOPICS_PAGE = 1000;

/** How often a server may be asked to give a sign of life, in milliseconds. */
export const HEARTBEAT_INTERVAL = { min: 100, max: 600_000 };

/**
 * An end is given up after a silence of so many intervals; the other looks so often in each. Together with the time from
 * one look to the next that is less than three intervals from the moment when a line died.
 */
export const HEARTBEAT_TIMEOUT = { intervals: 2.5, checks: 4 };

/** Slow is not dead: where it cannot be seen that bytes move, they have time to pass at this speed, in bytes a second. */
export const MIN_PEER_SPEED = 8 * 1024;

/** The same for a frame that a client has announced, where nothing can be heard until it is there as a whole. */
export const MIN_UPLOAD_SPEED = 1024;

/** Lines move bytes in lumps: one who sees them come may see none of so many. */
export const BURST_BYTES = 64 * 1024;

/**
 * What passes within one interval, and is no more than a lump, needs no announcement.
 *
 * @param heartbeatInterval the interval of the heartbeats that the other end counts on, in milliseconds
 * @param speed how fast it is taken to pass, in bytes a second: {@linkcode MIN_PEER_SPEED} to a client, {@linkcode MIN_UPLOAD_SPEED} to a server
 * @returns a frame of more bytes than this is announced
 */
export function announcementThreshold(heartbeatInterval: number, speed: number): number {
  return Math.min(BURST_BYTES, heartbeatInterval / 1000 * speed);
}

/** A message takes so many bytes of what may be stored, beside its body and its topic. */
export const MESSAGE_OVERHEAD = 100;

/** What a server tells its clients of its limits, in the answer to `hello`. Sizes are in bytes of UTF-8. */
export interface Limits {
  /** The largest message, in bytes of its JSON encoding. */
  readonly messageBytes: number;
  /** The longest topic. */
  readonly topicBytes: number;
  /** How many requests a frame may hold. */
  readonly frameRequests: number;
  /** How many requests of a connection may wait to be done; and how many puts of a session are recognised when repeated. */
  readonly inFlight: number;
  /** How many bytes such requests may have together (or one frame, if larger). */
  readonly inFlightBytes: number;
  /** How many `get_wait`s of a connection may wait. */
  readonly waits: number;
  /** How many streams a connection may have. */
  readonly subscriptions: number;
  /** How many topics a connection may have a cursor for. */
  readonly cursors: number;
  /** How many messages a stream may be granted beyond what it was sent. */
  readonly creditMessages: number;
  /** The same in bytes of messages. */
  readonly creditBytes: number;
}

/** All limits that a server has. */
export interface ServerLimits extends Limits {
  /** How many topics may hold messages. */
  readonly topics: number;
  /** How much is stored; a message counts its body, its topic and 100. */
  readonly storedBytes: number;
  /** How many connections there may be. */
  readonly connections: number;
  /** How many of them from one address. */
  readonly connectionsPerAddress: number;
  /** How many connections beside these may wait to be admitted: they owe a token, or there was no place for them. */
  readonly pendingConnections: number;
  /** How long a connection that owes a token may take to bring it, in milliseconds. */
  readonly authTimeout: number;
  /** How many requests of a connection may fail in a minute before it is closed. */
  readonly errorsPerMinute: number;
  /** How many topics all connections together may have a cursor for. */
  readonly totalCursors: number;
  /** How many `get_wait`s of all connections together may wait. */
  readonly totalWaits: number;
  /** How many streams all connections together may have. */
  readonly totalSubscriptions: number;
  /** How much memory the requests of all connections may take that wait to be done or are being done, in bytes. */
  readonly totalInFlightBytes: number;
  /** How much memory may go into requests and frames that have not come whole, of all connections, in bytes; `builtin` cannot be held to it. */
  readonly totalPartialBytes: number;
  /** How much memory may go into what all connections have yet to read, in bytes; large messages wait for each other. */
  readonly totalUnreadBytes: number;
}

/** What all connections share. */
export type SharedLimit =
  | "totalCursors"
  | "totalWaits"
  | "totalSubscriptions"
  | "totalInFlightBytes"
  | "totalPartialBytes"
  | "totalUnreadBytes";

/** The range that a limit can be set to, what it is unless it is set, and what it bounds. */
export interface LimitSpec {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** In the words of a person. */
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
    description: "the largest message, as JSON",
  },
  topicBytes: { default: 256, min: 1, max: 4096, description: "the longest topic" },
  topics: { default: 100_000, min: 1, max: UNLIMITED, description: "topics that hold messages" },
  storedBytes: {
    default: 1024 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "all that is stored: bodies, topics, and 100 a message",
  },
  connections: { default: 10_000, min: 1, max: UNLIMITED, description: "connections in all" },
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
    description: "connections that owe a token, or wait for a place",
  },
  frameRequests: { default: 16_384, min: 1, max: UNLIMITED, description: "requests in one frame" },
  inFlight: {
    default: 16_384,
    min: 1,
    max: 1_000_000,
    description: "requests of a connection that wait to be done",
  },
  inFlightBytes: {
    default: 8 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "what these take together",
  },
  waits: {
    default: 10_000,
    min: 0,
    max: UNLIMITED,
    description: "waiting getWaits of a connection",
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
    description: "messages that a subscription is granted ahead",
  },
  creditBytes: {
    default: 256 * MIB,
    min: 2,
    max: UNLIMITED,
    description: "bytes that a subscription is granted ahead",
  },
  authTimeout: {
    default: 5_000,
    min: 1,
    max: MAX_WAIT,
    description: "how long a token that is owed may take",
  },
  errorsPerMinute: {
    default: Infinity,
    min: 1,
    max: Infinity,
    description: "failed requests of a connection a minute, past which it is closed",
  },
  totalCursors: {
    default: 500_000,
    min: 1,
    max: UNLIMITED,
    description: "topics that all connections read, each counted by itself",
  },
  totalWaits: {
    default: 500_000,
    min: 1,
    max: UNLIMITED,
    description: "waiting getWaits of all connections",
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
    description: "memory for requests of all connections that wait or are being done",
  },
  totalUnreadBytes: {
    default: 512 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "memory for what all connections have yet to read",
  },
  totalPartialBytes: {
    default: 256 * MIB,
    min: 1,
    max: UNLIMITED,
    description: "memory for what has not come whole, of all connections (hardened)",
  },
};

/** All limits as they are unless they are set. */
export const DEFAULT_LIMITS: ServerLimits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, { default: defaultValue }]) => [name, defaultValue]),
) as unknown as ServerLimits;

/** The largest frame that a client may send, in bytes; not every transport can hold it to that. */
export function maxRequestFrameBytes({ messageBytes }: Pick<Limits, "messageBytes">): number {
  // Beside a message there is room for what went into its frame before it.
  return Math.max(CLIENT_FRAME_BYTES, messageBytes + 512 * 1024);
}

/** What a server may say in one frame before it has answered `hello`, and in that answer, in bytes. */
export const MAX_WELCOME_BYTES = 64 * 1024;

/** The largest frame that a server may send behind its welcome, in bytes: far more than its longest list has. */
export function maxReplyFrameBytes({ messageBytes }: Pick<Limits, "messageBytes">): number {
  return Math.max(16 * MIB, messageBytes + 512 * 1024);
}

/** What clients need to know of the limits, and nothing else: a limit of the whole server is its own matter. */
export function clientLimits({
  messageBytes,
  topicBytes,
  frameRequests,
  inFlight,
  inFlightBytes,
  waits,
  subscriptions,
  cursors,
  creditMessages,
  creditBytes,
}: Limits): Limits {
  return {
    messageBytes,
    topicBytes,
    frameRequests,
    inFlight,
    inFlightBytes,
    waits,
    subscriptions,
    cursors,
    creditMessages,
    creditBytes,
  };
}
