/**
 * The time of a replicated store: that of its log, but for jumps of the log's clock.
 *
 * A log stamps records by the clock of whichever machine leads it, and that clock may be set, or another machine may lead. Each record also
 * has the time by its writer's clock, which does not jump: it was read once, and goes on as time passes. If the two have moved apart by much,
 * the stamps are shifted from then on. If they have moved apart by little, a record was on its way for long, or an earlier one was, and the
 * earlier time counts: so nothing expires early. For the same reason no writer is ahead of the one that wrote before it by more than has
 * passed by the log's clock: all go by the slowest.
 *
 * @module
 */

/** If a stamp and the clock of its writer differ by more, in milliseconds, one of them has jumped; else a record was on its way. */
const JUMP = 10_000;

/** If the log's clock is faster than that of a writer, or has jumped by less, the time follows it by one millisecond in so many. */
const SLEW = 1000;

/** A writer may be ahead of the one before it by so much, in milliseconds: delays differ. */
const TOLERANCE = 50;

/** Of so many records within no less than so many milliseconds one has no delay. */
const [FEW, SHORT] = [16, 1000];

/** What is saved of it. */
export interface SavedLogTime {
  /** What is added to the log's stamps, in milliseconds. */
  readonly shift: number;
  /** The last record; `undefined` before the first. */
  readonly last?: {
    /** When it happened. */
    readonly time: number;
    /** The log's stamp. */
    readonly stamp: number;
    /** For how long it was on its way, but for what all of its writer's are; `undefined` if that is not known. */
    readonly delay?: number;
  };
}

/** What is known of a writer's clock with its last record. */
export interface WriterClock {
  /** By how much the clock is ahead of the store's time, in milliseconds. */
  readonly ahead: number;
  readonly leads: Leads;
}

/** When a record happens. */
export interface RecordTime extends WriterClock {
  /** The store's time, in milliseconds since 1970. It does not go back. */
  readonly time: number;
}

/** By how much the log's clock was ahead of a writer's when its records were stored, in milliseconds. */
interface Leads {
  /** The smallest of it lately: more than that is a delay. */
  readonly min: number;
  /** The smallest since `since`, of so many records: if that lasts, the log's clock was set forward. */
  readonly recent: number;
  readonly since: number;
  readonly records: number;
}

/** What decides when a record happens. */
export interface StampedRecord {
  /** When the log stored it, in milliseconds since 1970. */
  readonly stamp: number;
  /** The time by its writer's clock. */
  readonly clock: number;
  /** What is known of that; `undefined` if the writer is new, or was silent for long. */
  readonly known: WriterClock | undefined;
  /** By how much the clock of any writer is ahead at most; `undefined` if none is known. */
  readonly maxAhead: number | undefined;
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
   * @param record its stamp and its writer's clock
   * @returns when it happens
   */
  next(record: StampedRecord): RecordTime {
    const { stamp, clock, known } = record;
    const { shift: before, last } = this.#state;
    const due = known ? clock - known.ahead : this.#ofNew(record);
    const late = stamp + before - due;
    const hasJumped = Math.abs(late) > JUMP;
    const latest = last?.time ?? 0;
    // A record may be late, and never early: if it seems so, those before it were late.
    const slew = hasJumped ? 0 : Math.min(late, Math.max(0, due - latest) / SLEW);
    const lead = stamp - clock;
    const [wanted, limit] = [Math.floor(due + slew), this.#latestBy(stamp)];
    // If the log's clock was set back, it does not show what has passed.
    const isSetBack = known !== undefined && lead < known.leads.min - TOLERANCE;
    const own = wanted > limit + TOLERANCE && !isSetBack ? limit : wanted;
    const shift = hasJumped ? own - stamp : before;
    const time = Math.max(own, latest);
    const leads = leadsAfter(known?.leads, lead, time);
    const delay = known ? { delay: lead - leads.min } : {};
    this.#state = { shift, last: { time, stamp, ...delay } };
    return { time, ahead: clock - own, leads };
  }

  /** The latest time that a record with a stamp may have, by the one before it. */
  #latestBy(stamp: number): number {
    const { last } = this.#state;
    if (last?.delay === undefined || stamp < last.stamp) return Infinity;
    return last.time + last.delay + stamp - last.stamp;
  }

  /** When a record of a new writer happens: since the last one passed no more than the log's clock says, nor by the clock of any writer. */
  #ofNew({ stamp, clock, maxAhead }: StampedRecord): number {
    const { last } = this.#state;
    if (!last) return stamp;
    const passed = stamp - last.stamp;
    if (maxAhead === undefined) return last.time + Math.max(0, passed);
    return last.time + Math.max(0, Math.min(passed, clock - maxAhead - last.time));
  }
}

/** What is known after one more record, which was stored when the log's clock was ahead by so much. */
function leadsAfter(known: Leads | undefined, lead: number, time: number): Leads {
  if (!known) return { min: lead, recent: lead, since: time, records: 1 };
  const [min, recent] = [Math.min(known.min, lead), Math.min(known.recent, lead)];
  const { since, records } = known;
  const isEnough = records >= FEW && time >= since + SHORT;
  return isEnough
    ? { min: recent, recent: lead, since: time, records: 1 }
    : { min, recent, since, records: records + 1 };
}
