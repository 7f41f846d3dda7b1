/**
 * What whoever runs a server can do about those whom it refuses: the log says so.
 *
 * @module
 */

import type { LimitExceeded } from "./connection_limiter.ts";

/** Which option would let them in, on the command line and (in brackets) in a program. */
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
 * The same for one who finds no place.
 *
 * @param lack why there is none
 * @returns the option
 */
export function limitAdvice({ isPerAddress }: LimitExceeded): string {
  return isPerAddress ? ADVICE.connectionsPerAddress : ADVICE.connections;
}
