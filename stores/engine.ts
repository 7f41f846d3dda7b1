/**
 * The part of a SQLite library that the store needs, and the choice between the two that have it.
 *
 * @module
 */

/** What is bound to a statement, and comes back from it. */
export type SqlValue = string | number;

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
  /** Opens a database, `:memory:` for one in memory. */
  open(path: string): Database;
}

/** How long `@db/sqlite` may take to load, in milliseconds: where it is only preferred, and where it is demanded. */
const LOAD_TIMEOUT = 2000;
const LONG_LOAD_TIMEOUT = 60_000;

/** What that takes: the library is looked up in a cache, or fetched and written there. */
const NATIVE_PERMISSIONS = ["ffi", "read", "write", "env", "net"] as const;

const DEFAULT_REGISTRY = "https://jsr.io";

/** The one attempt of this process. */
let nativeAttempt: Promise<Engine> | undefined;
let hasWarned = false;

/**
 * Loads a SQLite engine and tests it.
 *
 * `auto` takes `@db/sqlite` where every permission that it needs is granted already, it loads in time and
 * passes the test, else `node:sqlite`, which is built in. Permissions are looked up, never asked for.
 *
 * @param choice which engine
 * @param warn is told, once in a process, why `auto` could not take `@db/sqlite`
 * @param signal ends the wait
 * @returns the engine
 * @throws {Error} if the engine that was asked for by name cannot be used here, and the signal's reason
 */
export async function loadEngine(
  choice: EngineName | "auto",
  warn: (text: string) => void = () => {},
  signal?: AbortSignal,
): Promise<Engine> {
  const obstacle = choice === "node:sqlite" ? undefined : nativeObstacle();
  if (choice === "@db/sqlite" && obstacle) throw engineError(choice, obstacle);
  if (choice !== "node:sqlite" && !obstacle) {
    const { innermostMessage, isLinked } = await import("./engines/native.ts");
    try {
      const retry = () => loadNativeEngine(LONG_LOAD_TIMEOUT);
      nativeAttempt = choice === "auto"
        ? nativeAttempt ?? loadNativeEngine(LOAD_TIMEOUT)
        : nativeAttempt?.catch(retry) ?? retry();
      return await withAbort(nativeAttempt, signal);
    } catch (cause) {
      signal?.throwIfAborted();
      const reason = innermostMessage(cause);
      if (choice !== "auto") throw engineError(choice, reason, cause);
      if (!hasWarned && !isLinked()) {
        warn(`uses node:sqlite, for @db/sqlite cannot be used: ${reason}`);
      }
      hasWarned = true;
    }
  }
  try {
    return selfTest((await import("./engines/node_sqlite.ts")).nodeSqlite);
  } catch (cause) {
    throw engineError("node:sqlite", (cause as Error).message, cause);
  }
}

/** Others may wait for the same attempt: it goes on. */
async function withAbort<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return await work;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function loadNativeEngine(timeout: number): Promise<Engine> {
  const [{ dbSqlite }, { loadNative }] = await Promise.all([
    import("./engines/db_sqlite.ts"),
    import("./engines/native.ts"),
  ]);
  return selfTest(dbSqlite(await loadNative(timeout)));
}

/** Why `@db/sqlite` is not even tried here. */
function nativeObstacle(): string | undefined {
  if (Deno.build.standalone) return "a compiled program has none but node:sqlite";
  // The trial runs a module of ours. Here that would be the program that this is bundled into.
  if (!/\/stores\/engine\.[jt]s$/.test(import.meta.url)) {
    return "a bundled program has none but node:sqlite";
  }
  const missing: string[] = NATIVE_PERMISSIONS.filter((name) => !isGranted({ name }));
  if (missing.length === 0) {
    const registry = Deno.env.get("JSR_URL") ?? "";
    const { hostname, port, protocol } = new URL(
      URL.canParse(registry) ? registry : DEFAULT_REGISTRY,
    );
    const host = `${hostname}:${port || (protocol === "http:" ? 80 : 443)}`;
    if (isGranted({ name: "import", host })) return undefined;
    missing.push(`import=${host}`);
  }
  return `it needs ${
    missing.map((name) => `--allow-${name}`).join(" ")
  } (or -A), with nothing denied`;
}

/** Whether it is, without exceptions (`--deny-env=HOME`): what is to be looked up could be one of them. */
function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  const { state, partial } = Deno.permissions.querySync(descriptor);
  return state === "granted" && !partial;
}

/**
 * Tests that an engine keeps what the store gives it: integers beyond 32 bits, text beyond ASCII, and the
 * functions that the store's statements use.
 *
 * @param engine the engine to test
 * @returns the engine
 * @throws {Error} if it returns anything but what was stored
 */
export function selfTest(engine: Engine): Engine {
  const db = engine.open(":memory:");
  try {
    db.exec("CREATE TABLE t (n INTEGER, s TEXT)");
    const n = Number.MAX_SAFE_INTEGER;
    const s = '"\u{1F600}\\u0000"';
    db.prepare("INSERT INTO t SELECT ? + key, value FROM json_each(?)").run(n, JSON.stringify([s]));
    const rows = prepareSelect(db, "SELECT n, s, octet_length(s) AS bytes FROM t WHERE n = ?").all(
      n,
    );
    const row = rows[0] as { n: number; s: string; bytes: number } | undefined;
    if (row?.n !== n || row.s !== s || row.bytes !== 12) {
      throw new Error("what it returns is not what was stored");
    }
    return engine;
  } finally {
    db.close();
  }
}

function prepareSelect(db: Database, sql: string): Statement {
  try {
    return db.prepare(sql);
  } catch (error) {
    throw new Error(`SQLite 3.43 or later is needed: ${(error as Error).message}`);
  }
}

/** What SQLite calls the errors that the store tells apart. */
export const SQLITE_ERRORS = {
  busy: 5,
  readonly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADb: 26,
};

/** What SQLite says of these errors where it has nothing to add. The texts are fixed: SQLite's own tests rely on them. */
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
 * What SQLite calls an error.
 *
 * @param error what an engine threw
 * @returns the code, without what is extended; `undefined` if it is not SQLite's
 */
export function sqliteErrorCode(error: unknown): number | undefined {
  // node:sqlite has the number in errcode, but for errors of `exec`; @db/sqlite has it in code where a database
  // is opened, and else throws an Error of which the text is all there is.
  const { errcode, code, message } = Object(error) as Record<string, unknown>;
  const number = typeof errcode === "number" ? errcode : code;
  return typeof number === "number" ? number & 0xff : CODE_OF_TEXT.get(String(message));
}

function engineError(name: EngineName, reason: string, cause?: unknown): Error {
  return new Error(`Cannot use ${name}: ${reason}`, { cause });
}
