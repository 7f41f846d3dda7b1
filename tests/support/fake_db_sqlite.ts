/**
 * A package with the interface of `@db/sqlite`, over `node:sqlite`, so that its adapter can be tested where its native
 * library does not run. It behaves like the real one where that matters to the store.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";

// Like the real one on loading: the first test to load it would be reported as leaking.
Deno.dlopen(
  { windows: "kernel32.dll", darwin: "libSystem.dylib" }[Deno.build.os as string] ?? "libc.so.6",
  {},
);

/** The options of `@db/sqlite` that the fake supports. */
export interface DatabaseOpenOptions {
  /** Without it, integers come back cut to 32 bits. */
  readonly int64?: boolean;
  /** Accepted, and without effect here. */
  readonly unsafeConcurrency?: boolean;
}

/** An open database. */
export class Database {
  readonly #db: DatabaseSync;
  readonly #int64: boolean;

  /** Opens a database. */
  constructor(path: string, { int64 = false }: DatabaseOpenOptions = {}) {
    try {
      this.#db = new DatabaseSync(path);
    } catch {
      throw new SqliteError(14, "unable to open database file");
    }
    this.#int64 = int64;
  }

  /** Runs statements, and returns how many rows the last one changed. */
  exec(sql: string): number {
    plainly(() => this.#db.exec(sql));
    return (this.#db.prepare("SELECT changes() AS n").get() as { n: number }).n;
  }

  /** Prepares a statement. */
  prepare(sql: string): Statement {
    return new Statement(plainly(() => this.#db.prepare(sql)), this.#int64);
  }

  /** Closes it. */
  close(): void {
    this.#db.close();
  }
}

/** A prepared statement. */
export class Statement {
  readonly #statement: StatementSync;
  readonly #int64: boolean;

  /** Wraps a statement of `node:sqlite`. */
  constructor(statement: StatementSync, int64: boolean) {
    statement.setReadBigInts(true);
    this.#statement = statement;
    this.#int64 = int64;
  }

  /** Runs it, and returns how many rows it changed. */
  run(...values: (string | number)[]): number {
    return Number(plainly(() => this.#statement.run(...values.map(bound))).changes);
  }

  /** Runs it, and returns its rows as plain objects. */
  all(...values: (string | number)[]): Record<string, unknown>[] {
    return plainly(() => this.#statement.all(...values.map(bound))).map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, this.#column(value)]))
    );
  }

  #column(value: unknown): unknown {
    // Text is read as C reads it, up to the first NUL.
    if (typeof value === "string") return value.split("\0", 1)[0];
    if (typeof value !== "bigint") return value;
    if (!this.#int64) return Number(BigInt.asIntN(32, value));
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
}

/** Thrown when a database cannot be opened. */
export class SqliteError extends Error {
  override name = "SqliteError";

  /** Has SQLite's code. */
  constructor(readonly code: number, message: string) {
    super(`${code}: ${message}`);
  }
}

/** All other errors have SQLite's text and nothing else, because its code is not passed on. */
function plainly<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error((error as Error).message);
  }
}

function bound(value: string | number): string | number | bigint {
  return Number.isInteger(value) ? BigInt(value) : value;
}
