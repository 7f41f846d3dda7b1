/**
 * How much of what all connections share fits in the memory of this process.
 *
 * @module
 */

import type { ServerLimits, SharedLimit } from "../protocol/limits.ts";

/** What one of a kind takes of memory, and how much of it all of that kind may take. */
interface Share {
  /** In bytes; a topic of the largest size may be in memory twice, as it came and as the key of a map. */
  readonly each: (limits: Pick<ServerLimits, "topicBytes">) => number;
  /** Of the largest heap that V8 allows. */
  readonly ofHeap: number;
}

const SHARES: Readonly<Record<SharedLimit, Share>> = {
  totalCursors: { each: ({ topicBytes }) => 300 + 2 * topicBytes, ofHeap: 1 / 8 },
  totalWaits: { each: () => 400, ofHeap: 1 / 16 },
  totalSubscriptions: { each: ({ topicBytes }) => 700 + topicBytes, ofHeap: 1 / 16 },
  totalInFlightBytes: { each: () => 1, ofHeap: 1 / 8 },
  // Most of it is outside of the heap.
  totalUnreadBytes: { each: () => 1, ofHeap: 1 / 4 },
  totalPartialBytes: { each: () => 1, ofHeap: 1 / 4 },
};

/** The largest heap to assume until V8 was asked, in bytes: no machine has less. */
export const SMALL_HEAP: number = 256 * 1024 * 1024;

/**
 * Fits the limits that nobody has set.
 *
 * @param limits all limits
 * @param set those that stay as they are
 * @param heap the largest heap that V8 allows, in bytes
 * @returns the limits, of which some are smaller now
 */
export function fitted(
  limits: ServerLimits,
  set: Partial<ServerLimits>,
  heap: number,
): ServerLimits {
  const fitting = Object.entries(SHARES).map(([name, { each, ofHeap }]) => {
    const limit = limits[name as SharedLimit];
    const most = Math.max(1, Math.floor(heap * ofHeap / each(limits)));
    return [name, set[name as SharedLimit] !== undefined ? limit : Math.min(limit, most)];
  });
  return { ...limits, ...Object.fromEntries(fitting) };
}

/** How much memory these limits allow in all, in bytes, beside what a server always takes. */
export function memoryOf(limits: Pick<ServerLimits, SharedLimit | "topicBytes">): number {
  return Object.entries(SHARES).reduce(
    (sum, [name, { each }]) => sum + limits[name as SharedLimit] * each(limits),
    0,
  );
}

/** The largest heap that V8 allows, in bytes. Loads what knows it, which takes some milliseconds. */
export async function heapLimit(): Promise<number> {
  const { getHeapStatistics } = await import("node:v8");
  return getHeapStatistics().heap_size_limit;
}
