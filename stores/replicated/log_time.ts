/**
 * The time of a replicated store: that of its log, but for jumps of the log's clock.
 *
 * A log stamps records by the clock of whichever machine leads it, and that clock may be set, or another machine may lead. Each record also
 * has the time by its writer's clock, which does not jump: it was read once, and goes on as time passes. If the two have moved apart by much,
 * the stamps are shifted from then on. If they have moved apart by little, a record was on its way for long, or an earlier one was, and the
 * earlier time counts: so nothing expires early.
 *
 * @module
 */

/** If a stamp and the clock of its writer differ by more, in milliseconds, one of them has jumped; else a record was on its way. */
const JUMP = 10_000;

/** If the log's clock is faster than that of a writer, or has jumped by less, the time follows it by one millisecond in so many. */
const SLEW = 1000;

/** What is saved of it. */
export interface SavedLogTime {
  /** What is added to the log's stamps, in milliseconds. */
  readonly shift: number;
  /** The store's time at the last record, and the log's stamp; `undefined` before the first. */
  readonly last?: { readonly time: number; readonly stamp: number };
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
   * @param most by how much the clock of any writer is ahead at most; `undefined` if none is known
   * @returns when it happens
   */
  next(
    stamp: number,
    clock: number,
    ahead: number | undefined,
    most: number | undefined,
  ): RecordTime {
    const { shift, last } = this.#state;
    const [stamped, latest] = [stamp + shift, last?.time ?? 0];
    const due = ahead === undefined ? this.#ofNew(stamp, clock, most) : clock - ahead;
    const late = stamped - due;
    const hasJumped = Math.abs(late) > JUMP;
    // A record may be late, and never early: if it seems so, those before it were late.
    const slew = hasJumped ? 0 : Math.min(late, Math.max(0, due - latest) / SLEW);
    const own = Math.floor(due + slew);
    const time = Math.max(own, latest);
    this.#state = { shift: hasJumped ? own - stamp : shift, last: { time, stamp } };
    return { time, ahead: clock - own };
  }

  /** When a record of a new writer happens: since the last one passed no more than the log's clock says, nor by the clock of any writer. */
  #ofNew(stamp: number, clock: number, most: number | undefined): number {
    const { last } = this.#state;
    if (!last) return stamp;
    const passed = stamp - last.stamp;
    return last.time +
      Math.max(0, most === undefined ? passed : Math.min(passed, clock - most - last.time));
  }
}
