/**
 * Standard error, for lines that perhaps nobody reads: a full pipe, a full disk, a terminal that is gone.
 *
 * @module
 */

import { escapeControls } from "../protocol/text.ts";
import type { Log } from "../queue/queue.ts";

/** How much may wait to be written. */
const MAX_LINES = 1000;
const MAX_CHARACTERS = 64 * 1024;

/** What is longer is cut. */
const LONGEST = 8 * 1024;

/** How long the end waits for what is not written yet, in milliseconds. */
const FLUSH_TIME = 500;

/** How long to wait for room where a write does not wait itself, in milliseconds. */
const RETRY = { first: 5, longest: 100 };

/**
 * Writes bytes until all are written, also where a write does not wait for room but says that there is none.
 *
 * @param write writes some of them, and returns how many
 * @param bytes what to write
 * @returns once all is written; rejects with any other error of the system
 */
export async function writeAll(
  write: (bytes: Uint8Array) => Promise<number>,
  bytes: Uint8Array,
): Promise<void> {
  let pause = RETRY.first;
  for (let rest = bytes; rest.length > 0;) {
    try {
      rest = rest.subarray(await write(rest));
      pause = RETRY.first;
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(2 * pause, RETRY.longest);
    }
  }
}

/** Takes lines at once and writes them when it can. Those for which there is no room are dropped, and counted. */
export class LogWriter {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  #characters = 0;
  #dropped = 0;
  /** What was written ends with the end of a line. */
  #whole = true;
  #writing: Promise<void> | undefined;

  /**
   * Makes it; nothing waits.
   *
   * @param write writes some bytes, and returns how many
   */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  /**
   * Takes a line. It never waits and never throws.
   *
   * @param line the line, without its end; of control characters only tabs and ends of lines are written as they are
   */
  say(line: string): void {
    const text = line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
    if (
      this.#waiting.length >= MAX_LINES || this.#characters + text.length > MAX_CHARACTERS
    ) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(escapeControls(text, "\n\t"));
    this.#characters += text.length;
    this.#writing ??= this.#writeWaiting();
  }

  /** Waits until all is written, but not for long. */
  async flush(): Promise<void> {
    if (!this.#writing) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => timer = setTimeout(resolve, FLUSH_TIME));
    await Promise.race([this.#writing, late]);
    clearTimeout(timer);
  }

  async #writeWaiting(): Promise<void> {
    // What is said in one go is written in one go.
    await undefined;
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      // They count as waiting as long as they are not written.
      const characters = this.#characters;
      this.#waiting = [];
      const bytes = this.#encoder.encode(`${this.#whole ? "" : "\n"}${lines.join("\n")}\n`);
      try {
        await writeAll((rest) => this.#writeSome(rest), bytes);
        this.#tellDropped();
      } catch {
        // There is nobody left to tell.
        this.#dropped += lines.length;
      }
      this.#characters -= characters;
    }
    this.#writing = undefined;
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    const written = await this.#write(bytes);
    this.#whole = written === bytes.length;
    return written;
  }

  /** There is room again. */
  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const lines = this.#dropped === 1
      ? "1 line of the log was"
      : `${this.#dropped} lines of the log were`;
    this.#dropped = 0;
    this.#waiting.push(`dsmq: ${lines} dropped`);
  }
}

/** The one of this process: several would write into each other's lines. */
export const stderr: LogWriter = new LogWriter((bytes) => Deno.stderr.write(bytes));

/** Warnings and errors go to standard error; what is not wrong is not said. */
export const quietLog: Log = { info() {}, warn: report, error: report };

/** The same for what a log is given. */
export function report(...data: unknown[]): void {
  stderr.say(
    data.map((value) => typeof value === "string" ? value : Deno.inspect(value)).join(" "),
  );
}
