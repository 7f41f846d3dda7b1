/**
 * When waits are over, with one timer for all of a connection: most are served long before their time, and a timer
 * for each would cost more than everything else that is done for it here.
 *
 * @module
 */

/** Something that is over at a time. */
export interface Deadline {
  /** When, by the clock of `performance`. It may become later. */
  readonly end: number;
  /** It is that late now. */
  over(now: number): void;
}

/** The deadlines of a connection. */
export class Deadlines {
  readonly #all = new Set<Deadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer goes off: at the next deadline, or before it. */
  #next = Infinity;

  /** Minds one more. */
  add(deadline: Deadline): void {
    this.#all.add(deadline);
    if (deadline.end < this.#next) this.#wake(deadline.end);
  }

  /** Minds one no more. */
  delete(deadline: Deadline): void {
    this.#all.delete(deadline);
  }

  /** Minds nothing any more. */
  stop(): void {
    this.#all.clear();
    clearTimeout(this.#timer);
    this.#next = Infinity;
  }

  #wake(at: number): void {
    clearTimeout(this.#timer);
    this.#next = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, at - performance.now()));
  }

  #look(): void {
    this.#next = Infinity;
    const now = performance.now();
    for (const deadline of [...this.#all]) if (deadline.end <= now) deadline.over(now);
    let next = Infinity;
    for (const { end } of this.#all) if (end < next) next = end;
    if (next < this.#next) this.#wake(next);
  }
}
