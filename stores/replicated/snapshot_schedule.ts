/**
 * When a snapshot of a replicated store is to be made, and by whom.
 *
 * @module
 */

import type { ChainPoint } from "./control_commands.ts";

/** A snapshot is due once the log has so many bytes more than the last one, if that is more than the state has. */
const DUE_BYTES = 64 * 1024 * 1024;

/** Or once so much time has passed, in milliseconds, by the log's clock. */
const DUE_AFTER = 600_000;

/** Who makes one has so long for it, in milliseconds: after that another server may. */
const SNAPSHOT_LEASE = 300_000;

/** The schedule, as it is saved. */
export interface SavedSchedule {
  /** How many bytes of records have come since the last snapshot. */
  readonly bytes: number;
  /** When that was taken, or the first record came; `undefined` before that. */
  readonly since: number | undefined;
  /** Who makes the next one, and since when. */
  readonly begun: { readonly writer: string; readonly time: number } | undefined;
  /** The last one, and the one before it: at most two. */
  readonly taken: readonly ChainPoint[];
}

/** Decides by the records and their times alone, so that all servers decide alike. */
export class SnapshotSchedule {
  #state: SavedSchedule = { bytes: 0, since: undefined, begun: undefined, taken: [] };

  /** The schedule as it is now. */
  get saved(): SavedSchedule {
    return this.#state;
  }

  /** Goes on from what was saved. */
  restore(saved: SavedSchedule): void {
    this.#state = saved;
  }

  /** The last snapshot but one, or the last: what is before it in the log is not needed any more. */
  get oldest(): ChainPoint | undefined {
    return this.#state.taken[0];
  }

  /** Who makes one now. */
  get maker(): string | undefined {
    return this.#state.begun?.writer;
  }

  /** A record of so many bytes was applied. */
  applied(bytes: number, time: number): void {
    const { bytes: before, since = time } = this.#state;
    this.#state = { ...this.#state, bytes: before + bytes, since };
  }

  /** Whether somebody should make one, if the state has so many bytes. */
  isDue(time: number, stateBytes: number): boolean {
    const { bytes, since = time } = this.#state;
    if (bytes === 0 || !this.#isFree(time)) return false;
    return bytes > Math.max(DUE_BYTES, stateBytes) || time - since > DUE_AFTER;
  }

  /** A writer makes one, unless another does. */
  begin(writer: string, time: number): void {
    if (this.#isFree(time)) this.#state = { ...this.#state, begun: { writer, time } };
  }

  /**
   * One is complete.
   *
   * @param writer who has made it
   * @param point where
   * @param time the time of the record that says so
   * @param known what was applied there, if that is known: a snapshot of something else is none
   */
  complete(writer: string, point: ChainPoint, time: number, known: ChainPoint | undefined): void {
    const { begun, taken } = this.#state;
    // Another one may have been made meanwhile.
    if (begun?.writer !== writer) return;
    if (known && known.digest !== point.digest) {
      this.#state = { ...this.#state, begun: undefined };
      return;
    }
    const last = taken.at(-1);
    const both = last && last.position < point.position ? [last, point] : [point];
    this.#state = { bytes: 0, since: time, begun: undefined, taken: both };
  }

  #isFree(time: number): boolean {
    const { begun } = this.#state;
    return !begun || time - begun.time > SNAPSHOT_LEASE;
  }
}
