/**
 * What goes wrong by others' doing, such as refused requests: each is counted, and some are told.
 *
 * @module
 */

import type { Clock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";

/** The shortest time between two lines, in milliseconds. */
const SHORTEST_REST = 1000;

/** So many lines at that pace; in the long run one in so many milliseconds. */
const LINES = 10;
const LONG_RUN = 30_000;

/** So much of a sentence is told. */
const LONGEST = 400;

/** So many kinds wait for their line; what is of more kinds is taken for one. */
const KINDS = 8;

/** What happened, perhaps more than once, and is to be told. */
interface Untold {
  /** Its sentence without what differs each time. */
  readonly kind: string;
  /** When it happened first. */
  readonly since: number;
  why: unknown;
  from: string;
  advice: string;
  count: number;
}

/** Counts what goes wrong by others' doing, and logs it without letting a bad client fill the log. */
export class Complaints {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #what: string;
  readonly #level: "warn" | "error";
  readonly #untold: Untold[] = [];
  #count = 0;
  /** How many lines may be told now, and since when that is so. */
  #lines = LINES;
  #toldAt = -Infinity;
  #resting: (() => void) | undefined;
  #stopped = false;

  /**
   * Makes an empty one.
   *
   * @param clock tells when there may be another line
   * @param log takes the lines
   * @param what what happens, as a line begins; `""` if what is noted says so itself
   * @param level how bad it is
   */
  constructor(clock: Clock, log: Log, what: string, level: "warn" | "error" = "warn") {
    this.#clock = clock;
    this.#log = log;
    this.#what = what;
    this.#level = level;
  }

  /** How often it happened. */
  get count(): number {
    return this.#count;
  }

  /**
   * Notes that it happened.
   *
   * @param why a sentence, which is told in one line, or an error, which the log gets as it is
   * @param from the address of who did it, if that is known
   * @param advice what can be done about it
   */
  note(why: unknown, from = "", advice = ""): void {
    this.#count++;
    const untold = this.#of(typeof why === "string" ? kindOf(why) : "");
    Object.assign(untold, { why, from, advice, count: untold.count + 1 });
    if (!this.#resting && !this.#stopped) this.#tell();
  }

  /** Says what is untold, and nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#resting?.();
    this.#resting = undefined;
    for (const untold of this.#untold.splice(0)) this.#say(untold);
  }

  #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  /** What is untold of a kind. Each has a line of its own: a flood of one must not hide another. */
  #of(kind: string): Untold {
    const all = this.#untold;
    const known = all.find((untold) => untold.kind === kind);
    if (known) return known;
    if (all.length > KINDS) return all[KINDS]!;
    const untold = { kind, since: this.#now(), why: undefined, from: "", advice: "", count: 0 };
    all.push(untold);
    return untold;
  }

  /** Tells of the kind that has waited longest, and of the next one later. */
  #tell(): void {
    this.#resting = undefined;
    const untold = this.#untold.shift();
    if (!untold) return;
    const now = this.#now();
    this.#lines = Math.min(LINES, this.#lines + (now - this.#toldAt) / LONG_RUN) - 1;
    this.#toldAt = now;
    this.#say(untold);
    const rest = Math.max(SHORTEST_REST, (1 - this.#lines) * LONG_RUN);
    this.#resting = this.#clock.after(rest, () => this.#tell());
  }

  #say({ why, from, advice, count, since }: Untold): void {
    const seconds = Math.round((this.#now() - since) / 1000);
    const more = count > 1 &&
      `and ${count - 1} more in the last ${seconds <= 1 ? "second" : `${seconds} s`}`;
    const who = from === "" ? "" : ` from ${from}`;
    const what = this.#what === "" ? "dsmq:" : `dsmq: ${this.#what}${who}:`;
    if (typeof why !== "string") this.#log[this.#level](what, why, ...(more ? [`(${more})`] : []));
    else {
      const line = `${what} ${oneLine(why)}${advice === "" ? "" : `; ${advice}`}`;
      this.#log[this.#level](`${line}${more ? ` (${more})` : ""}`);
    }
  }
}

/** A sentence without what its writer put into it: what is in quotes, and numbers. */
function kindOf(why: string): string {
  return why.slice(0, LONGEST).replaceAll(/"(?:[^"\\]|\\.)*"?|\d+/g, "…");
}

/** The beginning of a text, in one line. */
function oneLine(text: string): string {
  const line = text.slice(0, LONGEST).replaceAll(/[\r\n\u2028\u2029]+/g, " ");
  return text.length > LONGEST ? `${line}…` : line;
}
