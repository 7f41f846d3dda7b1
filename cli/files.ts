/**
 * Files that are named on the command line.
 *
 * @module
 */

import { interruption } from "./signals.ts";
import { say } from "./terminal.ts";

/** The largest file that is read, in bytes. */
const LARGEST = 1024 * 1024;

/** What is named may be a pipe: how long it is read without a word, and how long at all, in milliseconds. */
const SLOW = 1000;
const LONGEST = 60_000;

/**
 * Reads a file as text, without the byte-order mark that it may begin with. Leave for it is looked up, and never asked
 * for.
 *
 * @param path where it is
 * @returns what is in it
 * @throws {Error} in one sentence, if it cannot be read, is larger than 1 MiB, or is a pipe that does not end within a
 *   minute
 */
export async function readable(path: string): Promise<string> {
  const cannot = (why: string, cause?: unknown) =>
    new Error(`Cannot read ${path}: ${why}`, { cause });
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    throw cannot(`there is no leave for it (--allow-read=${path})`);
  }
  const bytes = await inTime(path, beginning(path)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) throw cannot("it is not there", error);
    if (error instanceof Deno.errors.IsADirectory) throw cannot("it is a directory", error);
    throw cannot((error as Error).message, error);
  });
  if (bytes === undefined) throw cannot(`it did not end within ${LONGEST / 1000} s`);
  if (bytes.length > LARGEST) throw cannot(`it is larger than ${LARGEST} bytes`);
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe || first === 0xfe && second === 0xff) {
    throw cannot("it is in UTF-16, and must be in UTF-8");
  }
  return new TextDecoder().decode(bytes);
}

/** What a file begins with: all of it, unless it is larger than what is read. */
async function beginning(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const pieces: Uint8Array[] = [];
  for (let left = LARGEST + 1; left > 0;) {
    const piece = new Uint8Array(Math.min(left, 64 * 1024));
    const read = await file.read(piece);
    if (read === null) break;
    pieces.push(piece.subarray(0, read));
    left -= read;
  }
  return await new Blob(pieces as BlobPart[]).bytes();
}

/** Waits, but not for ever: a pipe that nobody writes to cannot even be opened, and that cannot be called off. */
async function inTime<T>(path: string, reading: Promise<T>): Promise<T | undefined> {
  const timers = [setTimeout(() => say(`dsmq: waiting for the end of ${path}`), SLOW)];
  const late = Promise.withResolvers<undefined>();
  timers.push(setTimeout(() => late.resolve(undefined), LONGEST));
  const leave = () => late.reject(interruption.reason);
  interruption.addEventListener("abort", leave);
  try {
    return await Promise.race([reading, late.promise]);
  } finally {
    timers.forEach((timer) => clearTimeout(timer));
    interruption.removeEventListener("abort", leave);
  }
}

/**
 * Whether others on this machine can read a file that holds a secret.
 *
 * @param path where it is
 * @returns a sentence about that, if they can
 */
export async function sharedWithOthers(path: string): Promise<string | undefined> {
  // Windows has no such mode, and what is no file, such as a pipe, belongs to whoever made it.
  const { mode, isFile } = await Deno.stat(path).catch(() => ({ mode: null, isFile: false }));
  if (!isFile || mode === null || (mode & 0o077) === 0) return undefined;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  const can = (mode & 0o022) === 0 ? "read" : "change";
  return `others on this machine can ${can} ${path}, its mode is ${shown}: chmod 600 keeps it to its owner`;
}
