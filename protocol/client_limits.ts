/**
 * The limits that a server tells its clients, with their defaults and bounds: all that a client needs of the table of limits.
 *
 * @module
 */

import { MAX_CLAIMS, MIN_LEASE } from "./group_limits.ts";

/** The longest time a `get_wait` may wait, in milliseconds: what a 32-bit timer can hold. */
export const MAX_WAIT = 2 ** 31 - 1;

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

/** The default of a limit, the range that it can be set to, and what it bounds. */
export interface LimitSpec {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** What it bounds, for people. */
  readonly description: string;
}

const MIB = 1024 * 1024;

/** The largest value of a limit that has no other. */
export const UNLIMITED: number = Number.MAX_SAFE_INTEGER;

/** The limits that each server has. */
export type ClientLimits = Omit<Limits, "largestMessageBytes">;

/** Each of these limits. Sizes are in bytes, times in milliseconds. */
export const CLIENT_LIMITS: Readonly<Record<keyof ClientLimits, LimitSpec>> = {
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
};

/** The defaults of limits, by their names. */
export function defaultsOf<Name extends string>(
  limits: Readonly<Record<Name, LimitSpec>>,
): Record<Name, number> {
  const defaults = Object.entries<LimitSpec>(limits).map(([name, spec]) => [name, spec.default]);
  return Object.fromEntries(defaults);
}

/** What a client goes by until its server has told its limits. */
export const DEFAULT_CLIENT_LIMITS: ClientLimits = defaultsOf(CLIENT_LIMITS);
