/**
 * Stands in for `@db/sqlite` in a checkout, where `node:sqlite` serves instead.
 *
 * @module
 */

/** The constructor of the package; here it only says that it is not there. */
export class Database {
  constructor(
    _path: string,
    _options?: { readonly int64?: boolean; readonly unsafeConcurrency?: boolean },
  ) {
    throw new Error(
      "the package is not available in a checkout; `deno task test:jsr` runs with it",
    );
  }

  declare exec: (sql: string) => number;
  declare prepare: (sql: string) => {
    run(...values: (string | number)[]): number;
    all(...values: (string | number)[]): object[];
  };
  declare close: () => void;
}
