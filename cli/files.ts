/**
 * Files that are named on the command line.
 *
 * @module
 */

import { interruption } from "./signals.ts";
import { printError } from "./terminal.ts";

/** The largest file that is read, in bytes. */
const MAX_FILE_BYTES = 1024 * 1024;

/** A path may be a pipe: how long reading takes before a notice, and how long at most, in milliseconds. */
const SLOW_READ_NOTICE = 1000;
const READ_TIMEOUT = 60_000;

/** Why a file cannot be read, by the code of the system's error. */
const FAULTS: Readonly<Record<string, string>> = {
  EACCES: "the user of this process may not read it",
  EPERM: "the user of this process may not read it",
  ENOTDIR: "its folder does not exist",
  ENAMETOOLONG: "its path is longer than this system permits",
  ELOOP: "it is a symbolic link that leads to itself",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

/**
 * Reads a file as text, without a byte-order mark at its beginning. Deno never prompts for the permission.
 *
 * @param path the file
 * @returns its content
 * @throws {Error} in one sentence, if it cannot be read, is larger than 1 MiB, or is a pipe that does not end within a
 *   minute
 */
export async function readTextFile(path: string): Promise<string> {
  const readError = (reason: string, cause?: unknown) =>
    new Error(`Cannot read ${path}: ${reason}`, { cause });
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    throw readError(`permission denied, it needs --allow-read=${path}`);
  }
  const bytes = await withTimeout(path, readBytes(path)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) throw readError("no such file", error);
    if (error instanceof Deno.errors.IsADirectory) throw readError("it is a directory", error);
    throw readError(FAULTS[Object(error).code] ?? (error as Error).message, error);
  });
  if (bytes === undefined) throw readError(`it did not end within ${READ_TIMEOUT / 1000} s`);
  if (bytes.length > MAX_FILE_BYTES) {
    throw readError(`it must be at most ${MAX_FILE_BYTES} bytes, and is larger`);
  }
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe || first === 0xfe && second === 0xff) {
    throw readError("it must be UTF-8, got UTF-16");
  }
  return new TextDecoder().decode(bytes);
}

/** Reads a file up to the limit, and one byte more to see that it is too large. */
async function readBytes(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const chunks: Uint8Array[] = [];
  for (let remaining = MAX_FILE_BYTES + 1; remaining > 0;) {
    const chunk = new Uint8Array(Math.min(remaining, 64 * 1024));
    const read = await file.read(chunk);
    if (read === null) break;
    chunks.push(chunk.subarray(0, read));
    remaining -= read;
  }
  return await new Blob(chunks as BlobPart[]).bytes();
}

/** Waits with a timeout: opening a pipe without a writer blocks, and cannot be cancelled. */
async function withTimeout<T>(path: string, reading: Promise<T>): Promise<T | undefined> {
  const timers = [
    setTimeout(() => printError(`dsmq: waiting for the end of ${path}`), SLOW_READ_NOTICE),
  ];
  const timeout = Promise.withResolvers<undefined>();
  timers.push(setTimeout(() => timeout.resolve(undefined), READ_TIMEOUT));
  const onInterrupt = () => timeout.reject(interruption.reason);
  interruption.addEventListener("abort", onInterrupt);
  if (interruption.aborted) onInterrupt();
  try {
    return await Promise.race([reading, timeout.promise]);
  } finally {
    timers.forEach((timer) => clearTimeout(timer));
    interruption.removeEventListener("abort", onInterrupt);
  }
}

/**
 * Checks whether other users can read or change a file that holds a secret.
 *
 * @param path the file
 * @returns a warning, if they can
 */
export async function permissionWarning(path: string): Promise<string | undefined> {
  // Windows has no mode, and a pipe belongs to the process that made it.
  const { mode, isFile } = await Deno.stat(path).catch(() => ({ mode: null, isFile: false }));
  if (!isFile || mode === null || (mode & 0o077) === 0) return undefined;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  const can = (mode & 0o022) === 0 ? "read" : "change";
  return `other users of this machine can ${can} ${path}, its mode is ${shown}: chmod 600 makes it private`;
}
