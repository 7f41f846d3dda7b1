/**
 * Calls: each ends within its time, whatever happens.
 *
 * @module
 */

import type { HistoryEntry } from "../history.ts";

/** How much later than its timeout a call may end, in milliseconds: the server has half a second to answer. */
const LATE = 1100;

/** Part of a stop may count as time awake, in milliseconds: a process sees only that much time has passed. */
const UNSEEN_STOP = 2500;

type Entry<K extends HistoryEntry["kind"]> = Extract<HistoryEntry, { readonly kind: K }>;

interface Call extends Entry<"called"> {
  readonly at: number;
  /** For how long its process had been stopped by then, and how often. */
  readonly stoppedBefore: number;
  readonly stopsBefore: number;
}

/** How a process was stopped. */
interface Stops {
  /** Since when it is stopped, if it is. */
  since: number | undefined;
  wokenAt: number;
  /** For how long it was, without the present stop, and how often. */
  total: number;
  count: number;
}

/** Follows the calls of a history. */
export class Calls {
  /** The processes that were killed. */
  readonly killed: Set<string> = new Set();
  readonly #faults: string[];
  readonly #open = new Map<number, Call>();
  readonly #stops = new Map<string, Stops>();

  /** There are none yet; faults are added to a list. */
  constructor(faults: string[]) {
    this.#faults = faults;
  }

  /** Whether a process runs, and has run since a time. */
  isAwake(process: string, since: number): boolean {
    const { since: stoppedAt, wokenAt } = this.#stopsOf(process);
    return !this.killed.has(process) && stoppedAt === undefined && wokenAt <= since;
  }

  process({ kind, process }: Entry<"killed" | "stopped" | "woken">, at: number): void {
    if (kind === "killed") return void this.killed.add(process);
    const stops = this.#stopsOf(process);
    this.#stops.set(process, stops);
    if (kind === "stopped") {
      stops.since = at;
      stops.count++;
    } else {
      stops.total += at - (stops.since ?? at);
      stops.since = undefined;
      stops.wokenAt = at;
    }
  }

  called(entry: Entry<"called">, at: number): void {
    const { total, count } = this.#stopsOf(entry.client);
    this.#open.set(entry.call, { ...entry, at, stoppedBefore: total, stopsBefore: count });
  }

  returned({ call: number, outcome }: Entry<"returned">, at: number): void {
    const call = this.#open.get(number);
    if (!call) return void this.#faults.push(`call ${number}, which was not open, has returned`);
    this.#open.delete(number);
    const { client, what, timeout } = call;
    if (timeout === undefined) return;
    const { total, count } = this.#stopsOf(client);
    const took = at - call.at;
    const stopped = total - call.stoppedBefore;
    if (took > timeout + stopped + LATE) {
      this.#faults.push(`${what} of ${client} took ${took} ms, its timeout was ${timeout}`);
    }
    const unseen = (count - call.stopsBefore) * UNSEEN_STOP;
    if (outcome === "nothing" && what !== "close" && took < timeout - unseen - 1) {
      this.#faults.push(`${what} of ${client} gave up after ${took} of ${timeout} ms`);
    }
  }

  /** The run is over: all have returned, but those of processes that were killed. */
  end(): void {
    for (const { client, what, at } of this.#open.values()) {
      if (!this.killed.has(client)) {
        this.#faults.push(`${what} of ${client}, called at ${at}, has not returned`);
      }
    }
  }

  #stopsOf(process: string): Stops {
    return this.#stops.get(process) ?? { since: undefined, wokenAt: 0, total: 0, count: 0 };
  }
}
