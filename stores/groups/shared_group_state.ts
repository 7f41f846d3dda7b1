/**
 * What the groups of a store share, and what each counts.
 *
 * @module
 */

import type { RenewedMap } from "../../protocol/renewed_map.ts";
import type { GroupMessages } from "./group_messages.ts";
import type { GroupName } from "./group_commands.ts";
import type { HeldJob, Holder } from "./holder.ts";
import type { LeaseClock } from "./lease_clock.ts";
import type { LostClaims } from "./lost_claims.ts";

/** A group to which something may have happened. */
export interface ChangedGroup {
  readonly id: number;
  readonly name: GroupName;
  /** Beyond it everything waits. */
  readonly frontier: number;
  /** When somebody worked on it last, by the clock for that. */
  readonly usedAt: number;
  readonly counts: GroupCounts;
  /** Takes what has happened, if anything has. */
  takeNews(): GroupNews | undefined;
}

/** What all groups of a store share. */
export interface SharedGroupState {
  readonly messages: GroupMessages;
  /** Something has happened to a group. */
  touch(group: ChangedGroup): void;
  readonly clock: LeaseClock;
  /** By it groups are deleted on which nobody works. A server that was stopped for long does not delete them all. */
  readonly idleClock: LeaseClock;
  /** The jobs of all groups that somebody holds, by their claims. */
  readonly held: Pick<RenewedMap<number, HeldJob>, "get">;
  /** The claims whose leases have ended, and for a group those that were never its own, as far as that is known. */
  readonly lost: Pick<LostClaims, "has" | "add">;
  /** How many unfinished jobs a group may have. */
  readonly maxUnfinished: number;
  /** A number for the next claim. */
  nextClaim(): number;
  /** Names a key of a topic; never 0. */
  keyOf(topic: string, key: string): number;
  /** A group does not need a message any more. */
  onReleased(filter: GroupName, seq: number): void;
  /** A job comes due at this time. */
  onDelayed(due: number): void;
  /** A lease, or the time for a job, may end then, by the clock of leases. */
  onHeld(end: number): void;
  /** The holder's row is to be stored, or deleted. */
  onHolder(group: number, holder: Holder, isThere: boolean): void;
  /** How many holders there are. */
  holders: number;
}

/** What has happened to a group since it was asked last. */
export interface GroupNews {
  ready: boolean;
  dead: number;
  givenUp: number;
}

/** What a group has counted. */
export interface GroupCounts {
  claimed: number;
  done: number;
  retried: number;
  died: number;
  givenUp: number;
}
