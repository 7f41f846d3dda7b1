/**
 * Ids of messages in a database: what they cost, and what becomes of them when a file fails or its process is killed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Database, Engine } from "../../stores/engine.ts";
import type { Store } from "../../stores/store.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { identified } from "../../testing/store/message_ids.ts";
import {
  append,
  apply,
  numbered,
  outcomes,
  put,
  RETENTION,
  trimAll,
} from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { FailingFile } from "../support/failing_file.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";
import { FileFolder, watchedEngine } from "../support/file_folder.ts";

const ENGINES = [nodeSqlite, dbSqlite({ Database: FakeDatabase })];

/** A store in memory whose database can be looked into, and what was executed there. */
function inMemory(): { store: Store; clock: ManualClock; executed: string[]; db: () => Database } {
  const executed: string[] = [];
  const watched = watchedEngine((sql) => executed.push(sql));
  let db: Database;
  const engine: Engine = { name: watched.name, open: (path) => db = watched.open(path) };
  const clock = new ManualClock();
  const store = new MemoryStore({ engine, clock, retention: RETENTION });
  return { store, clock, executed, db: () => db };
}

const rowsOf = (db: Database) =>
  (db.prepare("SELECT count(*) AS n FROM message_ids WHERE seq > 0").all() as [{ n: number }])[0].n;

Deno.test("messages without an id make no row, and no statement about ids is run for them", async () => {
  const { store, executed, db } = inMemory();
  await using _ = store;
  executed.length = 0;
  const batch = [
    put("t"),
    numbered("s", 1),
    attributed({ key: "k", headers: { a: "b" }, delay: 1 }),
  ];
  for (let i = 0; i < 3; i++) await append(store, [put("t"), put("u"), attributed({ key: "k" })]);
  assertEquals(await outcomes(store, [...batch, numbered("s", 1)]), [10, 11, 12, "dup 11"]);
  assertEquals(executed.filter((sql) => /message_ids/.test(sql)), []);
  await store.trim(1000);
  assertEquals(rowsOf(db()), 0);
});

Deno.test("a message with an id makes one row, which goes with the message", async () => {
  const { store, clock, db } = inMemory();
  await using _ = store;
  await append(store, Array.from({ length: 500 }, (_, i) => identified(`${i}`)));
  await outcomes(store, Array.from({ length: 500 }, (_, i) => identified(`${i}`)));
  assertEquals(rowsOf(db()), 500);
  clock.advance(RETENTION - 1);
  await append(store, [identified("later")]);
  clock.advance(1);
  // Also where its message had never left the write buffer.
  await trimAll(store);
  assertEquals(rowsOf(db()), 1);
  await append(store, [
    identified("purged", { topic: "u" }),
    put("u"),
    identified("too", { topic: "u" }),
  ]);
  await apply(store, [{ type: "purge", topic: "u", max: 2 }]);
  assertEquals(rowsOf(db()), 2);
  clock.advance(RETENTION);
  await trimAll(store);
  assertEquals(rowsOf(db()), 0);
});

Deno.test("ids with one hash are told apart, in the write buffer and in the table", async () => {
  const { store, db } = inMemory();
  await using _ = store;
  const all = ["a", "b", "c"].map((id) => identified(id));
  await append(store, [...all, identified("a", { topic: "u" })]);
  db().exec(
    "UPDATE message_ids SET hash = (SELECT hash FROM message_ids WHERE seq = 1) WHERE seq > 1",
  );
  for (let time = 0; time < 2; time++) {
    assertEquals(await outcomes(store, [all[0]!]), ["dup 1"]);
    await store.trim(1000);
  }
  assertEquals(await outcomes(store, [identified("d")]), [5]);
});

Deno.test("an id is recognised after the process was killed, and after another start", async () => {
  using folder = new FileFolder();
  await using store = folder.open();
  assertEquals(await outcomes(store, [identified("a"), identified("b", { identity: "me" })]), [
    1,
    2,
  ]);
  await using other = folder.open(folder.killed("killed"));
  const again = [identified("b", { identity: "me" }), identified("a"), identified("b")];
  assertEquals(await outcomes(other, again), ["dup 2", "dup 1", 3]);
});

for (const engine of ENGINES) {
  Deno.test(`${engine.name}: a batch that fails leaves no id, and has the same results when it is repeated`, async () => {
    for (const when of ["before", "after"] as const) {
      for (
        const beginning of [
          "INSERT INTO message_ids",
          "INSERT INTO runs",
          "UPDATE state",
          "COMMIT",
        ]
      ) {
        await using file = new FailingFile(engine);
        await append(file.store, [identified("old")]);
        file.clock.advance(RETENTION);
        const batch = [identified("old"), identified("a"), identified("a")];
        let isDone = false;
        file[when] = (sql) => !isDone && sql.startsWith(beginning) && (isDone = true);
        const stored = beginning === "COMMIT" && when === "after";
        const code = stored ? "unknown_outcome" : "unavailable";
        const where = `${beginning}, ${when}`;
        assertEquals(await outcomes(file.store, batch), [code, code, code], where);
        assert(isDone, where);
        file.repair();
        const again = await outcomes(file.store, batch);
        assertEquals(again, stored ? ["dup 2", "dup 3", "dup 3"] : [2, 3, "dup 3"], where);
        await file.restart();
        assertEquals(await outcomes(file.store, batch), ["dup 2", "dup 3", "dup 3"], where);
      }
    }
  });

  Deno.test(`${engine.name}: on a full disk a repeated id is answered, and others are refused as full`, async () => {
    await using file = new FailingFile(engine);
    await append(file.store, [identified("a"), identified("gone", { identity: "me" })]);
    file.failure = "database or disk is full";
    file.before = (sql) => sql === "COMMIT";
    const batch = [identified("a"), identified("b"), identified("gone"), put("t")];
    assertEquals(await outcomes(file.store, batch), ["dup 1", "full", "full", "full"]);
    file.repair();
    assertEquals(await outcomes(file.store, batch), ["dup 1", 3, 4, 5]);
  });
}

Deno.test("a purge of ids that fails is done later, and an id that is used again meanwhile keeps its row", async () => {
  await using file = new FailingFile();
  await append(file.store, [identified("a"), identified("b")]);
  file.clock.advance(RETENTION);
  assertEquals(await outcomes(file.store, [identified("a")]), [3]);
  file.before = (sql) => sql.startsWith("DELETE FROM message_ids");
  await file.store.trim(1000).catch(() => {});
  file.repair();
  assertEquals(await outcomes(file.store, [identified("a")]), ["dup 3"]);
  await trimAll(file.store);
  assertEquals(await outcomes(file.store, [identified("a"), identified("b")]), ["dup 3", 4]);
});
