/**
 * The engine that the published package prefers: a native library, called by FFI.
 *
 * @module
 */

import type { Database, Engine } from "../engine.ts";

/** What is used of the package `@db/sqlite`. */
export interface DbSqlite {
  /** Opens a database. */
  readonly Database: new (
    path: string,
    options: { readonly int64: boolean; readonly unsafeConcurrency: boolean },
  ) => Database;
}

/**
 * Wraps the package.
 *
 * @param module the package, imported
 * @returns an engine
 */
export function dbSqlite({ Database }: DbSqlite): Engine {
  return {
    name: "@db/sqlite",
    // Without int64, integers beyond 32 bits are cut off. unsafeConcurrency reuses the code that builds rows; that is
    // safe here, because each statement runs to its end before the next.
    open: (path) => new Database(path, { int64: true, unsafeConcurrency: true }),
  };
}
