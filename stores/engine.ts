/**
 * The part of a SQLite library that a store needs, and its errors.
 *
 * @module
 */

/** What is bound to a statement, and what a row contains. */
export type SqlValue = string | number | null;

/** A prepared statement. */
export interface Statement {
  /** Runs it for its effect. */
  run(...values: SqlValue[]): unknown;
  /** Runs it and returns its rows, by column name. */
  all(...values: SqlValue[]): unknown[];
}

/** An open database. The SQL given to it is ASCII. */
export interface Database {
  /** Runs statements that take and return nothing. */
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): void;
}

/** The names of the engines. */
export type EngineName = "@db/sqlite" | "node:sqlite";

/** A SQLite library. */
export interface Engine {
  readonly name: EngineName;
  /** Opens a database; `:memory:` for one in memory. */
  open(path: string): Database;
}

/** SQLite's codes of the errors that a store tells apart. */
export const SQLITE_ERRORS = {
  busy: 5,
  readonly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADb: 26,
};

/** SQLite's texts of these errors, if it has nothing to add. They are fixed: SQLite's own tests rely on them. */
const CODE_OF_TEXT: ReadonlyMap<string, number> = new Map([
  ["database is locked", SQLITE_ERRORS.busy],
  ["attempt to write a readonly database", SQLITE_ERRORS.readonly],
  ["disk I/O error", SQLITE_ERRORS.io],
  ["database disk image is malformed", SQLITE_ERRORS.corrupt],
  ["database or disk is full", SQLITE_ERRORS.full],
  ["unable to open database file", SQLITE_ERRORS.cannotOpen],
  ["file is not a database", SQLITE_ERRORS.notADb],
]);

/**
 * SQLite's code of an error.
 *
 * @param error what an engine threw
 * @returns the primary code; `undefined` if the error is not SQLite's
 */
export function sqliteErrorCode(error: unknown): number | undefined {
  // node:sqlite has the number in errcode, except in errors of `exec`. @db/sqlite has it in code if a database cannot
  // be opened; else it throws an Error that has only a text.
  const { errcode, code, message } = Object(error) as Record<string, unknown>;
  const number = typeof errcode === "number" ? errcode : code;
  return typeof number === "number" ? number & 0xff : CODE_OF_TEXT.get(String(message));
}

/** The errors that say nothing of what is in a file: it cannot be used now. */
const FAULTS_OF_PLACE = new Set<number | undefined>([
  SQLITE_ERRORS.busy,
  SQLITE_ERRORS.readonly,
  SQLITE_ERRORS.io,
  SQLITE_ERRORS.full,
  SQLITE_ERRORS.cannotOpen,
]);

/** Whether an error of an engine is one of the disk or of the path, and not of what is in the file. */
export function isFaultOfPlace(error: unknown): boolean {
  return FAULTS_OF_PLACE.has(sqliteErrorCode(error));
}
