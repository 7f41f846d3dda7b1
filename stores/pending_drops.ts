/**
 * What the deduplication index no longer remembers and its tables still have.
 *
 * @module
 */

import type { DroppedRuns } from "./dedup_session.ts";

/** Collects dropped runs until they are deleted from the tables. */
export class PendingDrops {
  readonly #drops: DroppedRuns[] = [];
  #committed = 0;

  /** All of them, the oldest first. */
  get all(): readonly DroppedRuns[] {
    return this.#drops;
  }

  /** The first one that is not final. */
  get firstUncommitted(): DroppedRuns | undefined {
    return this.#drops[this.#committed];
  }

  /** Adds one. */
  add(dropped: DroppedRuns): void {
    this.#drops.push(dropped);
  }

  /** All of them are final. */
  commit(): void {
    this.#committed = this.#drops.length;
  }

  /** Those that are not final did not happen. */
  rollback(): void {
    this.#drops.length = this.#committed;
  }

  /** All of them are deleted from the tables. */
  clear(): void {
    this.#drops.length = this.#committed = 0;
  }
}
