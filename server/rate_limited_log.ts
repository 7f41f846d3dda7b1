/**
 * Events that others cause, such as refused requests: all are counted, and some are logged.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { EventLog, LogEvent } from "../queue/log_event.ts";

/** How many lines there may be. */
export interface LogPace {
  /** The shortest time between two lines, in milliseconds. */
  readonly minInterval: number;
  /** This many lines may follow each other at that pace. */
  readonly burst: number;
  /** In the long run there is one line in this many milliseconds. */
  readonly interval: number;
}

/** For what any client can cause. */
export const CLIENT_PACE: LogPace = { minInterval: 1000, burst: 10, interval: 30_000 };

/** For what only an administrator can cause: each act has its line, unless somebody does it all the time. */
export const ADMIN_PACE: LogPace = { minInterval: 0, burst: 1000, interval: 1000 };

/** How much of a sentence tells its kind, in characters. */
const KIND_LENGTH = 400;

/** How many kinds may wait for their line. Further kinds count as one. */
const MAX_KINDS = 8;

/** What happened, perhaps more than once, and is not logged yet. */
interface PendingLine {
  /** Its sentence without the parts that differ each time. */
  readonly kind: string;
  /** When it happened first. */
  readonly since: number;
  /** The last one. */
  event: LogEvent;
  count: number;
}

/** Counts events, and logs them without letting a bad client fill the log. */
export class RateLimitedLog implements EventLog {
  readonly #clock: Clock;
  readonly #log: EventLog;
  readonly #pace: LogPace;
  readonly #pending: PendingLine[] = [];
  /** How many lines may be written now, and since when. */
  #lines: number;
  #lastLineAt = -Infinity;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  /**
   * Starts without events.
   *
   * @param clock tells when there may be another line
   * @param log gets the lines
   * @param pace how many. Default: for what any client can cause
   */
  constructor(clock: Clock, log: EventLog, pace: LogPace = CLIENT_PACE) {
    this.#clock = clock;
    this.#log = log;
    this.#pace = pace;
    this.#lines = pace.burst;
  }

  /** Something happened: once, or as often as the event says. */
  write(event: LogEvent): void {
    const pending = this.#pendingOf(event);
    pending.event = event;
    pending.count += event.repeats?.count ?? 1;
    if (!this.#cancelTimer && !this.#stopped) this.#writeNext();
  }

  /** Writes what is pending, and nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (const pending of this.#pending.splice(0)) this.#write(pending);
  }

  #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  /** The pending line of a kind. Each has its own: a flood of one must not hide another. */
  #pendingOf(event: LogEvent): PendingLine {
    const kind = kindOf(event);
    const all = this.#pending;
    const known = all.find((pending) => pending.kind === kind);
    if (known) return known;
    if (all.length > MAX_KINDS) return all[MAX_KINDS]!;
    const { within = 0 } = event.repeats ?? {};
    const pending = { kind, since: this.#now() - within, event, count: 0 };
    all.push(pending);
    return pending;
  }

  /** Writes the line that has waited longest, and the next one later. */
  #writeNext(): void {
    this.#cancelTimer = undefined;
    const pending = this.#pending.shift();
    if (!pending) return;
    const { minInterval, burst, interval } = this.#pace;
    const now = this.#now();
    this.#lines = Math.min(burst, this.#lines + (now - this.#lastLineAt) / interval) - 1;
    this.#lastLineAt = now;
    this.#write(pending);
    const delay = Math.max(minInterval, (1 - this.#lines) * interval);
    // Otherwise nothing else waits.
    if (delay > 0) this.#cancelTimer = this.#clock.after(delay, () => this.#writeNext());
  }

  #write({ event, count, since }: PendingLine): void {
    this.#log.write({ ...event, repeats: { count, within: this.#now() - since } });
  }
}

/** A sentence without what differs each time: quoted texts, and numbers. */
function kindOf({ message, reason }: LogEvent): string {
  const sentence = typeof reason === "string" ? `${message}: ${reason}` : message;
  return sentence.slice(0, KIND_LENGTH).replaceAll(/"(?:[^"\\]|\\.)*"?|\d+/g, "…");
}
