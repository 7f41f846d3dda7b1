/**
 * What a check of the wire is, and what it gets.
 *
 * @module
 */

import type { WireConnection } from "./wire_connection.ts";

/** What a check gets. */
export interface Wire {
  /** Opens a connection, which ends with the check. */
  connect(): Promise<WireConnection>;
  /** Opens one like a client of dsmq 1.x, which offers no subprotocol. */
  connect1x(): Promise<WireConnection>;
  /** A topic that nobody else uses, below the prefix of the run. */
  topic(name?: string): string;
}

/** Checks by the sentences that they prove. One that fails rejects. */
export type WireChecks = Readonly<Record<string, (wire: Wire) => Promise<void>>>;
