/**
 * What is found at the path of a database before SQLite sees it.
 *
 * @module
 */

import { UnusableFileError } from "./file_faults.ts";
import type { LockContent } from "./file_lock.ts";
import {
  type DatabaseHeader,
  isMarked,
  MAX_RESTARTS_ELSEWHERE,
  readDatabaseHeader,
  readWalHeader,
  requireOwnWal,
  type WalHeader,
  walRestarts,
} from "./wal_mark.ts";
import { readWalPages } from "./wal_file.ts";
import { fileSnapshot } from "./file_snapshot.ts";

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
      isBegunElsewhere(realPath, header, previous) || isNamedLog(wal, header, previous));
    const isNamed = isMarked(header) &&
      (header.userVersion === previous?.mark || header.userVersion === previous?.log?.mark);
    requireOwnWal(realPath, header, wal, previous?.use ?? 0, isWhole, isNamed);
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
    !exists(`${realPath}-shm`);
}

/**
 * Whether another program has begun the log, perhaps again and again, after a process was killed that had written the mark.
 * That needs a proof: of a log that was lost, not all may be in the file. Whoever writes the page of the mark then writes the
 * mark. Where the page is not in the log, it is one that came soon after the one of the mark, and has left the size of the
 * file, which is in that page, as it was.
 */
function isBegunElsewhere(
  realPath: string,
  { userVersion, size }: DatabaseHeader,
  { mark }: LockContent,
): boolean {
  const path = `${realPath}-wal`;
  const salt = readWalHeader(path)?.salt;
  if (mark === undefined || userVersion !== mark || salt === undefined) return false;
  const { pages, databaseSize } = readWalPages(path);
  const page = pages.get(1);
  if (page === undefined) {
    return walRestarts(mark, salt) <= MAX_RESTARTS_ELSEWHERE &&
      (databaseSize === 0 || databaseSize === size);
  }
  using wal = Deno.openSync(path);
  return readDatabaseHeader(wal, page).userVersion === mark;
}

/** Whether the lock names the log: the server had it open, and has seen how other programs began it again. */
function isNamedLog(
  wal: WalHeader | undefined,
  { userVersion }: DatabaseHeader,
  { log }: LockContent,
): boolean {
  if (wal?.salt === undefined || userVersion !== log?.mark) return false;
  return (wal.salt - log.salt) >>> 0 <= Number(log.mayRestart);
}

/** SQLite deletes it with the log; a killed process leaves it behind. Without permission to look, it counts as there. */
function exists(path: string): boolean {
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return true;
  return fileSnapshot(path) !== undefined;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
