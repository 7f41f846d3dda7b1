/**
 * The time of a replicated store: that of its log, but for jumps of the log's clock.
 *
 * A log stamps records by the clock of whichever machine leads it, and that clock may be set, or another machine may lead. Each record also
 * has the time by its writer's clock, which does not jump: it was read once, and goes on as time passes. If the log's clock has moved by
 * something else than that of a writer, its stamps are shifted from then on.
 *
 * @module
 */

/** A stamp may differ by so much from what its writer's clock makes of it, in milliseconds: records are on their way for some time. */
const TOLERANCE = 100;

/** If it differs by more, but not by so much, two writers do not agree: they come closer by one millisecond in so many. */
const DISAGREEMENT = 10_000;
const SLEW = 1000;

/** What is saved of it. */
export interface SavedLogTime {
  /** What is added to the log's stamps, in milliseconds. */
  readonly shift: number;
  /** The store's time at the last record, and that of its writer's clock; `undefined` before the first. */
  readonly last?: { readonly time: number; readonly clock: number };
}

/** When a record happens. */
export interface RecordTime {
  /** The store's time, in milliseconds since 1970. It does not go back. */
  readonly time: number;
  /** By how much the clock of its writer is ahead of the store's time, in milliseconds. */
  readonly ahead: number;
}

/** Tells the store's time. Decides by the records and their stamps alone, so that all servers have the same. */
export class LogTime {
  #state: SavedLogTime = { shift: 0 };

  /** What is to be saved. */
  get saved(): SavedLogTime {
    return this.#state;
  }

  /** Goes on from what was saved. */
  restore(saved: SavedLogTime): void {
    this.#state = saved;
  }

  /**
   * The next record counts.
   *
   * @param stamp when the log stored it, in milliseconds since 1970
   * @param clock the time by its writer's clock
   * @param ahead by how much that was ahead of the store's time at its last record; `undefined` if it is new, or was silent for long
   * @returns when it happens
   */
  next(stamp: number, clock: number, ahead: number | undefined): RecordTime {
    const { shift, last } = this.#state;
    const [stamped, latest] = [stamp + shift, last?.time ?? 0];
    const due = ahead === undefined ? this.#withoutWriter(stamped, clock) : clock - ahead;
    const own = Math.floor(due + approach(stamped - due, due - latest));
    const time = Math.max(own, latest);
    this.#state = { shift: own - stamp, last: { time, clock } };
    return { time, ahead: clock - own };
  }

  /** What a writer of which nothing is known says: since the last record passed as much as both its clock and the log's say. */
  #withoutWriter(stamped: number, clock: number): number {
    const { last } = this.#state;
    if (!last || Math.abs(stamped - last.time) <= TOLERANCE) return stamped;
    return last.time + Math.max(0, Math.min(stamped - last.time, clock - last.clock));
  }
}

/** How far a writer that is wrong by `error` comes closer to the stamps, after so much time. */
function approach(error: number, passed: number): number {
  const by = Math.abs(error);
  if (by <= TOLERANCE) return error;
  return by > DISAGREEMENT ? 0 : Math.sign(error) * Math.max(0, passed) / SLEW;
}
