/**
 * The terminal: messages go to standard output, all else to standard error.
 *
 * @module
 */

import { escapeControls } from "../protocol/text.ts";
import { stderr, writeAll } from "../server/stderr.ts";
import { watchReader } from "./reader.ts";
import { interruption } from "./signals.ts";

/** So many characters may wait to be written before whoever prints more waits, too. */
const ROOM = 64 * 1024;

/**
 * Into a pipe that does not wait for room so many bytes go whole or not at all. Deno keeps the end of what it is given
 * back, as far as no line ends there, if that is less than a kilobyte: then an error would not tell what was written.
 */
const PIECE = 4096;

/** After an interrupt what is printed has so long to be read, in milliseconds. */
const HURRY = 1000;

const LINE_FEED = 10;

/** Whoever read our output has stopped reading: there is nobody left to print for. */
export class OutputClosed extends Error {}

/** Standard output: nothing of it is dropped, and while nobody reads it all else goes on. */
class Output {
  readonly #encoder = new TextEncoder();
  readonly #lost = new AbortController();
  #waiting: string[] = [];
  #characters = 0;
  #writing: Promise<void> | undefined;

  /** Aborts, with the reason, when there is no use in printing any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** There is nobody left to print for. */
  closed(): void {
    this.#lost.abort(new OutputClosed());
  }

  /** Takes a line. */
  print(line: string): void {
    this.lost.throwIfAborted();
    this.#waiting.push(line);
    this.#characters += line.length;
    this.#writing ??= this.#writeWaiting();
  }

  /** Resolves once little waits to be written, or somebody asks for the end. */
  async room(): Promise<void> {
    while (this.#characters > ROOM && !interruption.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = () => resolve();
      interruption.addEventListener("abort", stop);
      await Promise.race([this.#writing, promise]);
      interruption.removeEventListener("abort", stop);
    }
    this.lost.throwIfAborted();
  }

  /** Resolves once all is written. */
  async written(): Promise<void> {
    await this.#writing;
    this.lost.throwIfAborted();
  }

  async #writeWaiting(): Promise<void> {
    // What is printed in one go is written in one go.
    await undefined;
    try {
      while (this.#waiting.length > 0) {
        const lines = this.#waiting;
        const characters = this.#characters;
        this.#waiting = [];
        const bytes = this.#encoder.encode(`${lines.join("\n")}\n`);
        for (const piece of pieces(bytes)) await writeAll((rest) => Deno.stdout.write(rest), piece);
        this.#characters -= characters;
      }
    } catch (error) {
      this.#characters = 0;
      const { BrokenPipe, ConnectionReset } = Deno.errors;
      if (error instanceof BrokenPipe || error instanceof ConnectionReset) this.closed();
      else this.#lost.abort(cannotPrint(error as Error));
    }
    this.#writing = undefined;
  }
}

/** Takes lines apart: each piece is whole lines, or as long as a piece can be. */
export function* pieces(lines: Uint8Array): Generator<Uint8Array> {
  for (let begin = 0; begin < lines.length;) {
    const most = lines.subarray(begin, begin + PIECE);
    const piece = most.subarray(0, most.lastIndexOf(LINE_FEED) + 1 || PIECE);
    yield piece;
    begin += piece.length;
  }
}

function cannotPrint(cause: Error): Error {
  return new Error(`Cannot print: ${cause.message}`, { cause });
}

const stdout = new Output();

/**
 * Has {@linkcode outputLost} abort once nobody reads standard output any more, also while nothing is printed, where the
 * system tells and may be asked.
 *
 * @returns ends that
 */
export function watchOutput(): Disposable | undefined {
  return watchReader(() => stdout.closed());
}

/** Aborts when what is printed is lost: nobody reads it any more, or it cannot be written. */
export const outputLost: AbortSignal = stdout.lost;

/**
 * Prints a line on standard output. Whoever prints many waits for {@linkcode room} after each.
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
 * @param front stands in front of it
 * @throws {OutputClosed} if nobody reads it
 */
export function printData(text: string, front: string = ""): void {
  if (!Deno.stdout.isTerminal()) return print(`${front}${text}`);
  const shown = escapeControls(text, "\n\t").split("\n");
  print(shown.map((line) => `${escapeControls(front)}${line}`).join("\n"));
}

/**
 * Prints a line with what others have named, exactly; on a terminal as {@linkcode printData} does, in one line.
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
export function room(): Promise<void> {
  return stdout.room();
}

/**
 * Says something to the person at the terminal, on standard error. If nobody reads that, it is dropped.
 *
 * @param text one line: what would end it is shown as well
 */
export function say(text: string): void {
  stderr.say(escapeControls(text, "\t"));
}

/**
 * The same where a terminal shows it, and nowhere else: what a person is told so as not to wonder, and a program need not
 * read.
 *
 * @param text one line
 */
export function notice(text: string): void {
  if (Deno.stderr.isTerminal()) say(text);
}

/** Resolves once what was printed is written, after an interrupt not much later; rejects if it is lost. */
export async function printed(): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hurry = new Promise<void>((resolve) => {
    if (interruption.aborted) timer = setTimeout(resolve, HURRY);
  });
  await Promise.race([stdout.written(), hurry]).finally(() => clearTimeout(timer));
}

/** Resolves once what was said is written, or soon. */
export function said(): Promise<void> {
  return stderr.flush();
}
