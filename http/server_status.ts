/**
 * What `GET /status` tells, as JSON.
 *
 * @module
 */

import type { ServerLimits } from "../protocol/limits.ts";
import type { Durability } from "../protocol/encode_replies.ts";
import type { Permission } from "../protocol/token.ts";

/** Topics for which something is permitted: one by its name, or all that begin with a prefix, which is empty for all topics. */
export type PermittedTopics = { readonly topic: string } | { readonly prefix: string };

/** What a server tells whoever may connect. */
export interface ServerStatus {
  /** Such as `dsmq/1.0.0`. */
  readonly server: string;
  /** The store's time, in milliseconds since 1970: that of messages, too. */
  readonly time: number;
  /** The name of the present opening of the store. */
  readonly epoch: string;
  /** What a stored message survives. */
  readonly durability: Durability;
  /** How long a message is kept, in milliseconds. */
  readonly retention: number;
  /** Whether this server knows tokens. Where it knows none, a token changes nothing. */
  readonly tokens: boolean;
  /** What this request may do, and for which topics. No topic is in two entries of a list. */
  readonly permissions: Readonly<Record<Permission, readonly PermittedTopics[]>>;
  /** How the server does: only for those who may administer all topics. */
  readonly operation?: ServerOperation;
}

/** How a server does. Counts are those since its start, all else is as it is now. */
export interface ServerOperation {
  /** `memory`, `sqlite` or `nats`. */
  readonly store: string;
  /** The SQLite engine. */
  readonly engine: string;
  /** The transport, or `handler` on the port of another program. */
  readonly transport: string;
  /** When the server started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** For how many milliseconds it has run since, whatever was done to its clock. */
  readonly uptime: number;
  /** What is stored; `null` if that cannot be read. */
  readonly stored: {
    readonly messages: number;
    readonly bytes: number;
    readonly topics: number;
  } | null;
  /** How far it is with a log that servers share; `null` if it has none. */
  readonly replication: {
    /** The position of the last record that was applied here, and how many the log has beyond that, as far as is known. */
    readonly position: number;
    readonly behindBy: number;
    /** Records of this server that the log has not brought back yet, and bytes of what waits for it. */
    readonly underWay: number;
    readonly waitingBytes: number;
    /** For how many milliseconds nothing has come from the log. */
    readonly idleFor: number;
  } | null;
  /** What there is of groups of workers; `null` if that cannot be read. */
  readonly groups: {
    /** How many there are, and how many of them take no new messages. */
    readonly groups: number;
    readonly stalled: number;
    /** Workers that are connected, and claims that wait for a job. */
    readonly workers: number;
    /** When the oldest message was stored that is not finished, in milliseconds since 1970. */
    readonly oldest: number | null;
    /** Jobs that are not done, by their state; `waiting`: nobody has begun them. */
    readonly jobs: Readonly<
      Record<"waiting" | "ready" | "delayed" | "blocked" | "held" | "dead", number>
    >;
    /** How often something has happened to jobs. */
    readonly counts: Readonly<
      Record<"claimed" | "done" | "retried" | "died" | "givenUp", number>
    >;
  } | null;
  /** Why nothing can be stored, or read, as far as that is known: it may name files. */
  readonly fault: string | null;
  /** Messages, their bytes, and what was refused and dropped. */
  readonly counts: {
    readonly stored: number;
    readonly duplicates: number;
    readonly storedBytes: number;
    readonly delivered: number;
    readonly deliveredBytes: number;
    readonly refused: number;
    readonly dropped: number;
    readonly slowReaders: number;
  };
  /** Open connections and requests of plain HTTP, by their kind. */
  readonly connections: Readonly<Record<string, number>>;
  /** Connections that are not admitted. */
  readonly pendingConnections: number;
  /** Of the process, in bytes. */
  readonly memory: { readonly rss: number; readonly heapUsed: number };
  /** Each limit of which the server counts the use. */
  readonly limits: readonly LimitUse[];
}

/** How near a limit is. */
export interface LimitUse {
  readonly name: keyof ServerLimits;
  /** `null`: that cannot be read now, or nobody counts it: over `builtin`, what is incomplete. */
  readonly used: number | null;
  readonly limit: number;
  readonly unit: "count" | "bytes";
}
