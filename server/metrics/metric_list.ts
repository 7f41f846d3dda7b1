/**
 * All metrics of a server but its histograms and those of groups; `docs/metrics.md` has the same rows.
 *
 * @module
 */

import type { SharedLimit } from "../../protocol/limits.ts";
import type { GroupReadings } from "../../queue/group_reader.ts";
import type { Labels } from "./prom_client_package.ts";
import type { ReplicationStatus, ServerDescription, ServerSource, StoreSource } from "./sources.ts";

/** What one scrape reads, all at one moment. */
export interface Readings {
  readonly server: ServerSource;
  readonly description: ServerDescription;
  /** When the server started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** How many requests and connections were refused, by the code of the error. */
  readonly refusals: Readonly<Record<string, number>>;
  /** What is stored; `undefined` if that cannot be read. */
  readonly stored: Awaited<ReturnType<StoreSource["usage"]>> | undefined;
  /** How far the server is with a log that it shares, if it does. */
  readonly replication: ReplicationStatus | undefined;
  /** What there is of groups; `undefined` if that cannot be read. */
  readonly groups: GroupReadings | undefined;
  /** Whether messages can be stored, as far as that is known. */
  readonly canStore: boolean;
  readonly memory: Deno.MemoryUsage;
  /** In microseconds. */
  readonly cpu: { readonly user: number; readonly system: number };
}

/** A value with its labels. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** One metric. */
export interface MetricSpec {
  readonly type: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Its values; none if they cannot be known now. */
  read(from: Readings): readonly Sample[];
}

/** A metric without labels; it has no value while that is not known. */
export function metric(
  type: MetricSpec["type"],
  name: string,
  help: string,
  read: (from: Readings) => number | undefined,
): MetricSpec {
  const samples = (value: number | undefined) => value === undefined ? [] : [{ labels: {}, value }];
  return { type, name, help, labels: [], read: (from) => samples(read(from)) };
}

/** A metric with one label, whose values are the names of what is read. */
export function labelled(
  type: MetricSpec["type"],
  name: string,
  label: string,
  help: string,
  read: (from: Readings) => Readonly<Record<string, number>>,
): MetricSpec {
  const samples = (values: Readonly<Record<string, number>>) =>
    Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
  return { type, name, help, labels: [label], read: (from) => samples(read(from)) };
}

/** What all connections share: its use, and its limit. */
function shared(name: string, limit: SharedLimit, help: string): MetricSpec[] {
  return [
    metric("gauge", `dsmq_${name}`, `${help}.`, ({ server }) => server.usage(limit).used),
    metric(
      "gauge",
      `dsmq_${name}_limit`,
      `The limit of dsmq_${name}, of all connections together.`,
      ({ server }) => server.usage(limit).limit,
    ),
  ];
}

/** What is read of a log that servers share; nothing where there is none. */
function ofLog(name: string, help: string, read: (log: ReplicationStatus) => number): MetricSpec {
  const readLog = ({ replication }: Readings) => replication && read(replication);
  return metric("gauge", `dsmq_replica_${name}`, help, readLog);
}

/** All of them, in the order in which they are shown. */
export const METRICS: readonly MetricSpec[] = [
  {
    type: "gauge",
    name: "dsmq_info",
    help: "What this server is; its value is 1.",
    labels: ["version", "engine", "store", "durability", "transport"],
    read: ({ description }) => [{ labels: { ...description }, value: 1 }],
  },
  metric(
    "gauge",
    "dsmq_start_time_seconds",
    "When the server started, in seconds since 1970.",
    ({ startedAt }) => startedAt / 1000,
  ),
  metric(
    "counter",
    "dsmq_puts_stored_total",
    "Messages that were put and stored.",
    ({ server }) => server.counts.stored,
  ),
  metric(
    "counter",
    "dsmq_puts_duplicate_total",
    "Messages that were put again, and had been stored before.",
    ({ server }) => server.counts.duplicates,
  ),
  metric(
    "counter",
    "dsmq_put_bytes_total",
    "Bytes of the messages that were stored: bodies as JSON, and attributes.",
    ({ server }) => server.counts.storedBytes,
  ),
  metric(
    "counter",
    "dsmq_deliveries_total",
    "Messages that were streamed or returned by reads, once for each reader.",
    ({ server }) => server.counts.delivered,
  ),
  metric(
    "counter",
    "dsmq_delivered_bytes_total",
    "Bytes of these messages.",
    ({ server }) => server.counts.deliveredBytes,
  ),
  labelled(
    "counter",
    "dsmq_refusals_total",
    "code",
    "Requests and connections that were refused or failed, by the code of the error.",
    ({ refusals }) => refusals,
  ),
  metric(
    "gauge",
    "dsmq_stored_messages",
    "Messages in the store.",
    ({ stored }) => stored?.messages,
  ),
  metric(
    "gauge",
    "dsmq_stored_bytes",
    "Bytes in the store; a message counts its body, its attributes, its topic and 100.",
    ({ stored }) => stored?.bytes,
  ),
  metric(
    "gauge",
    "dsmq_stored_bytes_limit",
    "The limit of dsmq_stored_bytes.",
    ({ server }) => server.limits.storedBytes,
  ),
  metric("gauge", "dsmq_topics", "Topics with messages.", ({ stored }) => stored?.topics),
  metric(
    "gauge",
    "dsmq_topics_limit",
    "The limit of dsmq_topics.",
    ({ server }) => server.limits.topics,
  ),
  metric(
    "gauge",
    "dsmq_store_usable",
    "1 if messages can be read and stored as far as that is known, else 0.",
    ({ canStore, stored }) => canStore && stored ? 1 : 0,
  ),
  ofLog(
    "position",
    "With a log that servers share: the position of the last record that was applied here.",
    ({ position }) => position,
  ),
  ofLog(
    "behind_records",
    "Records that the log has beyond that, as far as is known.",
    ({ behindBy }) => behindBy,
  ),
  ofLog(
    "under_way_records",
    "Records of this server that the log has not brought back yet.",
    ({ underWay }) => underWay,
  ),
  ofLog(
    "waiting_bytes",
    "Bytes of what waits for the log.",
    ({ waitingBytes }) => waitingBytes,
  ),
  ofLog(
    "idle_seconds",
    "For how long nothing has come from the log.",
    ({ idleFor }) => idleFor / 1000,
  ),
  labelled(
    "gauge",
    "dsmq_connections",
    "kind",
    "Open connections and requests of plain HTTP, by their kind.",
    ({ server }) => server.connections(),
  ),
  metric(
    "gauge",
    "dsmq_connections_limit",
    "The limit of open connections.",
    ({ server }) => server.limits.connections,
  ),
  metric(
    "gauge",
    "dsmq_pending_connections",
    "Connections that have not sent a token yet, or wait for a free place.",
    ({ server }) => server.pendingConnections(),
  ),
  metric(
    "gauge",
    "dsmq_pending_connections_limit",
    "The limit of dsmq_pending_connections.",
    ({ server }) => server.limits.pendingConnections,
  ),
  metric(
    "counter",
    "dsmq_dropped_connections_total",
    "Connections that were dropped: their peers read nothing, did not answer, or broke the rules.",
    ({ server }) => server.totals.dropped,
  ),
  metric(
    "counter",
    "dsmq_slow_readers_dropped_total",
    "Those of them that did not read what waited for them.",
    ({ server }) => server.totals.slowReaders,
  ),
  ...shared("subscriptions", "totalSubscriptions", "Streams of messages to subscribers"),
  ...shared("waits", "totalWaits", "Reads that wait for a message"),
  ...shared("cursors", "totalCursors", "Topics that connections have a cursor for"),
  ...shared("in_flight_bytes", "totalInFlightBytes", "Memory of requests in flight"),
  ...shared(
    "partial_bytes",
    "totalPartialBytes",
    "Memory of incomplete requests and frames, over hardened",
  ),
  ...shared("unread_bytes", "totalUnreadBytes", "Memory of what peers have not read yet"),
  labelled(
    "counter",
    "dsmq_log_lines_dropped_total",
    "reason",
    "Lines that are not in the log: others stand for them (rate), or nobody took them (output).",
    ({ server: { log } }) => ({ rate: log.suppressed, output: log.dropped }),
  ),
  metric(
    "counter",
    "process_cpu_seconds_total",
    "CPU time of the process, in seconds.",
    ({ cpu }) => (cpu.user + cpu.system) / 1e6,
  ),
  metric(
    "gauge",
    "process_resident_memory_bytes",
    "Resident memory of the process.",
    ({ memory }) => memory.rss,
  ),
  metric(
    "gauge",
    "dsmq_heap_used_bytes",
    "Memory that V8 uses for objects.",
    ({ memory }) => memory.heapUsed,
  ),
  metric(
    "gauge",
    "dsmq_heap_total_bytes",
    "Memory that V8 has for objects.",
    ({ memory }) => memory.heapTotal,
  ),
  metric(
    "gauge",
    "dsmq_external_memory_bytes",
    "Memory outside of V8's heap that its objects hold.",
    ({ memory }) => memory.external,
  ),
];
