/**
 * Who takes the jobs of a group.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { ClaimedJob } from "../stores/groups/group_commands.ts";
import type { RingMember } from "./ring.ts";

/** Takes jobs of a group: a worker, or a call that waits for one job. */
export interface JobTaker extends RingMember<JobTaker> {
  /** Its name in the store, unique within the group. */
  readonly holder: string;
  /** Names its opening there, if it has a name: it gets no jobs once somebody else has opened the same holder, at any server. */
  readonly opening?: number;
  /**
   * How many jobs it takes now: as many as it has free places, but none while its peer has enough to read. Once that has changed
   * it calls {@linkcode WorkedGroup.offer}.
   *
   * @param freed this many more of its places are about to be free
   */
  capacity(freed: number): number;
  /**
   * Whether it holds jobs besides: then it can wait for others until it may have finished more.
   *
   * @param freed this many of those that it holds are about to be finished
   */
  hasOthers(freed: number): boolean;
  /** Takes jobs. Returns those that it has no room for: they are given back. */
  take(jobs: readonly ClaimedJob[]): readonly ClaimedJob[];
  /** Its lease had ended before it could be given jobs. */
  onLeaseEnded(): void;
  /** It gets no more jobs, and has left the group. */
  end(error: WireError): void;
}
