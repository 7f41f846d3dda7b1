/**
 * What records change besides messages and groups: how a replicated store works, and who takes part.
 *
 * @module
 */

import type { StoreLimits } from "../store_limits.ts";

/** Names what a server had applied: the digest of all records up to a position, and their results. */
export interface ChainPoint {
  /** The position; 0 before the first record. */
  readonly position: number;
  /** The digest, in hexadecimal. */
  readonly digest: string;
}

/** The options that decide results. All servers of a log have the same. */
export interface StoreConfiguration {
  /** For how many milliseconds a message is kept. */
  readonly retention: number;
  /** How much the store takes. */
  readonly limits: StoreLimits;
}

/** Sets the options that decide results. The first one makes the store. */
export interface Configure {
  /** Which command it is. */
  readonly type: "configure";
  /** How often the store was configured before. If somebody else came first, it changes nothing. */
  readonly after: number;
  /** The options. */
  readonly configuration: StoreConfiguration;
  /** The id of the store, if this is the first one. */
  readonly id: string;
  /** The name of its first epoch, if this is the first one. */
  readonly epoch: string;
  /** The seed of its hashes, a whole number below 2 ** 32, if this is the first one. */
  readonly seed: number;
}

/** A server begins, and asks the others for the time: with what they write next it has it. */
export interface Announce {
  /** Which command it is. */
  readonly type: "announce";
  /** The newest version of the state machine that it knows. */
  readonly knows: number;
}

/** A server takes part. It says so at its start, and again now and then. */
export interface Join {
  /** Which command it is. */
  readonly type: "join";
  /** The newest version of the state machine that it knows. */
  readonly knows: number;
}

/** A server takes part no more: it closes. */
export interface Close {
  /** Which command it is. */
  readonly type: "close";
}

/** A server makes a snapshot, unless another one does. */
export interface BeginSnapshot {
  /** Which command it is. */
  readonly type: "begin_snapshot";
}

/** A snapshot is complete. */
export interface SnapshotTaken extends ChainPoint {
  /** Which command it is. */
  readonly type: "snapshot_taken";
}

/** The log has lost records that were applied, and maybe told to clients: what came after a position is of another epoch. */
export interface BeginEpoch {
  /** Which command it is. */
  readonly type: "begin_epoch";
  /** How many epochs there were before the present one. If somebody else came first, it changes nothing. */
  readonly after: number;
  /** The name of the new epoch. */
  readonly epoch: string;
  /** The last position that is as it was. */
  readonly common: number;
}

/** From now on the state machine has a newer version. It changes nothing unless every server that takes part knows it. */
export interface RaiseVersion {
  /** Which command it is. */
  readonly type: "raise_version";
  /** The version. */
  readonly version: number;
}

/** A record changes how the store works, besides its commands. */
export type ControlCommand =
  | Configure
  | Announce
  | Join
  | Close
  | BeginSnapshot
  | SnapshotTaken
  | BeginEpoch
  | RaiseVersion;
