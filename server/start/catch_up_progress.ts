/**
 * What a server tells its operator while it catches up with a log: only if that takes long.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import type { EventLog } from "../../queue/log_event.ts";
import type { CatchUpProgress } from "../../stores/replicated/replica_notice.ts";

/** Nothing is told before, and then only so often, in milliseconds. */
const [FIRST_AFTER, INTERVAL] = [1000, 5000];

/** Tells how far it is. */
export class CatchUpReport {
  readonly #log: EventLog;
  readonly #now: () => number;
  /** When it began, when it came on last, and when that was told last. */
  #begun: number;
  #reachedAt: number;
  #reportedAt: number | undefined;

  /** Begins to count the time. */
  constructor(log: EventLog, clock: Clock) {
    this.#log = log;
    this.#now = () => clock.monotonic?.() ?? clock.now();
    this.#begun = this.#reachedAt = this.#now();
  }

  /** It has come so far. */
  report({ what, done, total }: CatchUpProgress): void {
    const now = this.#now();
    // A replica that is made anew while the server runs begins from there.
    if (now - this.#reachedAt > INTERVAL) [this.#begun, this.#reportedAt] = [now, undefined];
    this.#reachedAt = now;
    const due = this.#reportedAt === undefined
      ? this.#begun + FIRST_AFTER
      : this.#reportedAt + INTERVAL;
    if (now < due) return;
    this.#reportedAt = now;
    const reads = what === "rows" ? "reads a snapshot" : "reads the log";
    const percent = total ? Math.min(100, Math.floor(100 * done / total)) : undefined;
    const amount = percent === undefined
      ? `${grouped(done)} ${what}`
      : `${grouped(done)} of ${grouped(total!)} ${what}, ${percent} %`;
    const message = `${reads}, and takes clients after that: ${amount}`;
    const fields = { what, done, total, percent };
    this.#log.write({ event: "store_catching_up", message, fields });
  }

  /** It has all. */
  done(): void {
    if (this.#reportedAt === undefined) return;
    const seconds = Math.round((this.#now() - this.#begun) / 100) / 10;
    const message = `has read all that the log has, in ${seconds} s`;
    this.#log.write({ event: "store_caught_up", message, fields: { seconds } });
  }
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}
