/**
 * What a server under attack may take of memory: what its limits allow, and what any server takes.
 *
 * @module
 */

import { MIB } from "./report.ts";

/**
 * What the server may keep of what has not come whole, of what waits to be done, and of what nobody reads. An attack may
 * reach all three: a frame is whole before it waits, and is answered before the answers are read.
 */
export const MEMORY_LIMITS = {
  totalPartialBytes: 64 * MIB,
  totalInFlightBytes: 64 * MIB,
  totalUnreadBytes: 64 * MIB,
};

const ALL_LIMITS = Object.values(MEMORY_LIMITS).reduce((sum, bytes) => sum + bytes);

/** What a server takes that holds nothing: the garbage of what it has done, and what V8 compiles; and a connection at rest. */
const [SLACK, IDLE_BYTES] = [64 * MIB, 20 * 1024];

/**
 * All that limits bound, were all of it taken at once, beside what connections and the process take anyway.
 *
 * @param connections how many of an attack are there at once
 * @param heldBytes what the limits bound that this attack can reach, in bytes; by default {@linkcode MEMORY_LIMITS}
 * @returns bytes
 */
export function maxMemory(connections: number, heldBytes = ALL_LIMITS): number {
  return heldBytes + SLACK + connections * IDLE_BYTES;
}
