/**
 * A file whose commits may not have reached the disk.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { StoreError } from "../../stores/store.ts";
import { nth } from "../contracts/failing_engine.ts";
import {
  append,
  Feed,
  numbered,
  outcomes,
  put,
  RETENTION,
  texts,
  trim,
} from "../../testing/store/support.ts";
import { FailingFile, type Step } from "../support/failing_file.ts";
import { both } from "../support/two_batches.ts";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";

const overFake = dbSqlite({ Database: FakeDatabase });

for (const engine of [nodeSqlite, overFake]) {
  Deno.test(`${engine.name}: a full disk at the commit leaves no doubt: nothing is stored`, async () => {
    await using file = new FailingFile(engine);
    file.failure = "database or disk is full";
    file.before = (sql) => sql === "COMMIT" || sql === "open";
    assertEquals(await both(file.store), Array(5).fill("full"));
    assertEquals(await texts(file.store), []);
    file.repair();
    assertEquals(await both(file.store), [1, 2, 3, 4, 5]);
  });

  Deno.test(`${engine.name}: neither a commit whose sync failed nor its repetition is acknowledged until a checkpoint has succeeded`, async () => {
    await using file = new FailingFile(engine);
    using feed = await Feed.open(file.store);
    const safe = numbered("s", 1);
    const uncertain = numbered("s", 2);
    const later = numbered("s", 3);
    await append(file.store, [safe]);
    const once = nth(1, "COMMIT");
    file.after = once;
    const checkpoint: Step = (sql) => sql.startsWith("PRAGMA wal_checkpoint");
    file.before = checkpoint;
    assertEquals(await outcomes(file.store, [safe, uncertain]), ["dup 1", "unknown_outcome"]);
    // It can be read, and so readers get it.
    assertEquals(feed.messages.map(({ seq }) => seq), [1, 2]);
    for (let time = 0; time < 3; time++) {
      const batch = [safe, uncertain, later, put("t")];
      const expected = ["dup 1", "unknown_outcome", "unavailable", "unavailable"];
      assertEquals(await outcomes(file.store, batch), expected);
      assertEquals(await texts(file.store), ["s 1", "s 2"], "reads continue");
      assertEquals((await file.store.bounds()).last, 2);
    }
    file.repair();
    assertEquals(await outcomes(file.store, [uncertain, later]), ["dup 2", 3]);
    assertEquals(feed.messages.map(({ seq }) => seq), [1, 2, 3]);
    assertEquals(feed.errors, []);
    // Once is enough.
    file.executed.length = 0;
    await append(file.store, [put("t")]);
    assertEquals(file.executed.filter(checkpoint), []);
  });

  Deno.test(`${engine.name}: after a purge whose sync failed, nothing is acknowledged until a checkpoint has succeeded`, async () => {
    await using file = new FailingFile(engine);
    await append(file.store, [put("t")]);
    file.clock.advance(RETENTION - 1);
    await append(file.store, [numbered("s", 1)]);
    file.clock.advance(1);
    file.after = nth(1, "COMMIT");
    file.before = (sql) => sql.startsWith("PRAGMA wal_checkpoint");
    await assertRejects(() => trim(file.store, 1000), StoreError, "disk I/O error");
    assertEquals(await outcomes(file.store, [numbered("s", 1), put("t")]), [
      "dup 2",
      "unavailable",
    ]);
    file.repair();
    assertEquals(await outcomes(file.store, [put("t")]), [3]);
  });

  Deno.test(`${engine.name}: with process durability, what can be read back is acknowledged`, async () => {
    await using file = new FailingFile(engine, { durability: "process" });
    file.after = nth(1, "COMMIT");
    file.before = (sql) => sql.startsWith("PRAGMA wal_checkpoint");
    assertEquals(await both(file.store), [1, 2, 3, 4, 5]);
    assertEquals((await both(file.store))[0], "dup 1");
    file.after = nth(1, "COMMIT");
    assertEquals(await outcomes(file.store, [numbered("v", 1)]), [8]);
    file.before = (sql) => sql === "BEGIN" || sql === "open";
    const again = [numbered("v", 1), numbered("v", 2)];
    assertEquals(await outcomes(file.store, again), ["dup 8", "unavailable"]);
  });
}

Deno.test("a file whose log cannot be synced when it is opened can be read, and accepts no puts", async () => {
  await using file = new FailingFile();
  await append(file.store, [numbered("s", 1)]);
  await file.restart((sql) => sql.startsWith("PRAGMA wal_checkpoint"));
  for (let time = 0; time < 2; time++) {
    assertEquals(await texts(file.store), ["s 1"]);
    const batch = [numbered("s", 1), numbered("s", 2)];
    assertEquals(await outcomes(file.store, batch), ["unknown_outcome", "unavailable"]);
  }
  file.repair();
  assertEquals(await outcomes(file.store, [numbered("s", 1), numbered("s", 2)]), ["dup 1", 2]);
});
