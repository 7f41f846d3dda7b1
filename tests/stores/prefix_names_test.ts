/**
 * Prefixes of more than a few topics, message by message: names are looked up once, and are right whatever has changed.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Store, TopicMessage } from "../../stores/store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { append, apply, put, RETENTION, trimAll } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { watchEngine } from "../contracts/failing_engine.ts";
import { open } from "../support/memory_stores.ts";
import { openFile, TempFolder } from "../support/queue_files.ts";

const COUNT = 300;

/** Reads everything of a prefix, page by page. */
async function readAll(store: Store, prefix: string): Promise<TopicMessage[]> {
  const all: TopicMessage[] = [];
  for (let after = 0;;) {
    const [page] = await store.read([{ prefix, after, count: COUNT, bytes: 1e6 }]);
    all.push(...page!.messages);
    after = page!.through;
    if (page!.messages.length === 0 && !page!.more) return all;
  }
}

const named = (messages: readonly TopicMessage[]) => messages.map(({ seq, topic }) => [seq, topic]);

/** Stores messages of so many topics in turn. */
async function fill(
  store: Store,
  prefix: string,
  topics: number,
  rounds: number,
): Promise<TopicMessage[]> {
  const all: TopicMessage[] = [];
  for (let i = 0; i < rounds; i++) {
    const puts = Array.from({ length: topics }, (_, n) => put(`${prefix}${n}`));
    all.push(...await append(store, puts));
  }
  return all;
}

Deno.test("pages of very many messages of hundreds of topics in turn are read without a join with their names, which are looked up once", async () => {
  const { failing, executed } = watchEngine();
  await using store = new MemoryStore({
    engine: failing,
    retention: RETENTION,
    clock: new ManualClock(),
  });
  const all = await fill(store, "p.", 200, 20);
  await store.topics({ prefix: "", after: "", count: 1 });
  assertEquals(named(await readAll(store, "p.")), named(all));
  executed.length = 0;
  assertEquals(named(await readAll(store, "p.")), named(all));
  const count = (part: string) => executed.filter((sql) => sql.includes(part)).length;
  assertEquals(count("CROSS JOIN topics"), 0);
  assertEquals(count("group_concat(topic)"), Math.ceil(all.length / COUNT));
});

for (const kind of ["in memory", "in a file"]) {
  Deno.test(`the names of a prefix are right when topics end and come again, are purged, or are among others (${kind})`, async () => {
    using folder = new TempFolder();
    const clock = new ManualClock();
    await using store = kind === "in memory" ? open(nodeSqlite, clock) : openFile(folder.file);
    const expected = await fill(store, "p.", 50, 8);
    await fill(store, "p.gone.", 40, 2);
    await store.topics({ prefix: "", after: "", count: 1 });
    await readAll(store, "p.");
    for (let n = 0; n < 40; n++) {
      await apply(store, [{ type: "purge", topic: `p.gone.${n}`, max: 9 }]);
    }
    expected.push(...await fill(store, "p.new.", 40, 4));
    for (let i = 0; i < 200; i++) {
      await append(store, [put(`q${i % 40}`)]);
      expected.push(...await append(store, [put(`p.gone.${i % 40}`), put(`p.${i % 50}`)]));
    }
    for (let round = 0; round < 2; round++) {
      assertEquals(named(await readAll(store, "p.")), named(expected));
      for (const prefix of ["p.gone.", "p.new.", "p.4"]) {
        const its = expected.filter(({ topic }) => topic.startsWith(prefix));
        assertEquals(named(await readAll(store, prefix)), named(its));
      }
      await store.topics({ prefix: "", after: "", count: 1 });
    }
  });
}

Deno.test("topics that have all expired are not taken for those that come after them", async () => {
  const clock = new ManualClock();
  await using store = open(nodeSqlite, clock);
  for (const prefix of ["p.", "p.x", "p.y"]) {
    const all = await fill(store, prefix, 100, 6);
    await store.topics({ prefix: "", after: "", count: 1 });
    assertEquals(named(await readAll(store, "p.")), named(all));
    clock.advance(RETENTION);
    await trimAll(store);
    await store.bounds();
  }
});

Deno.test("the names of thousands of topics, a thousand at a time, are right again and again", async () => {
  await using store = open(nodeSqlite);
  const all: TopicMessage[][] = [];
  for (let i = 0; i < 6; i++) all.push(await fill(store, `p${i}.`, 1000, 3));
  await store.topics({ prefix: "", after: "", count: 1 });
  for (let round = 0; round < 2; round++) {
    for (const [i, its] of all.entries()) {
      assertEquals(named(await readAll(store, `p${i}.`)), named(its));
    }
  }
  assertEquals(named(await readAll(store, "")), named(all.flat()));
});
