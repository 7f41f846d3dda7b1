/**
 * Standard error, for lines that perhaps nobody reads: a full pipe, a full disk, a closed terminal.
 *
 * @module
 */

import { escapeControls } from "../protocol/text.ts";
import type { Log, LogEvent } from "../queue/log_event.ts";
import { jsonLine, levelOf, logArguments } from "./log_line.ts";

/** How lines are written: in words, or each as an object of JSON. */
export const LOG_FORMATS = ["text", "json"] as const;

/** Which events are written: those of a level, and of the levels after it. */
export const LOG_LEVELS = ["info", "warn", "error", "silent"] as const;

/** What is written, and how. */
export interface LogStyle {
  readonly format: typeof LOG_FORMATS[number];
  readonly level: typeof LOG_LEVELS[number];
}

/** How much may wait to be written. */
const MAX_LINES = 1000;
const MAX_CHARACTERS = 64 * 1024;

/** Longer lines are cut. */
const MAX_LINE_LENGTH = 8 * 1024;

/** How long the end waits for what is not written yet, in milliseconds. */
const FLUSH_TIMEOUT = 2000;

/** How long to wait for room if a write does not wait itself, in milliseconds. */
const RETRY_DELAY = { first: 5, max: 100 };

/**
 * Writes bytes until all are written, also if a write reports that there is no room instead of waiting.
 *
 * @param write writes some of them, and returns how many
 * @param bytes what to write
 * @returns once all is written; rejects with any other error of the system
 */
export async function writeFully(
  write: (bytes: Uint8Array) => Promise<number>,
  bytes: Uint8Array,
): Promise<void> {
  let delay = RETRY_DELAY.first;
  for (let rest = bytes; rest.length > 0;) {
    try {
      rest = rest.subarray(await write(rest));
      delay = RETRY_DELAY.first;
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await new Promise((resolve) => setTimeout(resolve, delay));
      delay = Math.min(2 * delay, RETRY_DELAY.max);
    }
  }
}

/** Accepts lines at once and writes them when it can. Lines without room are dropped and counted. */
export class LogWriter {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  readonly #encoder = new TextEncoder();
  /** The command `serve` has options for it. */
  style: LogStyle = { format: "text", level: "info" };
  #pending: string[] = [];
  #characters = 0;
  /** How many lines were dropped, and of how many of them that was said. */
  #dropped = 0;
  #reported = 0;
  /** The last text that was written ends a line. */
  #endsWithNewline = true;
  #writing: Promise<void> | undefined;

  /**
   * Starts without lines.
   *
   * @param write writes some bytes, and returns how many
   */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  /** How many lines were dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Accepts an event. It never waits and never throws.
   *
   * @param event one that is less important than the level is not written; but why a server does not start always is
   * @param text its line of text. Default: as {@linkcode logArguments} says it
   */
  write(event: LogEvent, text?: string): void {
    if (this.#isShown(event)) this.#accept(this.#lineOf(event, text));
  }

  /**
   * Accepts a line that is no event. It never waits and never throws.
   *
   * @param line the line, without its end; of control characters only tabs and line ends are written as they are
   */
  writeLine(line: string): void {
    const event = { event: "notice", message: line.replace(/^dsmq: /, "") } as const;
    if (!this.#isShown(event)) return;
    this.#accept(this.style.format === "json" ? this.#lineOf(event) : truncated(line));
  }

  #isShown(event: LogEvent): boolean {
    const isImportant = LOG_LEVELS.indexOf(levelOf(event)) >= LOG_LEVELS.indexOf(this.style.level);
    return isImportant || event.event === "serve_failed";
  }

  #lineOf(event: LogEvent, text?: string): string {
    if (this.style.format === "json") return jsonLine(event, Date.now());
    return truncated(text === undefined ? joined(logArguments(event)) : escapeControls(text, "\t"));
  }

  #accept(line: string): void {
    if (
      this.#pending.length >= MAX_LINES || this.#characters + line.length > MAX_CHARACTERS
    ) {
      this.#dropped++;
      return;
    }
    this.#pending.push(line);
    this.#characters += line.length;
    this.#writing ??= this.#writePending();
  }

  /** Waits until all is written, but not for long. */
  async flush(): Promise<void> {
    if (!this.#writing) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => timer = setTimeout(resolve, FLUSH_TIMEOUT));
    await Promise.race([this.#writing, late]);
    clearTimeout(timer);
  }

  async #writePending(): Promise<void> {
    // Lines of the same turn are written together.
    await undefined;
    while (this.#pending.length > 0) {
      const lines = this.#pending;
      // They count as waiting until they are written.
      const characters = this.#characters;
      this.#pending = [];
      const bytes = this.#encoder.encode(
        `${this.#endsWithNewline ? "" : "\n"}${lines.join("\n")}\n`,
      );
      try {
        await writeFully((rest) => this.#writeSome(rest), bytes);
        this.#reportDropped();
      } catch {
        // There is nowhere left to report it.
        this.#dropped += lines.length;
      }
      this.#characters -= characters;
    }
    this.#writing = undefined;
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    const written = await this.#write(bytes);
    this.#endsWithNewline = written === bytes.length;
    return written;
  }

  /** There is room again. */
  #reportDropped(): void {
    const count = this.#dropped - this.#reported;
    if (count === 0) return;
    const lines = count === 1 ? "1 line of the log was" : `${count} lines of the log were`;
    this.#reported = this.#dropped;
    const event = {
      event: "lines_dropped",
      message: `${lines} dropped`,
      fields: { dropped: count },
    } as const;
    // It has room in any case.
    if (this.#isShown(event)) this.#pending.push(this.#lineOf(event));
  }
}

/** The one of this process: several would write into each other's lines. */
export const stderr: LogWriter = new LogWriter((bytes) => Deno.stderr.write(bytes));

/** Warnings and errors go to standard error; information is not written. */
export const quietLog: Log = { info() {}, warn: logToStderr, error: logToStderr };

/** The same for the arguments of a log. */
function logToStderr(...data: unknown[]): void {
  stderr.writeLine(joined(data));
}

/** Texts in one line; an error has its own lines. */
function joined(data: readonly unknown[]): string {
  return data.map((value) =>
    typeof value === "string" ? escapeControls(value, "\t") : Deno.inspect(value)
  ).join(" ");
}

/** The beginning of a line of text, without commands for a terminal. */
function truncated(line: string): string {
  const text = line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line;
  return escapeControls(text, "\n\t");
}
