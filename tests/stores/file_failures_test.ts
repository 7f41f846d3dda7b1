/**
 * Puts while the file fails: each step of a commit fails once. Nothing may be
 * acknowledged that is not in the file, and nothing may be delivered that was refused.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { dbSqlite } from "../../stores/engines/db_sqlite.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { StoreError } from "../../stores/store.ts";
import { nth } from "../contracts/failing_engine.ts";
import {
  append,
  apply,
  Feed,
  numbered,
  outcomes,
  put,
  puts,
  read,
  RETENTION,
  texts,
  trim,
  trimAll,
} from "../../testing/store/support.ts";
import { SIZE, sized } from "../../testing/store/sized.ts";
import { FailingFile } from "../support/failing_file.ts";
import { Database as FakeDatabase } from "../support/fake_db_sqlite.ts";
import { both } from "../support/two_batches.ts";

/** The statements of a commit of both batches. */
async function steps(): Promise<number> {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.executed.length = 0;
  await both(file.store);
  return file.executed.length;
}

const STEPS = await steps();
const overFake = dbSqlite({ Database: FakeDatabase });

for (const engine of [nodeSqlite, overFake]) {
  for (const [when, restart] of [["before", false], ["after", false], ["before", true]] as const) {
    const then = restart ? ", and a restart follows" : "";
    Deno.test(`${engine.name}: each step of a commit fails once, ${when} it is done${then}`, async () => {
      for (let fails = 1; fails <= STEPS; fails++) {
        await using file = new FailingFile(engine);
        using feed = await Feed.open(file.store);
        const [before] = await append(file.store, puts("t", "before"));
        let step = 0;
        let failed = "";
        file[when] = (sql) => {
          if (++step !== fails) return false;
          failed = sql;
          return true;
        };
        const results = await both(file.store);
        const where = `step ${fails}, ${failed}`;
        // Only if the commit succeeded nevertheless is there a doubt: the error says that the disk failed.
        const stored = failed === "COMMIT" && when === "after";
        const code = stored ? "unknown_outcome" : "unavailable";
        assertEquals(results, Array(5).fill(code), where);
        assertEquals(feed.messages.length, stored ? 6 : 1, where);
        if (restart) await file.restart();
        else file.repair();
        const { store } = file;
        assertEquals(
          await texts(store),
          stored ? ["before", "s 1", "s 2", "u 1", "last"] : ["before"],
        );
        assertEquals((await store.bounds()).last, stored ? 6 : 1, where);
        // A repetition gets the final result: nothing is stored twice.
        const again = await both(store);
        const expected = stored ? ["dup 2", 7, "dup 4", "dup 5", 8] : [2, 3, 4, 5, 6];
        assertEquals(again, expected, where);
        const all = (await read(store, { topic: "t" })).messages;
        assertEquals(all[0], before);
        if (!restart) {
          await feed.until({ seq: stored ? 8 : 6 });
          const seqs = feed.messages.map(({ seq }) => seq);
          assertEquals(seqs, Array.from({ length: stored ? 8 : 6 }, (_, i) => i + 1), where);
          assertEquals(feed.errors, []);
        }
        await file.restart();
        assertEquals((await read(file.store, { topic: "t" })).messages, all, where);
      }
    });
  }
}

Deno.test("a transaction that cannot be rolled back is undone by opening the file again", async () => {
  for (const beginning of ["INSERT INTO runs", "INSERT INTO numbers", "UPDATE state", "COMMIT"]) {
    await using file = new FailingFile();
    await append(file.store, puts("t", "before"));
    const once = nth(1, beginning);
    file.before = (sql) => once(sql) || sql === "ROLLBACK";
    assertEquals(await both(file.store), Array(5).fill("unavailable"), beginning);
    assertEquals(await texts(file.store), ["before"]);
    assertEquals(await both(file.store), [2, 3, 4, 5, 6]);
  }
});

Deno.test("if nobody can find out whether a commit succeeded, the outcome is unknown, and never success", async () => {
  for (const done of [false, true]) {
    await using file = new FailingFile();
    using feed = await Feed.open(file.store);
    await append(file.store, puts("t", "before"));
    let broken = false;
    file[done ? "after" : "before"] = (sql) => sql === "COMMIT" && (broken = true);
    const { before } = file;
    file.before = (sql) => broken && sql === "open" || before(sql);
    assertEquals(await both(file.store), Array(5).fill("unknown_outcome"));
    await assertRejects(() => file.store.bounds(), StoreError, "disk I/O error");
    assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
    assertEquals([feed.messages.length, feed.errors.length], [1, 0]);
    file.repair();
    // The file decides: followers are told that they may have missed something.
    assertEquals((await store(file)).bounds().last, done ? 6 : 1);
    assertEquals([feed.messages.length, feed.errors.length], [1, done ? 1 : 0]);
    assertEquals((await both(file.store))[0], done ? "dup 2" : 2);
  }

  async function store({ store }: FailingFile) {
    const bounds = await store.bounds();
    return { bounds: () => bounds };
  }
});

Deno.test("a repetition is answered even while the file fails", async () => {
  await using file = new FailingFile();
  await append(file.store, [numbered("s", 1)]);
  file.before = (sql) => sql === "BEGIN" || sql === "open";
  assertEquals(await outcomes(file.store, [numbered("s", 1), numbered("s", 2)]), [
    "dup 1",
    "unavailable",
  ]);
});

Deno.test("a failed purge affects nobody, and is done later", async () => {
  for (const beginning of ["DELETE FROM runs", "DELETE FROM topics", "UPDATE state", "COMMIT"]) {
    await using file = new FailingFile();
    await append(file.store, [put("gone"), put("t")]);
    file.clock.advance(1);
    const [stored] = await append(file.store, [put("t")]);
    file.clock.advance(RETENTION - 1);
    file.before = (sql) => sql.startsWith(beginning);
    await assertRejects(() => trim(file.store, 1000), StoreError, "disk I/O error");
    file.repair();
    const gone = async () =>
      (await file.store.topicBounds([{ topic: "gone" }, { topic: "t" }])).map(({ gone }) => gone);
    const at = file.clock.now();
    assertEquals(await gone(), [{ seq: 1, at }, { seq: 2, at }]);
    assertEquals((await read(file.store, { topic: "t" })).messages, [stored!]);
    await trimAll(file.store);
    assertEquals(await gone(), [{ seq: 1, at }, { seq: 2, at }]);
    await file.restart();
    assertEquals(await gone(), [{ seq: 1, at }, { seq: 2, at }]);
    assertEquals((await read(file.store, { topic: "t" })).messages, [stored!]);
    const entries = await file.store.topics({ prefix: "", after: "", count: 9 });
    assertEquals(entries.map(({ topic, messages }) => [topic, messages]), [["t", 1]]);
  }
});

for (const engine of [nodeSqlite, overFake]) {
  Deno.test(`${engine.name}: on a full disk, puts are refused as full, reads continue, and puts are accepted once there is room`, async () => {
    await using file = new FailingFile(engine);
    using feed = await Feed.open(file.store);
    const large = (n: number) => numbered("s", n, "t", `${n} `.padEnd(20_000, "x"));
    await append(file.store, [large(1)]);
    file.db.exec("PRAGMA max_page_count = 100");
    let last = 1;
    for (let result: unknown = 0; result !== "full"; last++) {
      [result] = await outcomes(file.store, [large(last + 1)]);
      assert(typeof result === "number" || result === "full", `${result}`);
      assert(last < 100);
    }
    const refused = last;
    const [error] = await apply(file.store, [large(refused)]);
    assert(error instanceof StoreError);
    assertEquals(error.message, "Cannot store messages: database or disk is full");
    assertEquals(await outcomes(file.store, [large(1), large(refused)]), ["dup 1", "full"]);
    assertEquals((await texts(file.store)).length, refused - 1);
    assertEquals(feed.messages.length, refused - 1);
    // Other messages have expired: there is room.
    file.clock.advance(RETENTION);
    await trimAll(file.store);
    assertEquals(await outcomes(file.store, [large(refused)]), [refused]);
    // Or the disk has grown.
    while ((await outcomes(file.store, [large(++last)]))[0] !== "full");
    file.db.exec("PRAGMA max_page_count = 100000");
    assertEquals(await outcomes(file.store, [large(last)]), [last]);
    const before = await texts(file.store);
    await file.restart();
    assertEquals(await texts(file.store), before);
    assertEquals(before.length, last - refused + 1);
  });
}

Deno.test("a failed put takes no room, and drops nothing", async () => {
  const message = (n: number) => sized("t", n);
  for (const overflow of ["reject", "drop-oldest"] as const) {
    await using file = new FailingFile(nodeSqlite, { limits: { storedBytes: 4 * SIZE, overflow } });
    const before = await append(file.store, [1, 2, 3].map(message));
    // The first of these makes the store open the file again; the others are undone in memory.
    for (const beginning of ["COMMIT", "INSERT INTO runs", "UPDATE state"]) {
      file.before = nth(1, beginning);
      const failed = await outcomes(file.store, [message(4), message(5), message(6)]);
      assertEquals(failed, Array(3).fill("unavailable"), beginning);
      assertEquals((await read(file.store, { topic: "t" })).messages, before, beginning);
      assertEquals((await file.store.bounds()).floor, 0);
      file.clock.advance(5);
    }
    file.repair();
    const last = overflow === "reject" ? [4, "full"] : [4, 5];
    assertEquals(await outcomes(file.store, [message(7), message(8)]), last);
    const [standing] = await file.store.topicBounds([{ topic: "t" }]);
    const gone = overflow === "reject" ? undefined : { seq: 1, at: file.clock.now() + 1 };
    assertEquals(standing!.gone, gone, "it went only now");
    assertEquals((await texts(file.store)).length, 4);
  }
});

Deno.test("all appends of one turn are one transaction, and are fed before they are answered", async () => {
  await using file = new FailingFile();
  using feed = await Feed.open(file.store);
  file.executed.length = 0;
  const fed: number[] = [];
  await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    await append(file.store, puts("t", `${i}`));
    fed.push(feed.messages.length);
  }));
  assertEquals(file.executed.filter((sql) => sql === "COMMIT").length, 1);
  assertEquals(fed, Array(50).fill(50));
});

Deno.test("a file that replaced another while that could not be used is not accepted in its place", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  assertEquals(await outcomes(file.store, [put("t")]), ["unknown_outcome"]);
  file.edit("UPDATE state SET store = 'another'");
  file.repair();
  for (let time = 0; time < 2; time++) {
    await assertRejects(() => file.store.bounds(), StoreError, "it is not the same file as before");
    assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
  }
});

Deno.test("a store does not continue with a file that another process used while it failed", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  assertEquals(await outcomes(file.store, [put("t")]), ["unknown_outcome"]);
  file.repair();
  await using other = file.another();
  await append(other, puts("t", "from somebody else"));
  await other[Symbol.asyncDispose]();
  await assertRejects(() => file.store.bounds(), StoreError, "queue.db was overwritten");
});

Deno.test("a store does not continue with a file that lacks acknowledged messages", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "before"));
  file.before = (sql) => sql === "COMMIT" || sql === "open";
  assertEquals(await outcomes(file.store, [put("t")]), ["unknown_outcome"]);
  file.edit("UPDATE state SET last = 0; DELETE FROM runs");
  file.repair();
  await assertRejects(() => file.store.bounds(), StoreError, "it has lost messages");
  assertEquals(await outcomes(file.store, [put("t")]), ["unavailable"]);
});
