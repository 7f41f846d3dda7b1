/**
 * The part of a SQLite library that the store needs, and the choice between the two that have it.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };

/** What is bound to a statement, and comes back from it. */
export type Value = string | number;

/** A prepared statement. */
export interface Statement {
  /** Runs it for its effect. */
  run(...values: Value[]): unknown;
  /** Runs it and returns its rows, by column name. */
  all(...values: Value[]): unknown[];
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
  /** Opens a database, `:memory:` for one in memory. */
  open(path: string): Database;
}

/** How long the native library of `@db/sqlite` may take to load, in milliseconds. */
const LOAD_TIMEOUT = 10_000;

/** What loading a native library asks for: it is looked up in a cache, or fetched and written there. */
const LEAVES = ["ffi", "read", "write", "env", "net"] as const;

/**
 * Loads a SQLite engine and tests it.
 *
 * `auto` takes `@db/sqlite` where every leave that it needs is granted already, it loads in time and
 * passes the test, else `node:sqlite`, which is built in. Leave is looked up, never asked for.
 *
 * @param wanted which engine
 * @returns the engine
 * @throws {Error} if the engine that was asked for by name cannot be used here
 */
export async function loadEngine(wanted: EngineName | "auto"): Promise<Engine> {
  if (wanted === "@db/sqlite" || (wanted === "auto" && mayLoadNative())) {
    try {
      return tested(await within(LOAD_TIMEOUT, loadDbSqlite()));
    } catch (cause) {
      if (wanted !== "auto") throw unusable(wanted, cause);
    }
  }
  try {
    return tested((await import("./engines/node_sqlite.ts")).nodeSqlite);
  } catch (cause) {
    throw unusable("node:sqlite", cause);
  }
}

async function loadDbSqlite(): Promise<Engine> {
  const { dbSqlite } = await import("./engines/db_sqlite.ts");
  // Under a name that cannot be read off: or Deno would look for the package before anything runs, also
  // where another engine is to serve, and wait for a registry that does not answer.
  return dbSqlite(await import(deno.imports["@db/sqlite"]));
}

function mayLoadNative(): boolean {
  if (Deno.build.standalone) return false;
  return LEAVES.every((name) => Deno.permissions.querySync({ name }).state === "granted");
}

/**
 * Tests that an engine keeps what the store gives it: integers beyond 32 bits, text beyond ASCII, and the
 * functions that the store's statements use.
 *
 * @param engine the engine to test
 * @returns the engine
 * @throws {Error} if it returns anything but what was stored
 */
export function tested(engine: Engine): Engine {
  const db = engine.open(":memory:");
  try {
    db.exec("CREATE TABLE t (n INTEGER, s TEXT)");
    const n = Number.MAX_SAFE_INTEGER;
    const s = '"\u{1F600}\\u0000"';
    db.prepare("INSERT INTO t SELECT ? + key, value FROM json_each(?)").run(n, JSON.stringify([s]));
    const rows = db.prepare("SELECT n, s, octet_length(s) AS bytes FROM t WHERE n = ?").all(n);
    const row = rows[0] as { n: number; s: string; bytes: number } | undefined;
    if (row?.n !== n || row.s !== s || row.bytes !== 12) {
      throw new Error("what it returns is not what was stored");
    }
    return engine;
  } finally {
    db.close();
  }
}

/** What SQLite calls the errors that the store tells apart. */
export const SQLITE = {
  busy: 5,
  readonly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADb: 26,
};

/** What SQLite says of these errors where it has nothing to add. The texts are fixed: SQLite's own tests rely on them. */
const TEXTS: ReadonlyMap<string, number> = new Map([
  ["database is locked", SQLITE.busy],
  ["attempt to write a readonly database", SQLITE.readonly],
  ["disk I/O error", SQLITE.io],
  ["database disk image is malformed", SQLITE.corrupt],
  ["database or disk is full", SQLITE.full],
  ["unable to open database file", SQLITE.cannotOpen],
  ["file is not a database", SQLITE.notADb],
]);

/**
 * What SQLite calls an error.
 *
 * @param error what an engine threw
 * @returns the code, without what is extended; `undefined` if it is not SQLite's
 */
export function codeOf(error: unknown): number | undefined {
  // node:sqlite has the number in errcode, but for errors of `exec`; @db/sqlite has it in code where a database
  // is opened, and else throws an Error of which the text is all there is.
  const { errcode, code, message } = Object(error) as Record<string, unknown>;
  const number = typeof errcode === "number" ? errcode : code;
  return typeof number === "number" ? number & 0xff : TEXTS.get(String(message));
}

function unusable(name: EngineName, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Cannot use ${name}: ${why}`, { cause });
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  // Not setTimeout: the first call of it takes a tenth of the time in which a server starts.
  const signal = AbortSignal.timeout(ms);
  const tell = () => late.reject(new Error(`it did not load within ${ms / 1000} s`));
  signal.addEventListener("abort", tell);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    signal.removeEventListener("abort", tell);
  }
}
