/**
 * What it costs to read topics through their prefix. The tests count steps, not time.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Database, Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { GoneTable } from "../../stores/gone_table.ts";
import { withPrefix } from "../../stores/prefix_range.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { TopicMessage } from "../../stores/store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { append, put, RETENTION, topicNames, trimAll } from "../../testing/store/support.ts";
import { CountingEngine } from "../support/counting_engine.ts";

function open(engine: Engine = nodeSqlite, clock = new ManualClock()): MemoryStore {
  return new MemoryStore({ engine, clock, retention: RETENTION });
}

/** Puts that make a row each. */
const alternating = (count: number, topic: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => put(i % 2 === 0 ? topic(i) : `other ${i % 3}`));

Deno.test("the topics of a prefix are found by the index of their names, also if it has no end", async () => {
  const plans = new Map<string, string[]>();
  let db: Database | undefined;
  const engine: Engine = {
    name: nodeSqlite.name,
    open(path) {
      const opened = db = nodeSqlite.open(path);
      return {
        ...opened,
        prepare(sql) {
          const statement = opened.prepare(sql);
          const run = statement.all.bind(statement);
          const all = (...values: Parameters<typeof run>) => {
            if (/\b(topics|gone)\b/.test(sql) && sql.includes("?1")) plans.set(sql, []);
            return run(...values);
          };
          return { run: (...values) => statement.run(...values), all };
        },
      };
    },
  };
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
  assert(plans.size >= 5, `${plans.size} statements`);
  for (const sql of plans.keys()) {
    const values = Array(5).fill("p").slice(
      0,
      Math.max(...[...sql.matchAll(/\?(\d)/g)].map(([, n]) => Number(n))),
    );
    const steps = db!.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { detail: string }[];
    const ofTopics = steps.map(({ detail }) => detail).filter((detail) => /topics\b/.test(detail));
    assert(ofTopics.length > 0, sql);
    for (const detail of ofTopics) {
      assertMatch(detail, /\(name>\? AND name<\?\)|USING INTEGER PRIMARY KEY \(rowid=\?\)/, sql);
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

Deno.test("topics put message by message are read as lists: a page takes a few rows out of the database, not one each", async () => {
  const engine = new CountingEngine();
  await using store = open(engine);
  await append(store, Array.from({ length: 20_000 }, (_, i) => put(`p.${i % 10}`)));
  await topicNames(store);
  const rows = await engine.rowsFor(async () => {
    const [page] = await store.read([{ prefix: "p.", after: 5000, count: 1024, bytes: 1e6 }]);
    assertEquals(
      page!.messages.map(({ seq }) => seq),
      Array.from({ length: 1024 }, (_, i) => 5001 + i),
    );
  });
  assert(rows <= 30, `${rows} rows`);
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
