/**
 * A replica whose database has failed: it goes back to where it was saved, and gets from the log what it lacks.
 *
 * @module
 */

import { toStoreError } from "../store.ts";
import type { DigestChain } from "./digest_chain.ts";
import { LogError } from "./record_log.ts";
import type { ReplicaKeeper } from "./replica_keeper.ts";

/** What this needs of the store. */
export interface ReplicaReplayOptions {
  readonly keeper: ReplicaKeeper;
  /** The replica lacks what was there before, for this reason: reads would miss it, and so would those who begin to listen. */
  readonly onReplay: (reason: string) => void;
  /** All that is there again, and saved. */
  readonly onReplayed: () => void;
}

/** Opens a replica again, and knows what was applied before. */
export class ReplicaReplay {
  readonly #options: ReplicaReplayOptions;
  #newest = 0;
  /** What was applied before the database failed, until the replica has all of that again. */
  #before: DigestChain | undefined;

  /** Nothing was applied before. */
  constructor(options: ReplicaReplayOptions) {
    this.#options = options;
  }

  /** Everything up to this position was applied, if by an earlier replica. */
  get newest(): number {
    return this.#newest;
  }

  /** All that was applied: that of the replica, or of the one before it if that had more. */
  get chain(): DigestChain {
    return this.#before ?? this.#options.keeper.replica.chain;
  }

  /** The database has failed: opens the replica again. */
  begin(): void {
    const { keeper, onReplay } = this.#options;
    const { failure } = keeper.replica;
    const { chain } = this;
    try {
      keeper.reopen();
    } finally {
      const { replica } = keeper;
      if (replica.failure !== undefined || replica.chain.last.position < this.#newest) {
        this.#before = chain;
        onReplay(toStoreError("use the replica", failure).message);
      }
    }
    this.#endIfComplete();
  }

  /**
   * Everything up to a position is applied.
   *
   * @throws {LogError} `ahead` if that is not what was applied before
   */
  applied(position: number): void {
    this.#newest = Math.max(this.#newest, position);
    this.#endIfComplete();
  }

  /** The replica was made anew: what was applied before counts no more. */
  rebuilt(): void {
    const { keeper, onReplayed } = this.#options;
    this.#newest = keeper.replica.chain.last.position;
    if (!this.#before) return;
    this.#before = undefined;
    onReplayed();
  }

  /** Only if all can be saved is the database in order. */
  #endIfComplete(): void {
    const { keeper, onReplayed } = this.#options;
    const { chain } = keeper.replica;
    if (!this.#before || chain.last.position < this.#newest) return;
    const { position, digest } = this.#before.last;
    if (chain.at(position)?.digest !== digest) {
      throw new LogError("ahead", "the log has other records");
    }
    keeper.save();
    this.#before = undefined;
    onReplayed();
  }
}
