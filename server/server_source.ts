/**
 * What a server tells of itself, for its metrics and its status.
 *
 * @module
 */

import type { SharedBudgets } from "../budgets/shared_budgets.ts";
import type { Clock } from "../queue/clock.ts";
import type { Queue } from "../queue/queue.ts";
import type { Connections } from "./connections.ts";
import { GroupReader } from "../queue/group_reader.ts";
import type { LimitsInForce } from "./limits_in_force.ts";
import type { ServerSource } from "./metrics/sources.ts";

/** What it is made of. */
export interface ServerParts {
  readonly queue: Queue;
  readonly connections: Connections;
  readonly budgets: SharedBudgets;
  readonly totals: ServerSource["totals"];
  readonly inForce: LimitsInForce;
  readonly settings: Pick<ServerSource, "log"> & {
    readonly clock: Clock;
    readonly description: { readonly transport: string };
  };
}

/** What a server tells, which starts now. */
export function serverSource(
  { queue, connections, budgets, totals, inForce, settings }: ServerParts,
): ServerSource {
  const { log, clock, description: { transport } } = settings;
  const reader = new GroupReader(queue.store, (name) => queue.groups.workersOf(name));
  const monotonic = () => clock.monotonic?.() ?? clock.now();
  const start = monotonic();
  return {
    counts: queue.counts,
    ...{ totals, log },
    get limits() {
      return inForce.all;
    },
    connections: () => connections.kinds,
    pendingConnections: () => connections.pendingCount,
    usedSlots: () => connections.limiter.used,
    readGroups: () => reader.read(),
    uptime: () => Math.round(monotonic() - start),
    // Over the others Deno holds what is incomplete, and does not tell how much.
    usage: (name) => ({
      ...budgets.usage(name),
      ...(name === "totalPartialBytes" && transport !== "hardened" && { used: undefined }),
    }),
  };
}
