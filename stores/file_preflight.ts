/**
 * What is found at the path of a database before SQLite sees it.
 *
 * @module
 */

import { UnusableFileError } from "./file_faults.ts";
import type { LockContent } from "./file_lock.ts";
import {
  type DatabaseHeader,
  readDatabaseHeader,
  readWalHeader,
  requireOwnWal,
} from "./wal_mark.ts";
import { walPages } from "./wal_file.ts";
import { fileSnapshot } from "./file_snapshot.ts";

/**
 * The first words of SQLite's index of a log (https://www.sqlite.org/walformat.html): its version, and where it counts the
 * frames.
 */
const INDEX_VERSION = 3_007_000;
const INDEX_FRAMES = 4;
const INDEX_WORDS = 12;

/** The names that SQLite and dsmq give to files beside a database. */
const SIBLING_NAME = /-(wal|shm|journal|lock)$/;

/**
 * Refuses the name of a file that stands beside a database.
 *
 * @param path the file
 * @throws {UnusableFileError} if it ends like such a name
 */
export function requireNoSiblingName(path: string): void {
  const [end] = SIBLING_NAME.exec(path) ?? [];
  if (end) {
    throw new UnusableFileError(`a name that ends with ${end} is that of a file beside a database`);
  }
}

/**
 * Makes a path absolute; its links stay.
 *
 * @param path as it was given
 * @returns the same file, from the root
 */
export function absolutePath(path: string): string {
  if (/^([/\\]|[A-Za-z]:)/.test(path)) return path;
  return `${Deno.cwd()}/${path.replace(/^(\.\/+)+/, "")}`;
}

/**
 * Refuses what is not a file.
 *
 * @param path where to look
 * @returns whether there is a file
 * @throws {UnusableFileError} if there is something else
 */
export function requirePlainFile(path: string): boolean {
  const info = statOf(path);
  if (info?.isDirectory) throw new UnusableFileError("it is a folder");
  if (info && !info.isFile) throw new UnusableFileError("it is not a file");
  return info !== undefined;
}

/**
 * Opens a file. A file that does not exist is created, readable only by its owner.
 *
 * @param path the file
 * @returns the open file; the caller closes it
 */
export function openPrivateFile(path: string): Deno.FsFile {
  return Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
}

/**
 * Whether nothing was ever acknowledged in a file. To be called before SQLite sees it: SQLite would delete the log of
 * an empty file, and take the log of another.
 *
 * @param realPath the file, without links
 * @param handle the same, open
 * @param previous what the last user left in its lock
 * @returns whether it is new
 * @throws {UnusableFileError} if it is not what it was when it was used last
 */
export function isNewFile(
  realPath: string,
  handle: Deno.FsFile,
  previous: LockContent | undefined,
): boolean {
  const wal = readWalHeader(`${realPath}-wal`);
  const { nlink, size } = handle.statSync();
  if (nlink !== null && nlink > 1) {
    throw new UnusableFileError(
      `it has ${nlink} names (hard links), of which each would have its own log`,
    );
  }
  if (size > 0) {
    const header = readDatabaseHeader(handle);
    const isWhole = previous !== undefined && (isCheckpointed(realPath, header, previous) ||
      isBegunElsewhere(realPath, header, previous));
    requireOwnWal(realPath, header, wal, previous?.use ?? 0, isWhole);
    // A process that was killed while it made the file has left a lock with nothing in it.
    return previous?.use === 0;
  }
  if (wal) {
    throw new UnusableFileError(
      `it is empty or missing, but its log exists: restore it, or move ${realPath}-wal away`,
    );
  }
  if (previous?.use) {
    throw new UnusableFileError(
      `it is empty or missing, though it was in use: restore it, or delete ${realPath}-lock to begin a new queue`,
    );
  }
  return true;
}

/**
 * Whether the log of a file was written to it as a whole, with the mark, and deleted: by another program, or by SQLite
 * when it closed the file.
 *
 * @param realPath the file, without links
 * @param header its header
 * @param lock what its lock says
 */
export function isCheckpointed(
  realPath: string,
  { userVersion }: DatabaseHeader,
  { mark }: Pick<LockContent, "mark">,
): boolean {
  return mark !== undefined && userVersion === mark && !readWalHeader(`${realPath}-wal`) &&
    !knowsLog(`${realPath}-shm`);
}

/**
 * Whether another program has begun the log, perhaps again and again, after a process was killed that had written the mark:
 * whoever writes the page of the mark then writes the mark.
 */
function isBegunElsewhere(
  realPath: string,
  { userVersion }: DatabaseHeader,
  { mark }: LockContent,
): boolean {
  const path = `${realPath}-wal`;
  if (mark === undefined || userVersion !== mark || !readWalHeader(path)) return false;
  const page = walPages(path).get(1);
  if (page === undefined) return true;
  using wal = Deno.openSync(path);
  return readDatabaseHeader(wal, page).userVersion === mark;
}

/**
 * Whether SQLite's index of a log says that there is something in it. SQLite deletes the index with the log; a killed
 * process leaves it behind; and the next program that opens the file makes it anew, of the log that it finds. Without
 * permission to look, there is something.
 */
function knowsLog(path: string): boolean {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return true;
  if (!fileSnapshot(path)) return false;
  try {
    using file = Deno.openSync(path);
    const words = new Uint32Array(INDEX_WORDS);
    file.readSync(new Uint8Array(words.buffer));
    return words[0] !== INDEX_VERSION || words[INDEX_FRAMES] !== 0;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
