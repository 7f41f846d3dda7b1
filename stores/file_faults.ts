/**
 * Why a file cannot be used, in words for a person.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../protocol/errors.ts";
import { codeOf, SQLITE } from "./engine.ts";

/** Why a file is not opened, in words that are for a person. */
export class Unusable extends Error {
  readonly code: ErrorCode;

  /**
   * Makes an error.
   *
   * @param message the words
   * @param code what it is for a program
   */
  constructor(message: string, code: ErrorCode = "store_unusable") {
    super(message);
    this.code = code;
  }
}

/**
 * Words why a file cannot be opened.
 *
 * @param path the file
 * @param error what was thrown
 * @returns the error for a person
 */
export function cannotOpen(path: string, error: unknown): DsmqError {
  const message = `Cannot open sqlite:${path}: ${reason(path, error)}`;
  return new DsmqError(errorCode(error), message, { cause: error });
}

function errorCode(error: unknown): ErrorCode {
  if (error instanceof Unusable) return error.code;
  switch (Object(error).code) {
    case "ENOSPC":
    case "EDQUOT":
      return "full";
    case "EACCES":
    case "EPERM":
      return "not_allowed";
    case "EMFILE":
    case "ENFILE":
      return "unavailable";
  }
  switch (codeOf(error)) {
    case SQLITE.busy:
      return "store_in_use";
    case SQLITE.full:
      return "full";
  }
  return "store_unusable";
}

function reason(path: string, error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  if (error instanceof Unusable) return words;
  switch (Object(error).code) {
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full";
    case "ENOENT":
    case "ENOTDIR":
      return "its folder is not there";
    case "EROFS":
      return "it is read-only, or its folder is";
    case "EMFILE":
    case "ENFILE":
      return "too many files are open";
  }
  switch (codeOf(error)) {
    case SQLITE.busy:
      return "another process uses it";
    case SQLITE.readonly:
      return "it is read-only, or its folder is";
    case SQLITE.io:
      // A file that is read-only cannot be locked, and that is what SQLite says of it.
      return `it is read-only, or the disk is full or fails (${words})`;
    case SQLITE.full:
      return "the disk is full";
    case SQLITE.corrupt:
      return `it is damaged: ${words}`;
    case SQLITE.notADb:
      return "it is not a database";
  }
  return fault(path) ?? words;
}

/** What is wrong with a path, as far as that can be seen. */
function fault(path: string): string | undefined {
  try {
    return Deno.statSync(path).isDirectory ? "it is a folder" : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) return "its folder is not there";
    if (!(error instanceof Deno.errors.NotFound)) return undefined;
  }
  try {
    const folder = path.replace(/[^/\\]*$/, "") || ".";
    // SQLite does not say which of the two.
    const which = "its folder cannot be written to, or too many files are open";
    return Deno.statSync(folder).isDirectory ? which : undefined;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "its folder is not there" : undefined;
  }
}

/**
 * Permission is looked up, never asked for.
 *
 * @param path the file
 * @throws {Unusable} if the file, or what stands beside it, may not be read or written
 */
export function requirePermission(path: string): void {
  const beside = { read: ["", "-wal", "-lock"], write: ["", "-lock"] };
  for (const name of ["read", "write"] as const) {
    const paths = beside[name].map((part) => `${path}${part}`);
    for (const part of paths) {
      if (Deno.permissions.querySync({ name, path: part }).state === "granted") continue;
      const what = part === path ? "it" : part;
      throw new Unusable(
        `there is no leave to ${name} ${what} (--allow-${name}=${paths})`,
        "not_allowed",
      );
    }
  }
}
