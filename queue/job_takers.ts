/**
 * Those who take the jobs of one group, and whose turn it is.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import type { ClaimJobs, GroupName } from "../stores/groups/group_commands.ts";
import type { JobTaker } from "./job_taker.ts";
import { Ring } from "./ring.ts";

/** How much is claimed at a time: for how many takers, how many jobs, and how many bytes of these. */
const MAX_CLAIM = { takers: 64, jobs: 1024, bytes: 192 * 1024 };

/** A claim, and for whom it is. */
export interface JobClaim {
  readonly takers: readonly JobTaker[];
  readonly command: ClaimJobs;
}

/** The takers of a group. However many there are, a claim costs no more than those that it is for. */
export class JobTakers {
  readonly #byHolder = new NameMap<JobTaker>();
  /** Those that may have room: whose turn is next comes first. */
  readonly #ready = new Ring<JobTaker>();
  readonly #onWaiting: (isWaiting: boolean) => void;

  /**
   * Begins with nobody.
   *
   * @param onWaiting is called when the first of them has room, and when none has any more
   */
  constructor(onWaiting: (isWaiting: boolean) => void) {
    this.#onWaiting = onWaiting;
  }

  /** How many there are. */
  get size(): number {
    return this.#byHolder.size;
  }

  /** None of them has room, as far as is known. */
  get areBusy(): boolean {
    return this.#ready.isEmpty;
  }

  /** All of them. */
  get all(): JobTaker[] {
    return [...this.#byHolder.values()];
  }

  /** The one with a name. */
  get(holder: string): JobTaker | undefined {
    return this.#byHolder.get(holder);
  }

  /** Whether it is one of them. */
  has(taker: JobTaker): boolean {
    return this.#byHolder.get(taker.holder) === taker;
  }

  /** Adds one; returns the older one of the same name, which is none of them any more. */
  add(taker: JobTaker): JobTaker | undefined {
    const older = this.get(taker.holder);
    if (older) this.setReady(older, false);
    this.#byHolder.set(taker.holder, taker);
    return older;
  }

  /** Removes one, if it is one of them. */
  delete(taker: JobTaker): void {
    this.setReady(taker, false);
    if (this.has(taker)) this.#byHolder.delete(taker.holder);
  }

  /** One may have room, behind all others that have; or has none. */
  setReady(taker: JobTaker, isReady: boolean): void {
    const wereBusy = this.areBusy;
    if (isReady) this.#ready.add(taker);
    else this.#ready.remove(taker);
    if (this.areBusy !== wereBusy) this.#onWaiting(wereBusy);
  }

  /**
   * Claims for those whose turn is next.
   *
   * @param name the group
   * @param freed whose places are about to be free besides, and how many
   * @returns the claim; `undefined` if nobody has room
   */
  nextClaim(name: GroupName, freed?: ReadonlyMap<JobTaker, number>): JobClaim | undefined {
    const takers: JobTaker[] = [];
    const capacities: number[] = [];
    let areMore = false;
    for (const taker of this.#ready) {
      areMore = takers.length === MAX_CLAIM.takers;
      if (areMore) break;
      const capacity = taker.capacity(freed?.get(taker) ?? 0);
      // It comes back by itself.
      if (capacity === 0) this.setReady(taker, false);
      else capacities[takers.push(taker) - 1] = capacity;
    }
    for (const [taker, places] of freed ?? []) {
      if (taker.next || !this.has(taker)) continue;
      const capacity = taker.capacity(places);
      if (capacity > 0) capacities[takers.push(taker) - 1] = capacity;
    }
    if (takers.length === 0) return undefined;
    // While others wait for their turn, each gets one.
    const share = areMore ? 1 : Math.max(1, Math.floor(MAX_CLAIM.jobs / takers.length));
    const holders = takers.map(({ holder, opening }, i) => ({
      holder,
      opening,
      count: Math.min(capacities[i]!, share),
    }));
    return { takers, command: { type: "claim", name, holders, bytes: MAX_CLAIM.bytes } };
  }
}
