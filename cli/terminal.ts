/**
 * The terminal: messages go to standard output, all else to standard error.
 *
 * @module
 */

import { escapeControls } from "../protocol/text.ts";
import { stderr, writeFully } from "../server/stderr.ts";
import { watchReader } from "./watch_reader.ts";
import { interruption } from "./signals.ts";

/** So many characters may wait to be written before whoever prints more waits, too. */
const MAX_BUFFERED = 64 * 1024;

/**
 * Into a pipe that does not wait for room so many bytes go whole or not at all. Deno keeps the end of what it is given
 * back, as far as no line ends there, if that is less than a kilobyte: then an error would not tell what was written.
 */
const MAX_WRITE = 4096;

/** After an interrupt what is printed has so long to be read, in milliseconds. */
const FLUSH_TIMEOUT = 1000;

const LINE_FEED = 10;

/** Whoever read our output has stopped reading: there is nobody left to print for. */
export class OutputClosed extends Error {}

/** Standard output: nothing of it is dropped, and while nobody reads it all else goes on. */
class Stdout {
  readonly #encoder = new TextEncoder();
  readonly #lostController = new AbortController();
  #lines: string[] = [];
  #bufferedCharacters = 0;
  #flushing: Promise<void> | undefined;

  /** Aborts, with the reason, when there is no use in printing any more. */
  get lost(): AbortSignal {
    return this.#lostController.signal;
  }

  /** There is nobody left to print for. */
  onReaderGone(): void {
    this.#lostController.abort(new OutputClosed());
  }

  /** Takes a line. */
  print(line: string): void {
    this.lost.throwIfAborted();
    this.#lines.push(line);
    this.#bufferedCharacters += line.length;
    this.#flushing ??= this.#flushLines();
  }

  /** Resolves once little waits to be written, or somebody asks for the end. */
  async waitForSpace(): Promise<void> {
    while (this.#bufferedCharacters > MAX_BUFFERED && !interruption.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = () => resolve();
      interruption.addEventListener("abort", stop);
      await Promise.race([this.#flushing, promise]);
      interruption.removeEventListener("abort", stop);
    }
    this.lost.throwIfAborted();
  }

  /** Resolves once all is written. */
  async flush(): Promise<void> {
    await this.#flushing;
    this.lost.throwIfAborted();
  }

  async #flushLines(): Promise<void> {
    // What is printed in one go is written in one go.
    await undefined;
    try {
      while (this.#lines.length > 0) {
        const lines = this.#lines;
        const characters = this.#bufferedCharacters;
        this.#lines = [];
        const bytes = this.#encoder.encode(`${lines.join("\n")}\n`);
        for (const chunk of splitWrites(bytes)) {
          await writeFully((rest) => Deno.stdout.write(rest), chunk);
        }
        this.#bufferedCharacters -= characters;
      }
    } catch (error) {
      this.#bufferedCharacters = 0;
      const { BrokenPipe, ConnectionReset } = Deno.errors;
      if (error instanceof BrokenPipe || error instanceof ConnectionReset) this.onReaderGone();
      else this.#lostController.abort(outputError(error as Error));
    }
    this.#flushing = undefined;
  }
}

/** Takes lines apart: each piece is whole lines, or as long as a piece can be. */
export function* splitWrites(lines: Uint8Array): Generator<Uint8Array> {
  for (let begin = 0; begin < lines.length;) {
    const window = lines.subarray(begin, begin + MAX_WRITE);
    const chunk = window.subarray(0, window.lastIndexOf(LINE_FEED) + 1 || MAX_WRITE);
    yield chunk;
    begin += chunk.length;
  }
}

function outputError(cause: Error): Error {
  return new Error(`Cannot print: ${cause.message}`, { cause });
}

const stdout = new Stdout();

/**
 * Has {@linkcode outputLost} abort once nobody reads standard output any more, also while nothing is printed, where the
 * system tells and may be asked.
 *
 * @returns ends that
 */
export function watchOutput(): Disposable | undefined {
  return watchReader(() => stdout.onReaderGone());
}

/** Aborts when what is printed is lost: nobody reads it any more, or it cannot be written. */
export const outputLost: AbortSignal = stdout.lost;

/**
 * Prints a line on standard output. Whoever prints many waits for {@linkcode waitForSpace} after each.
 *
 * @param line the line, without its end
 * @throws {OutputClosed} if nobody reads it
 */
export function print(line: string): void {
  stdout.print(line);
}

/**
 * Prints a message: exactly, so that a program can read it. On a terminal, which would obey it, it is shown as `ls` shows
 * a name: control characters, but for tabs and ends of lines, and what turns the direction of writing are written as in
 * JSON; and what stands in front is in front of each of its lines, so that none of them looks like another message.
 *
 * @param text what was put
 * @param prefix stands in front of it
 * @throws {OutputClosed} if nobody reads it
 */
export function printMessage(text: string, prefix: string = ""): void {
  if (!Deno.stdout.isTerminal()) return print(`${prefix}${text}`);
  const shown = escapeControls(text, "\n\t").split("\n");
  print(shown.map((line) => `${escapeControls(prefix)}${line}`).join("\n"));
}

/**
 * Prints a line with what others have named, exactly; on a terminal as {@linkcode printMessage} does, in one line.
 *
 * @param line the line, without its end
 * @throws {OutputClosed} if nobody reads it
 */
export function printLine(line: string): void {
  print(Deno.stdout.isTerminal() ? escapeControls(line, "\t") : line);
}

/**
 * A value as a line of JSON, in which nothing is left that a terminal would obey: that is written as an escape, which
 * says the same to a program.
 *
 * @param value what is to be printed
 */
export function json(value: unknown): string {
  return escapeControls(JSON.stringify(value));
}

/** Resolves once there is room to print more; rejects if what is printed is lost. */
export function waitForSpace(): Promise<void> {
  return stdout.waitForSpace();
}

/**
 * Says something to the person at the terminal, on standard error. If nobody reads that, it is dropped.
 *
 * @param text one line: what would end it is shown as well
 */
export function printError(text: string): void {
  stderr.writeLine(escapeControls(text, "\t"));
}

/**
 * The same where a terminal shows it, and nowhere else: what a person is told so as not to wonder, and a program need not
 * read.
 *
 * @param text one line
 */
export function printHint(text: string): void {
  if (Deno.stderr.isTerminal()) printError(text);
}

/** Resolves once what was printed is written, after an interrupt not much later; rejects if it is lost. */
export async function flushStdout(): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => {
    if (interruption.aborted) timer = setTimeout(resolve, FLUSH_TIMEOUT);
  });
  await Promise.race([stdout.flush(), timeout]).finally(() => clearTimeout(timer));
}

/** Resolves once what was said is written, or soon. */
export function flushStderr(): Promise<void> {
  return stderr.flush();
}
