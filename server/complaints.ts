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

/** Counts what goes wrong by others' doing, and logs it without letting a bad client fill the log. */
export class Complaints {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #what: string;
  readonly #level: "warn" | "error";
  #count = 0;
  #untold = 0;
  #last: unknown;
  #from = "";
  #advice = "";
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
    this.#untold++;
    this.#last = why;
    this.#from = from;
    this.#advice = advice;
    if (!this.#resting && !this.#stopped) this.#tell();
  }

  /** Says what is untold, and nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#resting?.();
    this.#resting = undefined;
    this.#tell();
  }

  #tell(): void {
    this.#resting = undefined;
    if (this.#untold === 0) return;
    const now = this.#clock.monotonic?.() ?? this.#clock.now();
    const passed = now - this.#toldAt;
    this.#lines = Math.min(LINES, this.#lines + passed / LONG_RUN) - 1;
    this.#toldAt = now;
    const seconds = Math.round(passed / 1000);
    const more = this.#untold > 1 &&
      `and ${this.#untold - 1} more in the last ${seconds <= 1 ? "second" : `${seconds} s`}`;
    this.#untold = 0;
    const from = this.#from === "" ? "" : ` from ${this.#from}`;
    const what = this.#what === "" ? "dsmq:" : `dsmq: ${this.#what}${from}:`;
    const why = this.#last;
    this.#last = undefined;
    if (typeof why !== "string") this.#log[this.#level](what, why, ...(more ? [`(${more})`] : []));
    else {
      const advice = this.#advice === "" ? "" : `; ${this.#advice}`;
      this.#log[this.#level](`${what} ${oneLine(why)}${advice}${more ? ` (${more})` : ""}`);
    }
    if (this.#stopped) return;
    const rest = Math.max(SHORTEST_REST, (1 - this.#lines) * LONG_RUN);
    this.#resting = this.#clock.after(rest, () => this.#tell());
  }
}

/** The beginning of a text, in one line. */
function oneLine(text: string): string {
  const line = text.slice(0, LONGEST).replaceAll(/[\r\n\u2028\u2029]+/g, " ");
  return text.length > LONGEST ? `${line}…` : line;
}
