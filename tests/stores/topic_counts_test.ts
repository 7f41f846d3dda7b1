/**
 * What is counted of each topic, compared with a list of all messages: while the database fails now and then, and with
 * messages of files that earlier versions made.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SqliteStore } from "../../stores/sqlite_store.ts";
import { type Put, StoreError } from "../../stores/store.ts";
import { storedSize } from "../../stores/store_limits.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { append, apply, put, trimAll } from "../../testing/store/support.ts";
import { watchEngine } from "../contracts/failing_engine.ts";
import { FileFolder } from "../support/file_folder.ts";

const RETENTION = 1000;
const ALL = { prefix: "", after: "", count: 100 };
const TOPICS = ["a", "b", "dé"];

interface Counted {
  readonly seq: number;
  readonly topic: string;
  readonly time: number;
  readonly size: number;
}

/** What should be counted: every readable message, and how many were stored. */
class Counts {
  readonly #clock: ManualClock;
  #messages: Counted[] = [];
  readonly #stored = new Map<string, number>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  expire(): void {
    const now = this.#clock.now();
    this.#messages = this.#messages.filter(({ time }) => time + RETENTION > now);
  }

  stored(put: Put, seq: number): void {
    const { topic } = put;
    const before = this.#of(topic).length === 0 ? 0 : this.#stored.get(topic)!;
    this.#stored.set(topic, before + 1);
    this.#messages.push({ seq, topic, time: this.#clock.now(), size: storedSize(put) });
  }

  purged(topic: string, count: number): void {
    const gone = new Set(this.#of(topic).slice(0, count));
    this.#messages = this.#messages.filter((message) => !gone.has(message));
  }

  /** As a store lists the topics. */
  get listed(): readonly unknown[] {
    this.expire();
    return TOPICS.filter((topic) => this.#of(topic).length > 0).map((topic) => {
      const messages = this.#of(topic);
      const { seq, time } = messages.at(-1)!;
      const bytes = messages.reduce((sum, { size }) => sum + size, 0);
      const stored = this.#stored.get(topic);
      return { topic, messages: messages.length, bytes, stored, seq, time };
    });
  }

  #of(topic: string): Counted[] {
    return this.#messages.filter((message) => message.topic === topic);
  }
}

/** A few puts, some of them of one topic in a row. */
function draw(random: Random): Put[] {
  const topic = TOPICS[random(TOPICS.length)]!;
  return Array.from({ length: 1 + random(9) }, () => {
    const other = random(3) > 0 ? topic : TOPICS[random(TOPICS.length)]!;
    const text = "x".repeat(random(20));
    return random(4) > 0 ? put(other, text) : attributed({ key: "ä" }, other, text);
  });
}

/** One step; what fails has changed nothing. */
async function step(
  store: SqliteStore,
  counts: Counts,
  clock: ManualClock,
  random: Random,
): Promise<void> {
  const chance = random(10);
  counts.expire();
  if (chance < 5) {
    const batch = draw(random);
    const results = await apply(store, batch);
    for (const [i, result] of results.entries()) {
      if (!(result instanceof StoreError)) counts.stored(batch[i]!, result.seq);
    }
  } else if (chance < 6) {
    const [topic, max] = [TOPICS[random(TOPICS.length)]!, 1 + random(20)];
    const [result] = await apply(store, [{ type: "purge", topic, max }]);
    if (!(result instanceof StoreError)) counts.purged(topic, result!.purged);
  } else if (chance < 8) clock.advance(random(RETENTION / 2));
  else {
    await apply(store, []);
    await store.trim(random(2) === 0 ? 0.01 : 50).catch(() => {});
  }
}

for (const kind of ["in memory", "in a file"] as const) {
  Deno.test(`what is counted of topics is right ${kind}, whatever expires, is purged, is trimmed or fails`, async () => {
    const { failing: engine, failOn } = watchEngine();
    let failures = 0;
    for (let seed = 1; seed <= (kind === "in memory" ? 150 : 40); seed++) {
      using folder = new FileFolder();
      const random = seeded(seed);
      const clock = new ManualClock();
      const options = { engine, retention: RETENTION, clock };
      await using store = kind === "in memory"
        ? new MemoryStore(options)
        : new FileStore({ ...options, path: folder.path, durability: "process" });
      const counts = new Counts(clock);
      for (let i = 0; i < 60; i++) {
        // After a COMMIT that fails a file is opened again, and counts anew.
        failOn((sql) => /^(INSERT|DELETE|UPDATE) /.test(sql) && random(20) === 0 && ++failures > 0);
        await step(store, counts, clock, random);
        failOn(() => {});
        if (random(3) > 0) continue;
        assertEquals(await store.topics(ALL), counts.listed, `seed ${seed}, step ${i}`);
      }
    }
    assert(failures > 50, `${failures} failures`);
  });
}

Deno.test("a batch in a file that fails has not begun a count anew, though all before it had expired by its time", async () => {
  using folder = new FileFolder();
  const { failing: engine, failOn } = watchEngine();
  const options = { engine, retention: RETENTION, clock: new ManualClock() };
  await using store = new FileStore({ ...options, path: folder.path, durability: "process" });
  const time = store.now();
  await store.apply({ time, commands: [put("t")] });
  failOn((sql) => sql.startsWith("INSERT INTO runs"));
  const [failed] = await store.apply({ time: time + RETENTION, commands: [put("t")] });
  assert(failed instanceof StoreError);
  failOn(() => {});
  await store.apply({ time: time + 1, commands: [put("t")] });
  // For readers the time does not go back: they do not see the first message, which the second one came after.
  const [found] = await store.topics(ALL);
  assertEquals([found?.messages, found?.stored], [1, 2]);
});

for (const version of ["v1", "v2", "v2_killed", "v3", "v3_killed"]) {
  Deno.test(`the topics of a file of ${version} count what its messages do, and go on from there`, async () => {
    using folder = new FileFolder();
    for (const end of ["db", "db-wal"]) {
      const from = new URL(`../fixtures/queue_${version}.${end}`, import.meta.url);
      if (end === "db" || version.endsWith("killed")) {
        Deno.copyFileSync(from, end === "db" ? folder.path : `${folder.path}-wal`);
      }
    }
    const retention = 1e12;
    const options = { engine: nodeSqlite, retention, clock: new ManualClock() };
    await using store = new FileStore({ ...options, path: folder.path, durability: "process" });
    const expected = async () => {
      const [page] = await store.read([{ prefix: "", after: 0, count: 1e6, bytes: 1e9 }]);
      const bytes = new Map<string, number>();
      for (const message of page!.messages) {
        bytes.set(message.topic, (bytes.get(message.topic) ?? 0) + storedSize(message));
      }
      return bytes;
    };
    const before = await expected();
    assert(before.size > 0, "there are messages");
    const listed = async () => (await store.topics(ALL)).map(({ topic, bytes }) => [topic, bytes]);
    assertEquals(new Map(await listed() as [string, number][]), before);
    assert((await store.topics(ALL)).every(({ stored }) => stored === 0));
    const [topic] = [...before.keys()];
    await append(store, [put(topic!, "one more")]);
    await apply(store, [{ type: "purge", topic: topic!, max: 1 }]);
    await trimAll(store);
    assertEquals(new Map(await listed() as [string, number][]), await expected());
    const { bytes } = await store.usage();
    assertEquals([...(await expected()).values()].reduce((sum, one) => sum + one, 0), bytes);
  });
}
