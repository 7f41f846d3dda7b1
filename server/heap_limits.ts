/**
 * Fits the limits that all connections share to the memory of this process.
 *
 * @module
 */

import type { ServerLimits, SharedLimit } from "../protocol/limits.ts";

/** The memory of one item of a kind, and the share of all items of that kind. */
interface MemoryUse {
  /** In bytes; a topic of maximum size may be in memory twice, as it came and as the key of a map. */
  readonly bytesEach: (limits: Pick<ServerLimits, "topicBytes">) => number;
  /** Of the largest heap that V8 allows. */
  readonly heapFraction: number;
}

const MEMORY_USE: Readonly<Record<SharedLimit, MemoryUse>> = {
  totalCursors: { bytesEach: ({ topicBytes }) => 300 + 2 * topicBytes, heapFraction: 1 / 8 },
  totalWaits: { bytesEach: () => 400, heapFraction: 1 / 16 },
  totalSubscriptions: { bytesEach: ({ topicBytes }) => 700 + topicBytes, heapFraction: 1 / 16 },
  totalInFlightBytes: { bytesEach: () => 1, heapFraction: 1 / 8 },
  // Most of it is outside of the heap.
  totalUnreadBytes: { bytesEach: () => 1, heapFraction: 1 / 4 },
  totalPartialBytes: { bytesEach: () => 1, heapFraction: 1 / 4 },
};

/** The heap limit to assume until V8 was asked, in bytes: no machine has less. */
export const MIN_HEAP: number = 256 * 1024 * 1024;

/**
 * Lowers the limits that nobody has set to what fits.
 *
 * @param limits all limits
 * @param set the limits that were set, and stay as they are
 * @param heap the largest heap that V8 allows, in bytes
 * @returns the limits, some of them lower
 */
export function fitToHeap(
  limits: ServerLimits,
  set: Partial<ServerLimits>,
  heap: number,
): ServerLimits {
  const entries = Object.entries(MEMORY_USE).map(([name, { bytesEach, heapFraction }]) => {
    const limit = limits[name as SharedLimit];
    const max = Math.max(1, Math.floor(heap * heapFraction / bytesEach(limits)));
    return [name, set[name as SharedLimit] !== undefined ? limit : Math.min(limit, max)];
  });
  return { ...limits, ...Object.fromEntries(entries) };
}

/** How much memory these limits allow in all, in bytes, besides what every server needs. */
export function memoryFor(limits: Pick<ServerLimits, SharedLimit | "topicBytes">): number {
  return Object.entries(MEMORY_USE).reduce(
    (sum, [name, { bytesEach }]) => sum + limits[name as SharedLimit] * bytesEach(limits),
    0,
  );
}

/** The heap limit of V8, in bytes. Loads a module for it, which takes some milliseconds. */
export async function heapLimit(): Promise<number> {
  const { getHeapStatistics } = await import("node:v8");
  return getHeapStatistics().heap_size_limit;
}
