/**
 * What metrics and `/status` are made of: what a server and its store tell about themselves.
 *
 * @module
 */

import type { ErrorCode } from "../../protocol/error_fields.ts";
import type { ServerLimits, SharedLimit } from "../../protocol/limits.ts";
import type { TrafficCounts } from "../../queue/traffic_counts.ts";
import type { GroupReadings } from "../../queue/group_reader.ts";

/** The metrics of one server. */
export interface Metrics {
  /** The media type of the text. */
  readonly contentType: string;
  /** All metrics now, as Prometheus reads them. */
  text(): Promise<string>;
  /** A request, or a connection, was refused with this code. */
  countRefusal(code: ErrorCode): void;
  /** Begins to measure what takes a timer. */
  start(): void;
  /** Ends that, for good. */
  stop(): void;
}

/** What a server tells. All numbers are those of now, or since its start. */
export interface ServerSource {
  /** What was put and delivered. */
  readonly counts: TrafficCounts;
  readonly totals: {
    /** Requests and connections that were refused, or failed. */
    readonly refused: number;
    /** Connections that were dropped, and those of them that did not read. */
    readonly dropped: number;
    readonly slowReaders: number;
  };
  /** How many connections are open, by their kind. */
  connections(): Readonly<Record<string, number>>;
  /** Connections that are not admitted. */
  pendingConnections(): number;
  /** How many of the `connections` that there may be are taken: by open ones, and by requests of plain HTTP. */
  usedSlots(): number;
  /** What there is of groups; rejects if that cannot be read. */
  readGroups(): Promise<GroupReadings>;
  /** For how many milliseconds it has run, whatever was done to its clock. */
  uptime(): number;
  /** How many lines nobody sees: they were dropped, or others stand for them. */
  readonly log: { readonly dropped: number; readonly suppressed: number };
  readonly limits: Pick<
    ServerLimits,
    "connections" | "pendingConnections" | "storedBytes" | "topics" | "groups"
  >;
  /** How much of a limit all connections use; `undefined` where nobody counts that. */
  usage(name: SharedLimit): { readonly used: number | undefined; readonly limit: number };
}

/** What a store tells. */
export interface StoreSource {
  /** Why nothing can be stored now, as far as that is known. Default: nothing prevents it. */
  findFault?(): string | undefined;
  /** How much it holds; rejects if it cannot be read. */
  usage(): Promise<{
    readonly messages: number;
    readonly bytes: number;
    readonly topics: number;
  }>;
  /** How far it is with its log. Absent: it has none. */
  replicationStatus?(): ReplicationStatus;
  /** Has a function called after each commit with the milliseconds that it took. Absent: nothing is committed. */
  measureCommits?(record: (milliseconds: number) => void): void;
}

/** How far a server is with a log that it shares. */
export interface ReplicationStatus {
  /** The position of the last record that was applied here. */
  readonly position: number;
  /** How many records the log has beyond that, as far as is known. */
  readonly behindBy: number;
  /** How many records of this server the log has not brought back yet. */
  readonly underWay: number;
  /** How many bytes of commands wait for the log. */
  readonly waitingBytes: number;
  /** For how many milliseconds nothing has come from the log. */
  readonly idleFor: number;
}

/** What a server is, as the labels of one metric. */
export interface ServerDescription {
  readonly version: string;
  /** The SQLite engine. */
  readonly engine: string;
  /** `memory`, `sqlite` or `nats`. */
  readonly store: string;
  /** What a stored message survives. */
  readonly durability: string;
  /** The transport, or `handler` on the port of another program. */
  readonly transport: string;
}

/** What tells how a server does. */
export interface OperationSources {
  readonly server: ServerSource;
  readonly store: StoreSource;
  readonly description: ServerDescription;
  /** When the server started, in milliseconds since 1970. */
  readonly startedAt: number;
}

/** Makes the metrics of a server. */
export type CreateMetrics = (sources: OperationSources) => Metrics;
