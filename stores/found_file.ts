/**
 * What is found at the path of a database, before SQLite sees it.
 *
 * @module
 */

import { Unusable } from "./file_faults.ts";
import type { Left } from "./file_lock.ts";
import { headOf, logAt, requireItsLog } from "./log_mark.ts";
import { seen } from "./seen.ts";

/** The names that SQLite, or dsmq, gives to files beside a database. */
const BESIDE = /-(wal|shm|journal|lock)$/;

/**
 * Refuses the name of a file that stands beside a database.
 *
 * @param path the file
 * @throws {Unusable} if it ends as such a name does
 */
export function requireNotBeside(path: string): void {
  const [end] = BESIDE.exec(path) ?? [];
  if (end) throw new Unusable(`a name that ends with ${end} is that of a file beside`);
}

/**
 * Makes a path absolute; links in it stay.
 *
 * @param path as it was given
 * @returns the same file, from the root on
 */
export function absolute(path: string): string {
  if (/^([/\\]|[A-Za-z]:)/.test(path)) return path;
  return `${Deno.cwd()}/${path.replace(/^(\.\/+)+/, "")}`;
}

/**
 * Refuses what is no file.
 *
 * @param path where to look
 * @returns whether there is a file
 * @throws {Unusable} if there is something else
 */
export function requireFile(path: string): boolean {
  const info = statOf(path);
  if (info?.isDirectory) throw new Unusable("it is a folder");
  if (info && !info.isFile) throw new Unusable("it is not a file");
  return info !== undefined;
}

/**
 * Opens a file; one that is not there is made for its owner alone.
 *
 * @param path the file
 * @returns the open file; whoever opened it closes it
 */
export function openForOwner(path: string): Deno.FsFile {
  return Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
}

/**
 * Whether nothing was ever acknowledged in a file. To be asked before SQLite sees it, which would delete the log of an empty
 * file, and take that of another.
 *
 * @param real the file, without links
 * @param handle the same, open
 * @param left what whoever used it last has left in its lock
 * @returns whether it is new
 * @throws {Unusable} if it is not what it was when it was used last
 */
export function isNew(real: string, handle: Deno.FsFile, left: Left | undefined): boolean {
  const log = logAt(`${real}-wal`);
  const { nlink, size } = handle.statSync();
  if (nlink !== null && nlink > 1) {
    throw new Unusable(`it has ${nlink} names (hard links), of which each would have its own log`);
  }
  if (size > 0) {
    const isWritten = left?.writing === true && !isThere(`${real}-shm`);
    requireItsLog(real, headOf(handle), log, left?.use ?? 0, isWritten);
    // One that was killed as it made it has left its lock, and nothing in that.
    return left?.use === 0;
  }
  if (log) {
    throw new Unusable(
      `it is empty or was not there, but its log is: bring it back, or move ${real}-wal away`,
    );
  }
  if (left?.use) {
    throw new Unusable(
      `it is empty or was not there, though it was in use: bring it back, or delete ${real}-lock to begin a new queue`,
    );
  }
  return true;
}

/** SQLite deletes it with the log; what a killed process leaves is there. Without leave to look, it is. */
function isThere(path: string): boolean {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return true;
  return seen(path) !== undefined;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
