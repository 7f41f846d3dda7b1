/**
 * How much memory a server under attack may take: what its limits allow, and what any server takes.
 *
 * @module
 */

import { MIB } from "./report.ts";

/**
 * How much the server may keep of incomplete frames, of queued work, and of unread data. An attack may
 * reach all three: a frame is complete before it waits, and is answered before its replies are read.
 */
export const MEMORY_LIMITS = {
  totalPartialBytes: 64 * MIB,
  totalInFlightBytes: 64 * MIB,
  totalUnreadBytes: 64 * MIB,
};

const ALL_LIMITS = Object.values(MEMORY_LIMITS).reduce((sum, bytes) => sum + bytes);

/** The memory of a server that holds nothing: garbage and compiled code; and the memory of an idle connection. */
const [SLACK, IDLE_BYTES] = [64 * MIB, 20 * 1024];

/**
 * Everything that limits bound, if all of it were taken at once, plus what connections and the process take anyway.
 *
 * @param connections how many connections of an attack there are at once
 * @param heldBytes the limits that this attack can reach, in bytes; by default {@linkcode MEMORY_LIMITS}
 * @returns bytes
 */
export function maxMemory(connections: number, heldBytes = ALL_LIMITS): number {
  return heldBytes + SLACK + connections * IDLE_BYTES;
}
