/**
 * Why a file cannot be used, in words for a person.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { SQLITE_ERRORS, sqliteErrorCode } from "./engine.ts";
import { StoreError } from "./store.ts";

/** Why a file is not opened; its message is for a person. */
export class UnusableFileError extends Error {
  readonly code: ErrorCode;

  /**
   * Makes an error.
   *
   * @param message the reason
   * @param code the code for programs
   */
  constructor(message: string, code: ErrorCode = "store_unusable") {
    super(message);
    this.code = code;
  }
}

/**
 * Says why a file cannot be opened.
 *
 * @param path the file
 * @param error what was thrown
 * @returns the error for a person; the same error if it is one already
 */
export function toOpenError(path: string, error: unknown): DsmqError {
  if (error instanceof DsmqError) return error;
  const message = `Cannot open sqlite:${path}: ${fileErrorReason(path, error)}`;
  return new DsmqError(openErrorCode(error), message, { cause: error });
}

function openErrorCode(error: unknown): ErrorCode {
  if (error instanceof UnusableFileError) return error.code;
  switch (Object(error).code) {
    case "ENOSPC":
    case "EDQUOT":
      return "full";
    case "EACCES":
    case "EPERM":
      return "permission_denied";
    case "EMFILE":
    case "ENFILE":
      return "unavailable";
  }
  switch (sqliteErrorCode(error)) {
    case SQLITE_ERRORS.busy:
      return "store_in_use";
    case SQLITE_ERRORS.full:
      return "full";
  }
  return "store_unusable";
}

/**
 * Says why a file cannot be made, opened or written.
 *
 * @param path the file
 * @param error what was thrown
 * @returns the reason, in words
 */
export function fileErrorReason(path: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof UnusableFileError) return text;
  switch (Object(error).code) {
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full";
    case "ENOENT":
    case "ENOTDIR":
      return pathFault(path) ?? "its folder does not exist";
    case "ENAMETOOLONG":
      return TOO_LONG;
    case "ELOOP":
      return "it is a symbolic link that leads to itself";
    case "EROFS":
      return "it is read-only, or its folder is";
    case "EMFILE":
    case "ENFILE":
      return "too many files are open";
  }
  switch (sqliteErrorCode(error)) {
    case SQLITE_ERRORS.busy:
      return "it is in use already, by this process or another one";
    case SQLITE_ERRORS.readonly:
      return "it is read-only, or its folder is";
    case SQLITE_ERRORS.io:
      // SQLite says this of a read-only file, too, because it cannot be locked.
      return `it is read-only, or the disk is full or fails (${text})`;
    case SQLITE_ERRORS.full:
      return "the disk is full";
    case SQLITE_ERRORS.corrupt:
      return `it is damaged: ${text}`;
    case SQLITE_ERRORS.notADb:
      return "it is not a database";
  }
  const wasDenied = isDenied(error);
  return pathFault(path, wasDenied) ?? (wasDenied ? DENIED : text);
}

const BESIDE = "with the names of the files beside it";
const TOO_LONG = `its path is longer than this system permits, ${BESIDE}`;
const TOO_LONG_FOR_SQLITE = `its path is longer than SQLite permits, ${BESIDE}`;
const DENIED = "the user of this process may not use it";

/** The longest ending of a name beside that of a database. */
const LONGEST_ENDING = "-journal";

/** The longest path that SQLite takes, in bytes, where files are those of POSIX (`MAX_PATHNAME` of its `os_unix.c`). */
const SQLITE_PATH_BYTES = 512;

const LAST_PART = Deno.build.os === "windows" ? /[^/\\]*$/ : /[^/]*$/;

function isDenied(error: unknown): boolean {
  const { code } = Object(error);
  return code === "EACCES" || code === "EPERM";
}

/** Whether a path is too long for the names of the files beside it. SQLite does not say that this is why it cannot open it. */
function lengthFault(path: string): string | undefined {
  const longest = `${path}${LONGEST_ENDING}`;
  try {
    Deno.statSync(longest);
  } catch (error) {
    if (Object(error).code === "ENAMETOOLONG") return TOO_LONG;
  }
  const folder = path.replace(LAST_PART, "") || ".";
  const { state } = Deno.permissions.querySync({ name: "read", path: folder });
  if (Deno.build.os === "windows" || state !== "granted") return undefined;
  try {
    const whole = `${Deno.realPathSync(folder)}/${LAST_PART.exec(longest)}`;
    const isTooLong = new TextEncoder().encode(whole).length > SQLITE_PATH_BYTES;
    return isTooLong ? TOO_LONG_FOR_SQLITE : undefined;
  } catch {
    // There is no such folder.
    return undefined;
  }
}

/** What is wrong with a path, as far as can be seen; the system may have denied it, or its folder. */
function pathFault(path: string, wasDenied = false): string | undefined {
  const tooLong = lengthFault(path);
  if (tooLong !== undefined) return tooLong;
  try {
    return Deno.statSync(path).isDirectory ? "it is a folder" : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) return "its folder does not exist";
    if (!(error instanceof Deno.errors.NotFound)) return undefined;
  }
  try {
    const folder = path.replace(LAST_PART, "") || ".";
    const notWritable = "its folder cannot be written to";
    // SQLite does not say which of the two.
    const which = wasDenied ? notWritable : `${notWritable}, or too many files are open`;
    return Deno.statSync(folder).isDirectory ? which : undefined;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "its folder does not exist" : undefined;
  }
}

/**
 * Refuses a path to which SQLite's endings cannot be added.
 *
 * @param path the file
 * @throws {UnusableFileError} if it is too long
 */
export function requireShortPath(path: string): void {
  const tooLong = lengthFault(path);
  if (tooLong !== undefined) throw new UnusableFileError(tooLong);
}

/**
 * Checks permissions without asking for them.
 *
 * @param path the file
 * @throws {UnusableFileError} if the file, or a file beside it, may not be read or written
 */
export function requireFilePermissions(path: string): void {
  const siblings = { read: ["", "-wal", "-lock"], write: ["", "-lock"] };
  for (const name of ["read", "write"] as const) {
    const paths = siblings[name].map((part) => `${path}${part}`);
    for (const part of paths) {
      if (Deno.permissions.querySync({ name, path: part }).state === "granted") continue;
      const what = part === path ? "it" : part;
      throw new UnusableFileError(
        `there is no permission to ${name} ${what} (--allow-${name}=${paths})`,
        "permission_denied",
      );
    }
  }
}

/**
 * Says that nobody knows whether messages are stored.
 *
 * @param cause what was thrown
 * @returns the error
 */
export function unknownOutcome(cause: unknown): StoreError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot tell whether messages are stored: ${reason}`, {
    cause,
    code: "unknown_outcome",
  });
}
