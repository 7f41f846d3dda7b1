/**
 * What it costs to read topics through their prefix. The tests count steps, not time.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { GoneTable } from "../../stores/gone_table.ts";
import { withPrefix } from "../../stores/prefix_range.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { TopicMessage } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { append, put, RETENTION, topicNames, trimAll } from "../../testing/store/support.ts";
import { CountingEngine } from "../support/counting_engine.ts";
import { PlannedEngine } from "../support/planned_engine.ts";

function open(engine: Engine = nodeSqlite, clock = new ManualClock()): MemoryStore {
  return new MemoryStore({ engine, clock, retention: RETENTION });
}

/** Puts that make a row each. */
const alternating = (count: number, topic: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => put(i % 2 === 0 ? topic(i) : `other ${i % 3}`));

Deno.test("the topics of a prefix are found by the index of their names, also if it has no end", async () => {
  const engine = new PlannedEngine(nodeSqlite);
  const clock = new ManualClock();
  await using store = open(engine, clock);
  await append(store, alternating(3000, (i) => `p.${i}`));
  await topicNames(store);
  for (const prefix of ["p.", "p.100", "", "\u{10ffff}"]) {
    for (const after of [0, 100]) {
      await store.read([{ prefix, after, count: 1024, bytes: 1e6, gone: true }]);
    }
  }
  clock.advance(RETENTION);
  await store.topicBounds([{ prefix: "p." }, { prefix: "p.100" }]);
  const plans = engine.plans.filter(([sql]) => /\b(topics|gone)\b/.test(sql) && sql.includes("?1"));
  assert(plans.length >= 5, `${plans.length} statements`);
  for (const [sql, steps] of plans) {
    const ofTopics = steps.filter((step) => /topics\b/.test(step));
    assert(ofTopics.length > 0, sql);
    for (const step of ofTopics) {
      assertMatch(step, /\(name>\? AND name<\?\)|USING INTEGER PRIMARY KEY \(rowid=\?\)/, sql);
    }
  }
});

Deno.test("what is gone of a prefix is found by the index of topics", () => {
  const db = nodeSqlite.open(":memory:");
  new GoneTable(db, 100);
  const sql = `EXPLAIN QUERY PLAN SELECT seq, at FROM gone WHERE ${withPrefix("topic")}`;
  for (const [from, to] of [["p.", "p/"], ["", ""]] as const) {
    const [{ detail }] = db.prepare(sql).all(from, to) as [{ detail: string }];
    assertMatch(detail, /USING PRIMARY KEY \(topic>\? AND topic<\?\)/);
  }
  db.close();
});

Deno.test("a page of a prefix takes no more rows out of the database than it has, and a few", async () => {
  const engine = new CountingEngine();
  await using store = open(engine);
  await append(store, alternating(20_000, (i) => `p.${i % 40}`));
  await append(store, [put("q.1"), put("other 1"), put("q.2")]);
  await topicNames(store);
  const cases: [string, number, number][] = [
    ["p.", 0, 1024],
    ["p.", 10_000, 1024],
    ["p.1", 500, 100],
    ["", 0, 1024],
    ["q.", 0, 1024],
    ["none", 0, 1024],
  ];
  for (const [prefix, after, count] of cases) {
    let found = 0;
    const rows = await engine.rowsFor(async () => {
      const [page] = await store.read([{ prefix, after, count, bytes: 1e6, gone: true }]);
      found = page!.messages.length;
    });
    assert(found === count || prefix === "q." || prefix === "none", `${found} messages`);
    // Some were looked up ahead, of each of the topics.
    assert(rows <= 2 * found + 300, `${rows} rows for ${found} messages of ${prefix}`);
  }
});

Deno.test("a page with room for one message passes over very many rows of other topics in few statements", async () => {
  const engine = new CountingEngine();
  await using store = open(engine);
  // More topics than are looked up one by one.
  await append(store, Array.from({ length: 2000 }, (_, i) => put(`p.${i}`)));
  await append(store, Array.from({ length: 15_000 }, (_, i) => put(`other ${i % 2}`)));
  await append(store, [put("p.last")]);
  await topicNames(store);
  for (const [count, bytes] of [[1, 1], [1, 1e6], [1024, 1]] as const) {
    const rows = await engine.rowsFor(async () => {
      const [page] = await store.read([{ prefix: "p.", after: 2000, count, bytes }]);
      assertEquals(page!.messages.map(({ seq }) => seq), [17_001]);
    });
    assert(rows < 150, `${rows} rows for a page of ${count} messages or ${bytes} bytes`);
  }
});

Deno.test("ten topics among very many take as many statements as ten alone, and no look at a row of others", async () => {
  const found: number[] = [];
  for (const others of [0, 50_000]) {
    const engine = new CountingEngine();
    const planned = new PlannedEngine(engine);
    await using store = open(planned);
    for (let i = 0; i < others; i += 1000) {
      await append(store, Array.from({ length: 1000 }, (_, j) => put(`q.${i + j}`)));
    }
    await append(store, Array.from({ length: 10 }, (_, i) => put(`p.${i}`)));
    await append(store, [put("q.last"), put("p.0"), put("q.last")]);
    await topicNames(store);
    planned.forget();
    for (const [after, count] of [[0, 11], [others + 11, 1], [others + 12, 0]] as const) {
      found.push(
        await engine.rowsFor(async () => {
          const [page] = await store.read([{ prefix: "p.", after, count: 1024, bytes: 200_000 }]);
          assertEquals(page!.messages.length, count);
        }),
      );
    }
    const steps = planned.plans.flatMap(([, steps]) => steps);
    assert(steps.some((step) => step.includes("runs_of_topic (topic=? AND last>?)")));
    for (const step of steps) {
      assertMatch(step, /^(SEARCH|CO-ROUTINE|USE TEMP|SCAN \(sub)/);
      if (step.includes("runs")) assertMatch(step, /\((topic=\? AND last>\?|rowid=\?)\)/);
    }
  }
  const [alone, amongMany] = [found.slice(0, 3), found.slice(3)];
  assertEquals(amongMany, alone);
  assert(Math.max(...found) <= 15, `${found} rows`);
});

Deno.test("of few topics with large texts, a page takes no more out of the database than it has room for, and a few rows", async () => {
  for (const others of [0, 20]) {
    const engine = new CountingEngine();
    await using store = open(engine);
    const text = "x".repeat(10_000);
    for (let i = 0; i < 60; i++) {
      const batch = Array.from({ length: others }, (_, j) => put(`q.${j}`));
      await append(store, [put(`p.${i % 10}`, text), ...batch]);
    }
    await topicNames(store);
    for (const bytes of [1, 30_000, 100_000]) {
      let found = 0;
      engine.read = 0;
      for (let after = 0; after < 60;) {
        const [page] = await store.read([{ prefix: "p.", after, count: 1024, bytes }]);
        found += page!.messages.length;
        after = page!.through;
      }
      const most = 60_000 * found + 200_000;
      assert(engine.read <= most, `${engine.read} characters for ${found} messages of ${others}`);
    }
  }
});

Deno.test("topics put message by message are read as lists: a page takes a few rows out of the database, not one each, and the names of topics once", async () => {
  const engine = new CountingEngine();
  const planned = new PlannedEngine(engine);
  await using store = open(planned);
  // Some are of another topic.
  const topicOf = (i: number) => i % 13 === 0 ? "q" : `p.${i % 10}`;
  const puts = Array.from({ length: 20_000 }, (_, i) => put(topicOf(i)));
  const stored = await append(store, puts);
  await topicNames(store);
  planned.forget();
  const rows = await engine.rowsFor(async () => {
    const [page] = await store.read([{ prefix: "p.", after: 5000, count: 1024, bytes: 1e6 }]);
    const expected = stored.filter(({ seq, topic }) => seq > 5000 && topic !== "q");
    assertEquals(page!.messages, expected.slice(0, 1024));
  });
  assert(rows <= 30, `${rows} rows`);
  for (const [sql, steps] of planned.plans) {
    assert(steps.every((step) => !/topics.*rowid/.test(step)), sql);
  }
});

Deno.test("rows of every kind are read exactly beside each other, from every place on, also in parts", async () => {
  await using store = open();
  const bodies = [
    "",
    "a",
    "\u00e9\ud83d\ude00",
    "\n\x1e \0",
    "x".repeat(20_000),
    "\u00e9".repeat(70_000),
  ];
  const puts = Array.from({ length: 240 }, (_, i) => {
    const command = put(`p.${(i >> (i & 64 ? 0 : 2)) % 3}`, bodies[(i * 7) % bodies.length]);
    if (i < 60 || i % 5 > 0) return command;
    const attributes = JSON.stringify({ key: `\u00e9${i}` });
    return { ...command, attributes, bytes: command.bytes + attributes.length + 1 };
  });
  const stored = await append(store, puts);
  await topicNames(store);
  for (let after = 0; after < puts.length; after += 11) {
    for (const [count, bytes] of [[1000, 1e7], [1000, 50_000], [7, 1e7]] as const) {
      const found: TopicMessage[] = [];
      for (let from = after; from < puts.length; from = found.at(-1)!.seq) {
        const [page] = await store.read([{ prefix: "p.", after: from, count, bytes }]);
        found.push(...page!.messages);
      }
      assertEquals(found, stored.slice(after));
    }
  }
});

Deno.test("large messages are taken out of the database only if they are on the page, and once for many readers", async () => {
  const engine = new CountingEngine();
  await using store = open(engine);
  const large = "x".repeat(1_000_000);
  await append(store, [put("p.1"), put("p.2", large), put("q"), put("p.3", large), put("p.1")]);
  await topicNames(store);
  const query = { prefix: "p.", after: 0, count: 100 };
  engine.read = 0;
  const [first] = await store.read([{ ...query, bytes: 100_000 }]);
  assertEquals(first!.messages.map(({ topic }) => topic), ["p.1"]);
  // To know its size it is not read.
  assert(engine.read < 100_000, `${engine.read} characters`);
  engine.read = 0;
  const pages = [];
  for (let i = 0; i < 50; i++) pages.push(...await store.read([{ ...query, after: 1, bytes: 1 }]));
  for (const { messages } of pages) assertEquals(messages.map(({ seq }) => seq), [2]);
  assert(engine.read < 1_100_000, `${engine.read} characters for ${pages.length} readers`);
  assertEquals((await store.read([{ ...query, bytes: 1e7 }]))[0]!.messages.length, 4);
});

Deno.test("a page of a prefix of very many topics passes over a bounded part of the others", async () => {
  await using store = open();
  await append(store, Array.from({ length: 1500 }, (_, i) => put(`p.${i}`)));
  for (let i = 0; i < 50; i++) await append(store, alternating(1000, () => "another"));
  const [end] = await append(store, [put("p.end")]);
  let [after, pages] = [1500, 0];
  for (; after < end!.seq; pages++) {
    const [page] = await store.read([{ prefix: "p.", after, count: 1024, bytes: 1e6 }]);
    assert(page!.through - after <= 16_384 || page!.messages.length > 0, `${page!.through}`);
    assertEquals(page!.more, page!.through < end!.seq ? true : undefined);
    after = page!.through;
  }
  assertEquals(pages, 4);
});

Deno.test("very many topics that are gone take no long walk, and never less than the truth is said", async () => {
  const clock = new ManualClock();
  await using store = open(nodeSqlite, clock);
  const stored: TopicMessage[] = [];
  for (let i = 0; i < 30; i++) {
    stored.push(...await append(store, alternating(1000, (j) => `p.${i} ${j}`)));
  }
  await topicNames(store);
  clock.advance(RETENTION);
  const newest = (prefix: string) => stored.findLast(({ topic }) => topic.startsWith(prefix))!.seq;
  const gone = async (prefix: string) => (await store.topicBounds([{ prefix }]))[0]!.gone!.seq;
  for (let purged = 0; purged < 2; purged++) {
    for (const prefix of ["p.", "p.2", "other", "p.29 9", ""]) {
      assertEquals(await gone(prefix), newest(prefix), prefix);
    }
    // Of more topics than are looked up, the newest lies behind more rows than are passed over.
    assert(await gone("p.1") >= newest("p.1"));
    await trimAll(store);
  }
});
