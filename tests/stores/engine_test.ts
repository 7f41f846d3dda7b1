/**
 * The choice between the two SQLite libraries, and the self-test that each must pass.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { type Database, type Engine, SQLITE_ERRORS, sqliteErrorCode } from "../../stores/engine.ts";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { loadEngine } from "../../stores/engines/load_engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { selfTest } from "../../stores/engines/self_test.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { append, put, RETENTION } from "../../testing/store/support.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const inCheckout = await loadEngine("@db/sqlite").then(() => false, () => true);

Deno.test("the engine is @db/sqlite where it can be used, else node:sqlite", async () => {
  assertEquals((await loadEngine("auto")).name, inCheckout ? "node:sqlite" : "@db/sqlite");
});

for (const permission of ["ffi", "read", "write", "env", "net"] as const) {
  Deno.test({
    name: `without the permission ${permission} the engine is node:sqlite`,
    permissions: {
      ...{ ffi: true, read: true, write: true, env: true, net: true },
      [permission]: false,
    },
    async fn() {
      const engine = await loadEngine("auto");
      const clock = new ManualClock();
      await using store = new MemoryStore({ engine, retention: RETENTION, clock });
      assertStringIncludes(store.description, "node:sqlite");
      assertEquals((await append(store, [put("t")])).length, 1);
    },
  });
}

Deno.test("node:sqlite needs no permission", { permissions: "none" }, async () => {
  assertEquals((await loadEngine("node:sqlite")).name, "node:sqlite");
});

Deno.test({
  ...ignoredIf(
    !inCheckout && "@db/sqlite can be used here",
    "an engine that is requested by name and cannot be used is an error that says why",
  ),
  async fn() {
    const expected = "Cannot use @db/sqlite: the package is not available in a checkout";
    const error = await assertRejects(() => loadEngine("@db/sqlite"), Error, expected);
    assertInstanceOf(error.cause, Error);
  },
});

Deno.test("a program that bundles dsmq is never started a second time to try @db/sqlite", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const engines = new URL("../../stores/engines/", import.meta.url);
    for await (const { name } of Deno.readDir(engines)) {
      const copy = name === "load_engine.ts" ? "bundle.ts" : name;
      await Deno.copyFile(new URL(name, engines), `${folder}/${copy}`);
    }
    const bundled: typeof import("../../stores/engines/load_engine.ts") = await import(
      `file://${folder}/bundle.ts`
    );
    const expected = "Cannot use @db/sqlite: a bundled program can only use node:sqlite";
    await assertRejects(() => bundled.loadEngine("@db/sqlite"), Error, expected);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an engine that cuts integers to 32 bits is refused", () => {
  class Cutting extends FakeDatabase {
    constructor(path: string) {
      super(path, { int64: false });
    }
  }
  assertThrows(() => selfTest(dbSqlite({ Database: Cutting })), Error, "not what was stored");
  const overFake = dbSqlite({ Database: FakeDatabase });
  assertEquals(selfTest(overFake), overFake);
});

type Row = { n: number; s: string; bytes: number };

const DAMAGES: Record<string, (row: Row) => unknown> = {
  "integers of another type": (row) => ({ ...row, n: BigInt(row.n) }),
  "text beyond ASCII damaged": (row) => ({ ...row, s: row.s.replace(/[^\0-\x7f]+/, "?") }),
  "text unescaped": (row) => ({ ...row, s: row.s.replace("\\u0000", "\0") }),
  "a length in characters": (row) => ({ ...row, bytes: row.s.length }),
  "nothing": () => undefined,
};

for (const [damage, damaged] of Object.entries(DAMAGES)) {
  Deno.test(`an engine that returns ${damage} is refused, and closed`, () => {
    let closed = false;
    class Damaging extends FakeDatabase {
      override prepare(sql: string) {
        const statement = super.prepare(sql);
        const all = statement.all.bind(statement);
        statement.all = (...values) => (all(...values) as Row[]).map(damaged) as never;
        return statement;
      }
      override close() {
        closed = true;
        super.close();
      }
    }
    assertThrows(() => selfTest(dbSqlite({ Database: Damaging })), Error, "not what was stored");
    assert(closed);
  });
}

/** What a statement throws if its data does not fit into a small database. */
function overflowing(engine: Engine, run: (db: Database, sql: string) => unknown): unknown {
  const db = engine.open(":memory:");
  try {
    db.exec("CREATE TABLE t (a)");
    db.exec("PRAGMA max_page_count = 4");
    run(db, "INSERT INTO t VALUES (randomblob(100000))");
  } catch (error) {
    return error;
  } finally {
    db.close();
  }
}

for (const engine of [nodeSqlite, dbSqlite({ Database: FakeDatabase })]) {
  Deno.test(`${engine.name}: SQLite's name for an error is known, from a statement or from exec`, () => {
    const statement = overflowing(engine, (db, sql) => db.prepare(sql).run());
    const exec = overflowing(engine, (db, sql) => db.exec(sql));
    assertEquals([sqliteErrorCode(statement), sqliteErrorCode(exec)], [
      SQLITE_ERRORS.full,
      SQLITE_ERRORS.full,
    ]);
  });
}

Deno.test("an SQLite error is recognized by its number, or else by its text", () => {
  const known: [unknown, number | undefined][] = [
    [Object.assign(new Error("disk I/O error"), { errcode: 1034, code: "ERR_SQLITE_ERROR" }), 10],
    [Object.assign(new Error("14: unable to open database file"), { code: 14 }), 14],
    [Object.assign(new Error("disk I/O error"), { errcode: 13 }), 13],
    [new Error("disk I/O error"), SQLITE_ERRORS.io],
    [new Error("database or disk is full"), SQLITE_ERRORS.full],
    [new Error("attempt to write a readonly database"), SQLITE_ERRORS.readonly],
    [new Error("database is locked"), SQLITE_ERRORS.busy],
    [new Error("database disk image is malformed"), SQLITE_ERRORS.corrupt],
    [new Error("file is not a database"), SQLITE_ERRORS.notADb],
    [new Error("unable to open database file"), SQLITE_ERRORS.cannotOpen],
    [new Error("the disk is full"), undefined],
    ["disk I/O error", undefined],
    [undefined, undefined],
  ];
  for (const [error, code] of known) assertEquals(sqliteErrorCode(error), code, `${error}`);
});
