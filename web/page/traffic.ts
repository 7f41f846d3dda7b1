/**
 * Rates, from counters that only grow.
 *
 * @module
 */

/** How fast an average forgets, in milliseconds. */
const MEMORY = 3000;

interface Reading {
  readonly count: number;
  readonly at: number;
  readonly rate: number | undefined;
}

/** How fast each of many counters grows, as a moving average. */
export class Rates {
  #readings = new Map<string, Reading>();

  /**
   * Takes the counters as they are now.
   *
   * @param counters each with its name; those that are missing are forgotten
   * @param at when they were read, in milliseconds
   */
  update(counters: Iterable<readonly [name: string, count: number | undefined]>, at: number): void {
    const readings = new Map<string, Reading>();
    for (const [name, count] of counters) {
      if (count === undefined) continue;
      const before = this.#readings.get(name);
      readings.set(name, { count, at, rate: before && nextRate(before, count, at) });
    }
    this.#readings = readings;
  }

  /** How fast a counter grows, a second; `undefined` until it was read twice. */
  of(name: string): number | undefined {
    return this.#readings.get(name)?.rate;
  }
}

function nextRate({ count: before, at: then, rate }: Reading, count: number, at: number): number {
  const elapsed = Math.max(1, at - then);
  // A counter that is smaller has begun anew.
  const latest = (count >= before ? count - before : count) * 1000 / elapsed;
  if (rate === undefined) return latest;
  const weight = Math.exp(-elapsed / MEMORY);
  return rate * weight + latest * (1 - weight);
}

/** How many points a chart has at most, one a second; and what it shows, in milliseconds. */
const HISTORY = { points: 300, span: 300_000 } as const;

/** How far two readings of a chart are apart at least, in milliseconds. */
const MIN_SPAN = 500;

/** One that is older by less than this, in milliseconds, comes late; of one that is older by more, the clock was set back. */
const MAX_LATE = 30_000;

/** The puts and deliveries of the last five minutes, a second each, as uPlot takes them: times in seconds, then values. */
export class History {
  readonly #times: number[] = [];
  readonly #puts: (number | null)[] = [];
  readonly #deliveries: (number | null)[] = [];
  #last: { readonly at: number; readonly puts: number; readonly deliveries: number } | undefined;

  /**
   * Takes the counters of the server.
   *
   * @param at when, in milliseconds
   * @param puts how many messages were stored since it started
   * @param deliveries how many were delivered
   */
  add(at: number, puts: number, deliveries: number): void {
    const last = this.#last;
    // What two readings just after another say of a second is chance.
    if (last && at - last.at < MIN_SPAN && at > last.at - MAX_LATE) return;
    this.#last = { at, puts, deliveries };
    // The clock was set back: what was later has not been yet.
    if (last && at < last.at) {
      for (const values of [this.#times, this.#puts, this.#deliveries]) values.length = 0;
    }
    if (!last || at < last.at) return;
    const isGap = puts < last.puts || deliveries < last.deliveries || at - last.at > 5000;
    const rate = (now: number, before: number) =>
      isGap ? null : (now - before) * 1000 / (at - last.at);
    this.#times.push(at / 1000);
    this.#puts.push(rate(puts, last.puts));
    this.#deliveries.push(rate(deliveries, last.deliveries));
    const firstShown = this.#times.findIndex((time) => time * 1000 > at - HISTORY.span);
    const old = Math.max(firstShown, this.#times.length - HISTORY.points);
    for (const values of [this.#times, this.#puts, this.#deliveries]) values.splice(0, old);
  }

  /** Times and puts a second. */
  get puts(): ChartData {
    return [this.#times, this.#puts];
  }

  /** Times and deliveries a second. */
  get deliveries(): ChartData {
    return [this.#times, this.#deliveries];
  }
}

/** Times in seconds since 1970, and a value for each; `null` where nothing is known. */
export type ChartData = [times: number[], values: (number | null)[]];
