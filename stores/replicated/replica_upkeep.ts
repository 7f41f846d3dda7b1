/**
 * What a server of a shared store does by itself, each second.
 *
 * @module
 */

import type { StoreTime } from "../store_time.ts";
import type { LogFollower } from "./log_follower.ts";
import type { LogMembership } from "./log_membership.ts";
import type { LogState } from "./record_log.ts";
import type { RecordSender } from "./record_sender.ts";
import type { ReplicaKeeper } from "./replica_keeper.ts";
import type { SnapshotMaker } from "./snapshot_maker.ts";

/** A server writes something at least so often, in milliseconds: so others know that it is there. */
const PRESENCE = 30_000;

/** If the log has more, and nothing has come for so long, its tail is begun again. In milliseconds. */
const STALLED = 3000;

/** What this needs of the store. */
export interface ReplicaUpkeepOptions {
  readonly time: StoreTime;
  readonly keeper: ReplicaKeeper;
  readonly sender: RecordSender;
  readonly follower: LogFollower;
  readonly membership: LogMembership;
  readonly snapshots: SnapshotMaker;
}

/** Keeps a replica saved, known to others, and in step with its log. */
export class ReplicaUpkeep {
  readonly #options: ReplicaUpkeepOptions;
  /** When a record of this server was applied last, by the store's time. */
  #wroteAt = 0;
  /** Where the log begins and ends, as far as is known. */
  #first = 1;
  #last = 0;

  /** Does nothing by itself: it is called. */
  constructor(options: ReplicaUpkeepOptions) {
    this.#options = options;
  }

  /** How many records the log has that are not applied here, as far as is known. */
  get behindBy(): number {
    return Math.max(0, this.#last - this.#options.follower.position);
  }

  /** A record of this server was applied. */
  wrote(): void {
    this.#wroteAt = this.#options.time.now();
  }

  /**
   * The log was asked what it holds.
   *
   * @param state what it holds
   * @param silence for how long nothing has come from it, in milliseconds
   */
  onState({ first, last }: LogState, silence: number): void {
    const { follower } = this.#options;
    [this.#first, this.#last] = [first, last];
    const { position } = follower;
    // It has lost records, or they do not come.
    if (last < position || (last > position && silence > STALLED)) follower.restart();
  }

  /** Each second, unless the server is behind. */
  check(isBehind: boolean): void {
    const { keeper, sender, follower, membership, snapshots, time } = this.#options;
    const { replica } = keeper;
    if (replica.failure !== undefined) return follower.restart();
    if (!replica.identity || isBehind) return;
    const now = time.now();
    try {
      keeper.saveIfDue();
      if (now - this.#wroteAt > PRESENCE) void sender.fence();
      membership.raiseVersion();
      const { schedule } = replica;
      // Or somebody has removed records that a new server needs.
      const isMissed = schedule.maker === undefined &&
        this.#first > (schedule.oldest?.position ?? 0) + 1;
      const { bytes } = replica.parts.messageLog;
      if (isMissed || schedule.isDue(now, bytes)) void snapshots.make();
    } catch {
      // The replica is opened again.
    }
  }
}
