/**
 * A store in memory whose database fails, is full, or is read while it accepts nothing.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { storedSize } from "../../stores/store_limits.ts";
import { type Command, type PutAck, StoreError, type TopicMessage } from "../../stores/store.ts";
import { nth, watchEngine } from "../contracts/failing_engine.ts";
import {
  append,
  apply,
  assertIncreasing,
  Feed,
  numbered,
  put,
  puts,
  read,
  RETENTION,
  trim,
  trimAll,
} from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { listed, open } from "../support/memory_stores.ts";

const FAILURES: Record<string, (sql: string) => boolean> = {
  "the transaction does not begin": nth(1, "BEGIN"),
  "its first run is not stored": nth(1, "INSERT INTO runs"),
  "its last run is not stored": nth(4, "INSERT INTO runs"),
  "a new topic is not stored": nth(2, "INSERT INTO topics"),
  "the transaction does not end": nth(1, "COMMIT"),
};

for (const [failure, fails] of Object.entries(FAILURES)) {
  Deno.test(`stored messages are neither lost nor duplicated if ${failure}`, async () => {
    const { failing, failOn } = watchEngine();
    await using store = open(failing);
    using feed = await Feed.open(store);
    const before = await append(store, [put("old"), put("old"), put("u")]);
    assertEquals(await listed(store), [["old", 2], ["u", 1]]);

    const batch = [put("old"), put("new"), ...puts("u", "1", "2"), put("newer")];
    const after = await append(store, batch);
    failOn(fails);
    await assertRejects(() => listed(store), StoreError, "the disk is full");
    failOn(() => {});

    assertEquals(await listed(store), [["new", 1], ["newer", 1], ["old", 3], ["u", 3]]);
    const all = [...before, ...after];
    assertIncreasing(all.map(({ seq }) => seq));
    assertEquals(feed.messages, all);
    for (const topic of ["old", "u", "new", "newer"]) {
      const expected = all.filter((message) => message.topic === topic);
      assertEquals((await read(store, { topic })).messages, expected);
    }
  });
}

Deno.test("a store that cannot move its messages refuses more, says why, and continues when it can", async () => {
  const { failing, failOn } = watchEngine();
  await using store = open(failing);
  const before = await append(store, Array.from({ length: 1024 }, () => put("t")));
  failOn((sql) => sql.startsWith("INSERT"));
  const bounds = await store.bounds();
  for (let time = 0; time < 2; time++) {
    const results = await apply(store, [put("t"), put("u")]);
    assertEquals(results.length, 2);
    for (const result of results) {
      assertInstanceOf(result, StoreError);
      assertEquals([result.code, result.message], [
        "unavailable",
        "Cannot store messages: the disk is full",
      ]);
    }
  }
  assertEquals(await store.bounds(), bounds);
  failOn(() => {});
  const after = await append(store, [put("t")]);
  assertEquals((await read(store, { topic: "t", count: 2000 })).messages, [...before, ...after]);
  assertEquals(await listed(store), [["t", 1025]]);
});

Deno.test("an error says why, even if SQLite has already rolled back the transaction", async () => {
  const { failing, failOn } = watchEngine();
  let db: ReturnType<Engine["open"]>;
  const engine: Engine = { name: failing.name, open: (path) => db = failing.open(path) };
  await using store = open(engine);
  await append(store, [put("t")]);
  // As SQLite does by itself if the disk is full or memory runs out.
  failOn((sql) => sql === "COMMIT" ? (db.exec("ROLLBACK"), true) : false);
  await assertRejects(() => listed(store), StoreError, "the disk is full");
  failOn(() => {});
  assertEquals(await listed(store), [["t", 1]]);
});

Deno.test("readers that are close behind do not wait for the database", async () => {
  const { failing, executed } = watchEngine();
  await using store = open(failing);
  executed.length = 0;
  const messages = await append(store, [...puts("t", "1", "2"), put("u"), put("t", "3")]);
  assertEquals((await read(store, { topic: "t" })).messages.length, 3);
  assertEquals((await read(store, { topic: "t", newest: true })).messages, [messages[3]!]);
  assertEquals((await read(store, { topic: "t", after: 1, count: 1 })).messages, [messages[1]!]);
  assertEquals(executed, []);
});

Deno.test("a row is read once for readers that take one message after another", async () => {
  const { failing, executed } = watchEngine();
  await using store = open(failing);
  const messages = await append(store, Array.from({ length: 100 }, (_, i) => put("t", `${i}`)));
  await listed(store);
  executed.length = 0;
  for (const message of messages) {
    const { messages: [found], through } = await read(store, {
      topic: "t",
      after: message.seq - 1,
      count: 1,
    });
    assertEquals([found, through], [message, message.seq]);
  }
  assert(executed.length <= 4, `${executed.length} statements`);
});

for (const statement of ["DELETE FROM topics", "DELETE FROM runs", "COMMIT"]) {
  Deno.test(`a purge whose ${statement} fails can be repeated, and counts correctly`, async () => {
    const { failing, failOn } = watchEngine();
    const clock = new ManualClock();
    await using store = open(failing, clock);
    await append(store, [put("gone"), put("t"), put("t")]);
    clock.advance(1);
    const [stored] = await append(store, [put("t")]);
    await listed(store);
    clock.advance(RETENTION - 1);
    failOn(nth(1, statement));
    await assertRejects(() => trim(store, 1000), Error, "the disk is full");
    const { seq, time } = stored!;
    const entry = { topic: "t", messages: 1, bytes: storedSize(put("t")), stored: 3, seq, time };
    const at = clock.now();
    for (let round = 0; round < 2; round++) {
      const standings = await store.topicBounds([{ topic: "gone" }, { topic: "t" }]);
      assertEquals(standings.map(({ gone }) => gone), [{ seq: 1, at }, { seq: 3, at }]);
      assertEquals(await store.topics({ prefix: "", after: "", count: 10 }), [entry]);
      assertEquals((await read(store, { topic: "t" })).messages, [stored!]);
      await trimAll(store);
    }
    const [back] = await append(store, [put("gone")]);
    assertEquals((await read(store, { topic: "gone" })).messages, [back!]);
  });
}

/** An engine whose databases hold at most 400 pages. */
const small: Engine = {
  name: nodeSqlite.name,
  open(path) {
    const db = nodeSqlite.open(path);
    db.exec("PRAGMA max_page_count = 400");
    return db;
  },
};

Deno.test("a full database accepts messages again once others have expired", async () => {
  const clock = new ManualClock();
  await using store = open(small, clock);
  const large = put("t", "x".repeat(20_000));
  let stored = 0;
  for (let full = false; !full; stored++) {
    assert(stored < 1000, "400 pages are never full");
    full = (await apply(store, [large]))[0] instanceof StoreError;
  }
  clock.advance(RETENTION);
  await trimAll(store);
  assertEquals(await listed(store), []);
  const last = await append(store, [put("t", "new")]);
  assertEquals((await read(store, { topic: "t" })).messages, last);
  assertEquals(await listed(store), [["t", 1]]);
});

Deno.test("older and newer messages can be read while a database accepts nothing", async () => {
  const { failing, failOn } = watchEngine();
  await using store = open(failing);
  const all = await append(store, Array.from({ length: 100 }, (_, i) => put("t", `${i}`)));
  await listed(store);
  all.push(...await append(store, [put("u"), ...puts("t", "a", "bcd", "e")]));
  all.splice(100, 1);
  failOn((sql) => sql.startsWith("INSERT"));
  assertEquals((await read(store, { topic: "t" })).messages, all);
  assertEquals((await read(store, { topic: "t", newest: true })).messages, all.slice(-1));
  for (const [count, bytes] of [[1000, 12], [7, 1000], [1, 1], [104, 1000], [1000, 400]] as const) {
    const found: TopicMessage[] = [];
    for (let after = 0; after < 104;) {
      const page = await read(store, { topic: "t", after, count, bytes });
      assert(page.messages.length <= count);
      const size = page.messages.reduce((sum, message) => sum + message.bytes, 0);
      assert(size <= bytes || page.messages.length === 1, `${size} bytes, at most ${bytes}`);
      found.push(...page.messages);
      after = page.through;
    }
    assertEquals(found, all);
  }
});

Deno.test("a long batch goes to the database at once: searching it in memory would take longer", async () => {
  let inserts = 0;
  const counting: Engine = {
    name: nodeSqlite.name,
    open(path) {
      const db = nodeSqlite.open(path);
      const prepare = db.prepare.bind(db);
      db.prepare = (sql) => {
        const statement = prepare(sql);
        if (!sql.startsWith("INSERT INTO runs")) return statement;
        const run = statement.run.bind(statement);
        return {
          all: (...values) => statement.all(...values),
          run: (...values) => (inserts++, run(...values)),
        };
      };
      return db;
    },
  };
  await using store = open(counting);
  await append(store, Array.from({ length: 4000 }, () => put("t", "m")));
  assertEquals(inserts, 0);
  await append(store, Array.from({ length: 4096 }, () => put("t", "m")));
  // 64 messages in a row.
  assertEquals(inserts, Math.ceil(4000 / 64) + 4096 / 64);
});

Deno.test("a batch that fails in memory has changed nothing, and later ones have their own times", async () => {
  const { failing, failOn } = watchEngine();
  await using store = open(failing, new ManualClock(0));
  const at = (time: number, ...commands: Command[]) => store.apply({ time, commands });
  await at(1000, numbered("s", 1));
  await listed(store);
  failOn((sql) => sql.startsWith("SELECT"));
  const [failed] = await at(1000 + RETENTION, { type: "forget_session", session: "s" });
  assertInstanceOf(failed, StoreError);
  failOn(() => {});
  assertEquals(await at(1001, numbered("s", 1)), [{ seq: 1, dup: true }]);
  const [stored] = await at(1002, put("t"));
  assertEquals([(stored as PutAck).seq, (stored as PutAck).time], [2, 1002]);
});

Deno.test("a failure of the engine rejects with a StoreError", async () => {
  const { failing, failOn } = watchEngine();
  const clock = new ManualClock();
  await using store = open(failing, clock);
  await append(store, puts("t", "1", "2"));
  await listed(store);
  const query = { topic: "t", after: 0, count: 10, bytes: 10 };
  failOn((sql) => sql.startsWith("SELECT"));
  const calls: (() => Promise<unknown>)[] = [
    () => store.read([query]),
    () => store.read([{ ...query, newest: true }]),
    () => store.topics({ prefix: "", after: "", count: 1 }),
    () => store.seqBefore(clock.now()),
  ];
  for (const call of calls) await assertRejects(call, StoreError, "the disk is full");
  clock.advance(RETENTION);
  await assertRejects(() => store.bounds(), StoreError, "the disk is full");
  await assertRejects(() => trim(store, 1), StoreError, "the disk is full");
  failOn(() => {});
  assertEquals((await read(store, { topic: "t" })).messages, []);
});

for (const statement of ["INSERT INTO runs (last", "UPDATE runs SET topic = 0", "COMMIT"]) {
  Deno.test(`a purge of a topic whose ${statement} fails loses nothing that was stored before it, and can be repeated`, async () => {
    const { failing, failOn } = watchEngine();
    await using store = open(failing);
    const stored = await append(store, [...puts("t", "1", "2"), put("u")]);
    let purges = false;
    failOn((sql) => {
      purges ||= sql.includes("AND attributes IS NOT NULL") || sql.startsWith("DELETE FROM runs");
      return purges && sql.startsWith(statement);
    });
    const purge: Command = { type: "purge", topic: "t", before: { seq: 2 }, max: 9 };
    const [failed] = await apply(store, [purge]);
    assertInstanceOf(failed, StoreError);
    failOn(() => {});
    assertEquals((await read(store, { topic: "t" })).messages, stored.slice(0, 2));
    assertEquals((await read(store, { topic: "u" })).messages, stored.slice(2));
    assertEquals(await apply(store, [purge]), [{ purged: 1, end: 2, more: false }]);
    assertEquals((await read(store, { topic: "t" })).messages, stored.slice(1, 2));
  });
}
