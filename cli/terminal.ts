/**
 * Output: messages go to standard output, everything else to standard error.
 *
 * @module
 */

import { escapeControls } from "../protocol/text.ts";
import { stderr, writeFully } from "../server/stderr.ts";
import { interruption } from "./signals.ts";

/** How many characters may be buffered before printing has to wait. */
const MAX_BUFFERED = 64 * 1024;

/**
 * A non-blocking pipe takes writes of up to this many bytes as a whole or not at all (`PIPE_BUF`). Deno also buffers an
 * incomplete last line of less than a kilobyte, so an error would not tell what has been written.
 */
const MAX_WRITE = 4096;

/** How long to wait after an interrupt for the reader of the output, in milliseconds. */
const FLUSH_TIMEOUT = 1000;

const LINE_FEED = 10;

/** The reader of the output has closed it. */
export class OutputClosed extends Error {}

/** Standard output: nothing is dropped, and a slow reader does not block the event loop. */
class Stdout {
  readonly #encoder = new TextEncoder();
  readonly #lostController = new AbortController();
  #lines: string[] = [];
  #bufferedCharacters = 0;
  #flushing: Promise<void> | undefined;

  /** Aborts with the reason when output can no longer be written. */
  get lost(): AbortSignal {
    return this.#lostController.signal;
  }

  /** The reader has closed the output. */
  onReaderGone(): void {
    this.#lostController.abort(new OutputClosed());
  }

  /** Buffers a line. */
  print(line: string): void {
    this.lost.throwIfAborted();
    this.#lines.push(line);
    this.#bufferedCharacters += line.length;
    this.#flushing ??= this.#flushLines();
  }

  /** Resolves once the buffer has room, or at an interrupt. */
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

  /** Resolves once everything is written. */
  async flush(): Promise<void> {
    await this.#flushing;
    this.lost.throwIfAborted();
  }

  async #flushLines(): Promise<void> {
    // Lines that are printed in one turn are written together.
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

/** Splits lines into writes: each holds whole lines, or is as long as a write can be. */
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
 * Aborts {@linkcode outputLost} as soon as the reader of standard output has gone, even while nothing is printed, where
 * the system supports this and Deno permits it.
 *
 * @returns dispose of it to stop watching
 */
export function watchOutput(): Disposable | undefined {
  return watchReader(() => stdout.onReaderGone());
}

/** Aborts when output is lost: the reader has gone, or writing failed. */
export const outputLost: AbortSignal = stdout.lost;

/**
 * Prints a line on standard output. After each of many lines, await {@linkcode waitForSpace}.
 *
 * @param line the line, without line feed
 * @throws {OutputClosed} if the reader has gone
 */
export function print(line: string): void {
  stdout.print(line);
}

/**
 * Prints a message: exactly, so that a program can read it. On a terminal, which would interpret control characters,
 * these (except tabs and line feeds) and changes of the writing direction are printed as JSON escapes, and the prefix is
 * repeated on each line, so that no line looks like another message.
 *
 * @param text the message
 * @param prefix printed before it
 * @throws {OutputClosed} if the reader has gone
 */
export function printMessage(text: string, prefix: string = ""): void {
  if (!Deno.stdout.isTerminal()) return print(`${prefix}${text}`);
  const shown = escapeControls(text, "\n\t").split("\n");
  print(shown.map((line) => `${escapeControls(prefix)}${line}`).join("\n"));
}

/**
 * Prints a line that contains names chosen by others: exactly, but on a terminal with control characters escaped.
 *
 * @param line the line, without line feed
 * @throws {OutputClosed} if the reader has gone
 */
export function printLine(line: string): void {
  print(Deno.stdout.isTerminal() ? escapeControls(line, "\t") : line);
}

/**
 * Formats a value as a line of JSON. Control characters become escapes, which mean the same to a program.
 *
 * @param value the value
 */
export function json(value: unknown): string {
  return escapeControls(JSON.stringify(value));
}

/** Resolves once there is room to print more; rejects if the output is lost. */
export function waitForSpace(): Promise<void> {
  return stdout.waitForSpace();
}

/**
 * Prints a line for the user on standard error. If nobody reads it, it is dropped.
 *
 * @param text one line; a line feed in it is shown as an escape
 */
export function printError(text: string): void {
  stderr.writeLine(escapeControls(text, "\t"));
}

/**
 * Prints a line on standard error only if that is a terminal: a hint for a person, which no program needs.
 *
 * @param text one line
 */
export function printHint(text: string): void {
  if (Deno.stderr.isTerminal()) printError(text);
}

/** Resolves once the output is written, after an interrupt at most a second later; rejects if it is lost. */
export async function flushStdout(): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => {
    if (interruption.aborted) timer = setTimeout(resolve, FLUSH_TIMEOUT);
  });
  await Promise.race([stdout.flush(), timeout]).finally(() => clearTimeout(timer));
}

/** Resolves once standard error is written, or after a short time. */
export function flushStderr(): Promise<void> {
  return stderr.flush();
}

/** The system library that contains `poll`. */
const LIBC = "libc.so.6";

/** How long a call of `poll` waits, in milliseconds. It may keep the process alive for that long. */
const POLL_TIMEOUT = 500;

/** Events of `poll`: the other end has gone. */
const POLLERR = 8;
const POLLHUP = 16;

const STDOUT = 1;

/**
 * Watches the other end of standard output.
 *
 * @param onGone called when the reader has gone
 * @returns dispose of it to stop watching; `undefined` if it cannot be watched
 */
function watchReader(onGone: () => void): Disposable | undefined {
  if (Deno.stdout.isTerminal()) return undefined;
  let isEnded = false;
  const poll = systemPoll();
  if (!poll) return undefined;
  const watch = async () => {
    while (!isEnded) {
      // Without requested events, `poll` still reports errors and hang-ups.
      const [events, isGone] = await poll(POLL_TIMEOUT);
      if (isEnded) return;
      if (isGone) return onGone();
      // Interrupted by a signal, or a descriptor that cannot be polled.
      if (events !== 0) await new Promise((resolve) => setTimeout(resolve, POLL_TIMEOUT));
    }
  };
  void watch();
  return { [Symbol.dispose]: () => void (isEnded = true) };
}

/**
 * Looks whether the reader of standard output has gone.
 *
 * @returns `undefined` if that cannot be told: the system does not support it, or Deno does not permit it
 */
export async function isReaderGone(): Promise<boolean | undefined> {
  if (Deno.stdout.isTerminal()) return false;
  const [, isGone] = await systemPoll()?.(0) ?? [];
  return isGone;
}

/** Waits for events of standard output, for so many milliseconds: resolves to how many there are, and whether its reader has gone. */
type Poll = (timeout: number) => Promise<[count: number, isGone: boolean]>;

let openedPoll: Poll | undefined;

function systemPoll(): Poll | undefined {
  if (openedPoll || Deno.build.os !== "linux") return openedPoll;
  // Queried, so that Deno does not prompt.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  try {
    const { symbols } = Deno.dlopen(LIBC, {
      poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
    });
    return openedPoll = async (timeout) => {
      // struct pollfd { int fd; short events; short revents; }
      const pollfd = new DataView(new ArrayBuffer(8));
      pollfd.setInt32(0, STDOUT, true);
      const count = await symbols.poll(pollfd.buffer as ArrayBuffer, 1n, timeout);
      return [count, (pollfd.getInt16(6, true) & (POLLERR | POLLHUP)) !== 0];
    };
  } catch {
    return undefined;
  }
}
