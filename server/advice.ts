/**
 * What the operator of a server can do about refused clients: the log says so.
 *
 * @module
 */

import type { LimitExceeded } from "./connection_limiter.ts";

/** The option that would admit them, on the command line and (in brackets) in a program. */
export const ADVICE = {
  token:
    "--token or --token-file (tokens) says which are good, a client brings one by --token (token)",
  connections: "--max-connections (limits.connections) says how many may be in",
  connectionsPerAddress:
    "--max-connections-per-address (limits.connectionsPerAddress) says how many may be in",
  pendingConnections:
    "--max-pending-connections (limits.pendingConnections) says how many may wait",
} as const;

/**
 * The same for a connection without a slot.
 *
 * @param lack why there is none
 * @returns the option
 */
export function limitAdvice({ isPerAddress }: LimitExceeded): string {
  return isPerAddress ? ADVICE.connectionsPerAddress : ADVICE.connections;
}
