/**
 * What goes wrong by others' doing, such as refused requests: each is counted, and some are told.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";

/** The shortest time between two lines, in milliseconds. */
const MIN_INTERVAL = 1000;

/** So many lines at that pace; in the long run one in so many milliseconds. */
const BURST_LINES = 10;
const LINE_INTERVAL = 30_000;

/** So much of a sentence is told. */
const MAX_LENGTH = 400;

/** So many kinds wait for their line; what is of more kinds is taken for one. */
const MAX_KINDS = 8;

/** What happened, perhaps more than once, and is to be told. */
interface PendingLine {
  /** Its sentence without what differs each time. */
  readonly kind: string;
  /** When it happened first. */
  readonly since: number;
  reason: unknown;
  from: string;
  advice: string;
  count: number;
}

/** Counts what goes wrong by others' doing, and logs it without letting a bad client fill the log. */
export class RateLimitedLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #subject: string;
  readonly #level: "warn" | "error";
  readonly #pending: PendingLine[] = [];
  #count = 0;
  /** How many lines may be told now, and since when that is so. */
  #lines = BURST_LINES;
  #lastLineAt = -Infinity;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  /**
   * Makes an empty one.
   *
   * @param clock tells when there may be another line
   * @param log takes the lines
   * @param subject what happens, as a line begins; `""` if what is noted says so itself
   * @param level how bad it is
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
   * Notes that it happened.
   *
   * @param reason a sentence, which is told in one line, or an error, which the log gets as it is
   * @param from the address of who did it, if that is known
   * @param advice what can be done about it
   */
  record(reason: unknown, from = "", advice = ""): void {
    this.#count++;
    const pending = this.#pendingOf(typeof reason === "string" ? messageKind(reason) : "");
    Object.assign(pending, { reason, from, advice, count: pending.count + 1 });
    if (!this.#cancelTimer && !this.#stopped) this.#writeNext();
  }

  /** Says what is untold, and nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (const pending of this.#pending.splice(0)) this.#write(pending);
  }

  #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  /** What is untold of a kind. Each has a line of its own: a flood of one must not hide another. */
  #pendingOf(kind: string): PendingLine {
    const all = this.#pending;
    const known = all.find((pending) => pending.kind === kind);
    if (known) return known;
    if (all.length > MAX_KINDS) return all[MAX_KINDS]!;
    const pending = { kind, since: this.#now(), reason: undefined, from: "", advice: "", count: 0 };
    all.push(pending);
    return pending;
  }

  /** Tells of the kind that has waited longest, and of the next one later. */
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

/** A sentence without what its writer put into it: what is in quotes, and numbers. */
function messageKind(reason: string): string {
  return reason.slice(0, MAX_LENGTH).replaceAll(/"(?:[^"\\]|\\.)*"?|\d+/g, "…");
}

/** The beginning of a text, in one line. */
function oneLine(text: string): string {
  const line = text.slice(0, MAX_LENGTH).replaceAll(/[\r\n\u2028\u2029]+/g, " ");
  return text.length > MAX_LENGTH ? `${line}…` : line;
}
