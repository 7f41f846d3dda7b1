/**
 * A connection to a log on which appends are late, repeated, reordered or lost, and whose tails break off.
 *
 * @module
 */

import type { Random } from "../../testing/seeded.ts";
import { type LogEntry, LogError, type LogPosition } from "../../stores/replicated/record_log.ts";
import { MemoryRecordLog, type SharedLog } from "./memory_record_logs.ts";

/** What becomes of one append. Times are in milliseconds. */
export interface AppendFate {
  /** After how long the log has it, once or several times. Those of other appends may come before it. Empty: it never has. */
  readonly copies: readonly number[];
  /** How long the answer takes once the log has the first copy. */
  readonly answer: number;
  /** `lost`: the append rejects, stored or not; `never`: nobody ever hears of it. */
  readonly outcome: "stored" | "lost" | "never";
}

/** What happens to a connection. */
export interface LogFaults {
  /** What becomes of the next append. */
  append(): AppendFate;
  /** After how many records the next tail breaks off, and how long each of them takes, in milliseconds. */
  tail(): { readonly records: number; readonly delay: number };
}

/** Nothing goes wrong. */
export const NO_FAULTS: LogFaults = {
  append: () => ({ copies: [0], answer: 0, outcome: "stored" }),
  tail: () => ({ records: Infinity, delay: 0 }),
};

/** Waits for some milliseconds, by whatever clock; 0 does not wait at all. */
export type Wait = (ms: number) => Promise<void>;

/** One server's connection to a shared log. */
export class FaultyRecordLog extends MemoryRecordLog {
  /** What goes wrong from now on. */
  faults: LogFaults;
  readonly #log: SharedLog;
  readonly #wait: Wait;
  #cut = new AbortController();
  #isCut = false;
  /** How many copies of records are on their way. */
  #underWay = 0;
  /** How far the reader of the tail has come. */
  #read: LogPosition = 0;

  /**
   * Connects to a log.
   *
   * @param shared the log
   * @param wait waits by the clock of the test
   * @param faults what goes wrong
   */
  constructor(shared: SharedLog, wait: Wait, faults: LogFaults = NO_FAULTS) {
    super(shared);
    this.#log = shared;
    this.#wait = wait;
    this.faults = faults;
  }

  /** All tails break off. */
  endTails(): void {
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  /** Whether the log cannot be reached any more. What is on its way may still arrive. */
  set isCut(isCut: boolean) {
    this.#isCut = isCut;
    if (isCut) this.endTails();
  }

  /** Resolves once nothing is on its way to the log, and all that it has was read here. */
  async quiet(): Promise<void> {
    while (this.#underWay > 0 || this.#read < this.#log.last) await this.#wait(1);
  }

  override async state() {
    this.#requireContact();
    return await super.state();
  }

  override async append(record: Uint8Array): Promise<void> {
    this.#requireContact();
    const { copies: [first, ...others], answer, outcome } = this.faults.append();
    for (const ms of others) void this.#arrive(record, ms);
    if (first !== undefined) await this.#arrive(record, first);
    if (outcome === "never") await new Promise(() => {});
    if (answer > 0) await this.#wait(answer);
    if (outcome === "lost" || this.#isCut) throw new LogError("unavailable", "no answer");
  }

  override async *tail(after: LogPosition, given: AbortSignal): AsyncGenerator<LogEntry> {
    this.#requireContact();
    const { signal } = this.#cut;
    const { records, delay } = this.faults.tail();
    let left = records;
    const ending = new AbortController();
    const end = () => ending.abort();
    for (const one of [given, signal]) one.addEventListener("abort", end, { once: true });
    try {
      for await (const entry of super.tail(after, ending.signal)) {
        if (delay > 0) await this.#wait(delay);
        if (signal.aborted || left-- <= 0) break;
        yield entry;
        this.#read = entry.position;
      }
    } finally {
      for (const one of [given, signal]) one.removeEventListener("abort", end);
    }
    if (!given.aborted) throw new LogError("unavailable", "the connection is lost");
  }

  async #arrive(record: Uint8Array, ms: number): Promise<void> {
    this.#underWay++;
    if (ms > 0) await this.#wait(ms);
    this.#underWay--;
    this.#log.append(record);
  }

  #requireContact(): void {
    if (this.#isCut) throw new LogError("unavailable", "the log cannot be reached");
  }
}

/**
 * Faults that a log may have without having lost anything: all is stored in the end that its writer repeats.
 *
 * @param random decides on each
 * @param maxDelay how long anything takes at most, in milliseconds
 */
export function drawLogFaults(random: Random, maxDelay: number): LogFaults {
  const delay = () => random(4) === 0 ? random(maxDelay + 1) : 0;
  return {
    append() {
      const copies = [delay()];
      if (random(6) === 0) copies.push(random(4 * maxDelay + 1));
      const chance = random(12);
      // It is lost on its way; or only the answer is.
      if (chance === 0) return { copies: [], answer: delay(), outcome: "lost" };
      return { copies, answer: delay(), outcome: chance === 1 ? "lost" : "stored" };
    },
    tail: () => ({ records: random(3) === 0 ? random(20) : Infinity, delay: delay() }),
  };
}
