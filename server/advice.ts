/**
 * What the operator of a server can do about refused clients: the log says so.
 *
 * @module
 */

import type { LimitExceeded } from "./connection_limiter.ts";

/** The option that would admit them, on the command line and (in brackets) in a program. */
export const ADVICE = {
  token:
    "--token, --token-file or --jwt-secret-file (auth) sets which are valid, and a client sends one with --token (token)",
  connections: "--max-connections (limits.connections) sets how many may be open",
  connectionsPerAddress:
    "--max-connections-per-address (limits.connectionsPerAddress) sets how many may be open",
  pendingConnections:
    "--max-pending-connections (limits.pendingConnections) sets how many may wait",
} as const;

/**
 * The same for a connection without a slot.
 *
 * @param exceeded the limit that is reached
 * @returns the option
 */
export function limitAdvice({ isPerAddress }: LimitExceeded): string {
  return isPerAddress ? ADVICE.connectionsPerAddress : ADVICE.connections;
}
