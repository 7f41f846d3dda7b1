/**
 * How a server does, for its administrators: the same numbers as its metrics, without them.
 *
 * @module
 */

import type { LimitUse, ServerOperation } from "../http/server_status.ts";
import type { SharedLimit } from "../protocol/limits.ts";
import type { GroupReadings } from "../queue/group_reader.ts";
import type { OperationSources, StoreSource } from "./metrics/sources.ts";

/** The limits that all connections share, in the order in which they are listed. */
const SHARED_UNITS: Readonly<Record<SharedLimit, LimitUse["unit"]>> = {
  totalSubscriptions: "count",
  totalWaits: "count",
  totalCursors: "count",
  totalInFlightBytes: "bytes",
  totalPartialBytes: "bytes",
  totalUnreadBytes: "bytes",
};

/** What is stored, or why that cannot be read. */
type ReadUsage = { readonly stored: ServerOperation["stored"]; readonly error?: Error };

/**
 * Asks a server and its store.
 *
 * @param sources what they tell
 * @returns how the server does; never rejects, because a store in trouble must not hide everything else
 */
export async function operationOf(
  { server, store, description, startedAt }: OperationSources,
): Promise<ServerOperation> {
  const { stored, error } = await store.usage().then(
    (stored): ReadUsage => ({ stored }),
    (error: Error): ReadUsage => ({ stored: null, error }),
  );
  const groups = await server.readGroups().catch(() => undefined);
  const { store: kind, engine, transport } = description;
  const { counts } = server;
  const { rss, heapUsed } = Deno.memoryUsage();
  return {
    ...{ store: kind, engine, transport, startedAt, uptime: server.uptime() },
    stored,
    replication: store.replicationStatus?.() ?? null,
    groups: groups ? groupsOf(groups) : null,
    fault: store.findFault?.() ?? error?.message ?? null,
    counts: {
      stored: counts.stored,
      duplicates: counts.duplicates,
      storedBytes: counts.storedBytes,
      delivered: counts.delivered,
      deliveredBytes: counts.deliveredBytes,
      ...server.totals,
    },
    connections: server.connections(),
    pendingConnections: server.pendingConnections(),
    memory: { rss, heapUsed },
    limits: limitUses(server, stored, groups?.groups ?? null),
  };
}

function groupsOf(
  { groups, stalled, workers, oldest, jobs, counts }: GroupReadings,
): NonNullable<ServerOperation["groups"]> {
  return { groups, stalled, workers, oldest: oldest ?? null, jobs, counts };
}

function limitUses(
  { limits, usedSlots, pendingConnections, usage }: OperationSources["server"],
  stored: Awaited<ReturnType<StoreSource["usage"]>> | null,
  groups: number | null,
): readonly LimitUse[] {
  const own = (
    name: keyof typeof limits,
    used: number | null,
    unit: LimitUse["unit"] = "count",
  ) => ({ name, used, limit: limits[name], unit });
  return [
    own("connections", usedSlots()),
    own("pendingConnections", pendingConnections()),
    own("storedBytes", stored && stored.bytes, "bytes"),
    own("topics", stored && stored.topics),
    own("groups", groups),
    ...(Object.keys(SHARED_UNITS) as SharedLimit[]).map((name) => {
      const { used = null, limit } = usage(name);
      return { name, used, limit, unit: SHARED_UNITS[name] };
    }),
  ];
}
