/**
 * Failures caused by others, such as refused requests: all are counted, and some are logged.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";

/** The shortest time between two lines, in milliseconds. */
const MIN_INTERVAL = 1000;

/** This many lines may follow each other at that pace; in the long run there is one in this many milliseconds. */
const BURST_LINES = 10;
const LINE_INTERVAL = 30_000;

/** The longest sentence that is logged. */
const MAX_LENGTH = 400;

/** How many kinds may wait for their line. Further kinds count as one. */
const MAX_KINDS = 8;

/** What happened, perhaps more than once, and is not logged yet. */
interface PendingLine {
  /** Its sentence without the parts that differ each time. */
  readonly kind: string;
  /** When it happened first. */
  readonly since: number;
  reason: unknown;
  from: string;
  advice: string;
  count: number;
}

/** Counts failures caused by others, and logs them without letting a bad client fill the log. */
export class RateLimitedLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #subject: string;
  readonly #level: "warn" | "error";
  readonly #pending: PendingLine[] = [];
  #count = 0;
  /** How many lines may be written now, and since when. */
  #lines = BURST_LINES;
  #lastLineAt = -Infinity;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  /**
   * Starts without failures.
   *
   * @param clock tells when there may be another line
   * @param log gets the lines
   * @param subject the beginning of each line; `""` if the sentences need none
   * @param level the level of the lines
   */
  constructor(clock: Clock, log: Log, subject: string, level: "warn" | "error" = "warn") {
    this.#clock = clock;
    this.#log = log;
    this.#subject = subject;
    this.#level = level;
  }

  /** How often it happened. */
  get count(): number {
    return this.#count;
  }

  /**
   * Records that it happened.
   *
   * @param reason a sentence, which is logged in one line, or an error, which the log gets as it is
   * @param from the address of the client, if it is known
   * @param advice what the operator can do about it
   */
  record(reason: unknown, from = "", advice = ""): void {
    this.#count++;
    const pending = this.#pendingOf(typeof reason === "string" ? messageKind(reason) : "");
    Object.assign(pending, { reason, from, advice, count: pending.count + 1 });
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
  #pendingOf(kind: string): PendingLine {
    const all = this.#pending;
    const known = all.find((pending) => pending.kind === kind);
    if (known) return known;
    if (all.length > MAX_KINDS) return all[MAX_KINDS]!;
    const pending = { kind, since: this.#now(), reason: undefined, from: "", advice: "", count: 0 };
    all.push(pending);
    return pending;
  }

  /** Writes the line that has waited longest, and the next one later. */
  #writeNext(): void {
    this.#cancelTimer = undefined;
    const pending = this.#pending.shift();
    if (!pending) return;
    const now = this.#now();
    this.#lines = Math.min(BURST_LINES, this.#lines + (now - this.#lastLineAt) / LINE_INTERVAL) - 1;
    this.#lastLineAt = now;
    this.#write(pending);
    const delay = Math.max(MIN_INTERVAL, (1 - this.#lines) * LINE_INTERVAL);
    this.#cancelTimer = this.#clock.after(delay, () => this.#writeNext());
  }

  #write({ reason, from, advice, count, since }: PendingLine): void {
    const seconds = Math.round((this.#now() - since) / 1000);
    const more = count > 1 &&
      `and ${count - 1} more in the last ${seconds <= 1 ? "second" : `${seconds} s`}`;
    const source = from === "" ? "" : ` from ${from}`;
    const what = this.#subject === "" ? "dsmq:" : `dsmq: ${this.#subject}${source}:`;
    if (typeof reason !== "string") {
      this.#log[this.#level](what, reason, ...(more ? [`(${more})`] : []));
    } else {
      const line = `${what} ${oneLine(reason)}${advice === "" ? "" : `; ${advice}`}`;
      this.#log[this.#level](`${line}${more ? ` (${more})` : ""}`);
    }
  }
}

/** A sentence without what differs each time: quoted texts, and numbers. */
function messageKind(reason: string): string {
  return reason.slice(0, MAX_LENGTH).replaceAll(/"(?:[^"\\]|\\.)*"?|\d+/g, "…");
}

/** The beginning of a text, in one line. */
function oneLine(text: string): string {
  const line = text.slice(0, MAX_LENGTH).replaceAll(/[\r\n\u2028\u2029]+/g, " ");
  return text.length > MAX_LENGTH ? `${line}…` : line;
}
