/**
 * What the operator of a server should know of its replica.
 *
 * @module
 */

/** A sentence, and what it is called in the log of the server. */
export interface ReplicaNotice {
  readonly event: "replica_discarded" | "log_replaced" | "snapshot_failed";
  readonly message: string;
  /** Why, if the sentence does not say that. */
  readonly reason?: unknown;
}

/** How far a server is that starts, or whose replica is made anew. */
export interface CatchUpProgress {
  /** What it reads: rows of a snapshot, or records of the log. */
  readonly what: "rows" | "records";
  /** How many it has. */
  readonly done: number;
  /** How many there are, as far as that is known. */
  readonly total: number | undefined;
}
