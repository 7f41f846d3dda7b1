/**
 * The numbers that both ends of the wire agree on, and the defaults of those that can be set.
 *
 * @module
 */

/** The version of the wire that this code speaks; `hello` carries it. */
export const PROTOCOL = 1;

/** Where a server listens, and a client looks for one, unless told otherwise. */
export const DEFAULT_HOST = "127.0.0.1";

/** The port of dsmq since its first version. */
export const DEFAULT_PORT = 30008;

/** How long a message is kept, in milliseconds: ten minutes. */
export const DEFAULT_RETENTION = 600_000;

/** Answers to one frame come back in frames of up to this many bytes (or of one answer, if larger). */
export const FRAME_BYTES = 256 * 1024;

/** What a client may send in one frame; or more, if one message is larger. */
export const CLIENT_FRAME_BYTES = 3 * 1024 * 1024;

/** What one may say who has not been admitted yet, in frames and in bytes (in characters, where bytes are not seen). */
export const FIRST_FRAMES = 8;
/** See {@linkcode FIRST_FRAMES}. */
export const FIRST_BYTES = 32 * 1024;

/** For how long a peer may read nothing while much waits for it, in milliseconds; longer where that is large frames. */
export const PATIENCE = 8000;

/** The longest time a `get_wait` may wait, in milliseconds: what a 32-bit timer can hold. */
export const MAX_WAIT = 2 ** 31 - 1;

/** How long a `get_wait` waits unless told otherwise, in milliseconds. */
export const DEFAULT_WAIT = 10_000;

/** How many topics one answer to `topics` lists at most. */
export const TOPICS_PAGE = 1000;

/** How often a server may be asked to give a sign of life, in milliseconds. */
export const HEARTBEAT = { least: 100, most: 600_000 };

/**
 * An end is given up after a silence of so many intervals; the other looks so often in each. Together with the time from
 * one look to the next that is less than three intervals from the moment when a line died.
 */
export const SILENCE = { intervals: 2.5, looks: 4 };

/** Slow is not dead: where it cannot be seen that bytes move, they have time to pass at this speed, in bytes a second. */
export const PEER_SPEED = 8 * 1024;

/** The same for a frame that a client has announced, where nothing can be heard until it is there as a whole. */
export const SLOWEST = 1024;

/** Lines move bytes in lumps: one who sees them come may see none of so many. */
export const LUMP = 64 * 1024;

/**
 * What passes within one interval, and is no more than a lump, needs no announcement.
 *
 * @param heartbeat the interval of the heartbeats that the other end counts on, in milliseconds
 * @param speed how fast it is taken to pass, in bytes a second: {@linkcode PEER_SPEED} to a client, {@linkcode SLOWEST} to a server
 * @returns a frame of more bytes than this is announced
 */
export function announcedAbove(heartbeat: number, speed: number): number {
  return Math.min(LUMP, heartbeat / 1000 * speed);
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
  readonly tokenTime: number;
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
export interface Limit {
  readonly usual: number;
  readonly least: number;
  readonly most: number;
  /** In the words of a person. */
  readonly says: string;
}

const MIB = 1024 * 1024;
const ANY = Number.MAX_SAFE_INTEGER;

/** Each limit. Sizes are in bytes, times in milliseconds. */
export const LIMITS: Readonly<Record<keyof ServerLimits, Limit>> = {
  messageBytes: {
    // Below the 1 MiB at which the Python client refuses a frame.
    usual: 1_000_000,
    least: 2,
    most: 32 * MIB,
    says: "the largest message, as JSON",
  },
  topicBytes: { usual: 256, least: 1, most: 4096, says: "the longest topic" },
  topics: { usual: 100_000, least: 1, most: ANY, says: "topics that hold messages" },
  storedBytes: {
    usual: 1024 * MIB,
    least: 1,
    most: ANY,
    says: "all that is stored: bodies, topics, and 100 a message",
  },
  connections: { usual: 10_000, least: 1, most: ANY, says: "connections in all" },
  connectionsPerAddress: {
    usual: 10_000,
    least: 1,
    most: ANY,
    says: "connections from one address",
  },
  pendingConnections: {
    usual: 1_000,
    least: 1,
    most: ANY,
    says: "connections that owe a token, or wait for a place",
  },
  frameRequests: { usual: 16_384, least: 1, most: ANY, says: "requests in one frame" },
  inFlight: {
    usual: 16_384,
    least: 1,
    most: 1_000_000,
    says: "requests of a connection that wait to be done",
  },
  inFlightBytes: { usual: 8 * MIB, least: 1, most: ANY, says: "what these take together" },
  waits: { usual: 10_000, least: 0, most: ANY, says: "waiting getWaits of a connection" },
  subscriptions: { usual: 1_000, least: 0, most: ANY, says: "subscriptions of a connection" },
  cursors: { usual: 100_000, least: 1, most: ANY, says: "topics that a connection reads" },
  creditMessages: {
    usual: 1_000_000,
    least: 1,
    most: ANY,
    says: "messages that a subscription is granted ahead",
  },
  creditBytes: {
    usual: 256 * MIB,
    least: 2,
    most: ANY,
    says: "bytes that a subscription is granted ahead",
  },
  tokenTime: {
    usual: 5_000,
    least: 1,
    most: MAX_WAIT,
    says: "how long a token that is owed may take",
  },
  errorsPerMinute: {
    usual: Infinity,
    least: 1,
    most: Infinity,
    says: "failed requests of a connection a minute, past which it is closed",
  },
  totalCursors: {
    usual: 500_000,
    least: 1,
    most: ANY,
    says: "topics that all connections read, each counted by itself",
  },
  totalWaits: { usual: 500_000, least: 1, most: ANY, says: "waiting getWaits of all connections" },
  totalSubscriptions: {
    usual: 250_000,
    least: 1,
    most: ANY,
    says: "subscriptions of all connections",
  },
  totalInFlightBytes: {
    usual: 512 * MIB,
    least: 1,
    most: ANY,
    says: "memory for requests of all connections that wait or are being done",
  },
  totalUnreadBytes: {
    usual: 512 * MIB,
    least: 1,
    most: ANY,
    says: "memory for what all connections have yet to read",
  },
  totalPartialBytes: {
    usual: 256 * MIB,
    least: 1,
    most: ANY,
    says: "memory for what has not come whole, of all connections (hardened)",
  },
};

/** All limits as they are unless they are set. */
export const USUAL_LIMITS: ServerLimits = Object.fromEntries(
  Object.entries(LIMITS).map(([name, { usual }]) => [name, usual]),
) as unknown as ServerLimits;

/** The largest frame that a client may send, in bytes; not every transport can hold it to that. */
export function largestFrame({ messageBytes }: Pick<Limits, "messageBytes">): number {
  // Beside a message there is room for what went into its frame before it.
  return Math.max(CLIENT_FRAME_BYTES, messageBytes + 512 * 1024);
}

/** What a server may say in one frame before it has answered `hello`, and in that answer, in bytes. */
export const WELCOME_BYTES = 64 * 1024;

/** The largest frame that a server may send behind its welcome, in bytes: far more than its longest list has. */
export function largestAnswer({ messageBytes }: Pick<Limits, "messageBytes">): number {
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
