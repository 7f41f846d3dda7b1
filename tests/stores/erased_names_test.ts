/**
 * The name of a topic is erased with what was purged of it, unless it is still needed: and so is all other text in a file.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { apply, put, RETENTION } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { seeded } from "../../testing/seeded.ts";
import { TempFolder } from "../support/queue_files.ts";

/** Texts by which topics are found in a file. */
const MARKER = /<\d+>/g;

function markersIn(path: string): Set<string> {
  const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  return new Set([...text.matchAll(MARKER)].map(([marker]) => marker));
}

function open(path: string, limits: Partial<StoreLimits>): FileStore {
  const clock = new ManualClock();
  const durability = "process";
  return new FileStore({
    engine: nodeSqlite,
    clock,
    retention: RETENTION,
    limits,
    path,
    durability,
  });
}

/** A name that begins with a number; the longest that a server may allow has pages of its own in indexes and tables. */
const named = (number: number, length: number) => `<${number}>`.repeat(1000).slice(0, length);

/** The names that the tables of a file have. */
function namesIn(path: string): Set<string> {
  const db = nodeSqlite.open(path);
  try {
    const rows = db.prepare("SELECT name FROM topics UNION SELECT topic FROM gone").all();
    return new Set((rows as { name: string }[]).map(({ name }) => /<\d+>/.exec(name)![0]));
  } finally {
    db.close();
  }
}

/** Purges topics with names of random lengths while others come; returns which are in the file, and which should be. */
async function purgeNames(seed: number): Promise<[found: Set<string>, named: Set<string>]> {
  using folder = new TempFolder();
  const random = seeded(seed);
  const goneTopics = 1 + random(20);
  {
    await using store = open(folder.file, { goneTopics });
    let topics: string[] = [];
    for (let round = 0, number = 0; round < 40; round++) {
      const added = Array.from({ length: 8 }, () => named(++number, 8 + random(4089)));
      await apply(store, added.map((topic) => put(topic)));
      topics.push(...added);
      const purged = topics.filter(() => random(3) === 0);
      await apply(store, purged.map((topic) => ({ type: "purge", topic, max: 10 })));
      topics = topics.filter((topic) => !purged.includes(topic));
    }
    await store.erase();
    assertEquals(markersIn(`${folder.file}-wal`), new Set());
  }
  return [markersIn(folder.file), namesIn(folder.file)];
}

Deno.test("names of purged topics are in a file only where its tables have them, however long they are", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const [found, expected] = await purgeNames(seed);
    assert(expected.size > 16, `${expected.size} names`);
    assertEquals(found, expected, `seed ${seed}`);
  }
});

Deno.test("the name of a purged topic stays while readers are told exactly what is gone of it, and then goes", async () => {
  using folder = new TempFolder();
  await using store = open(folder.file, { goneTopics: 2 });
  const names = [1, 2, 3, 4].map((number) => named(number, 2000 + number));
  const left: Set<string>[] = [];
  for (const topic of names) {
    await apply(store, [put(topic)]);
    await apply(store, [{ type: "purge", topic, max: 1 }]);
    await store.erase();
    left.push(markersIn(folder.file));
  }
  assertEquals(left, [
    new Set(["<1>"]),
    new Set(["<1>", "<2>"]),
    new Set(["<2>", "<3>"]),
    new Set(["<3>", "<4>"]),
  ]);
  const [known] = await store.topicBounds([{ topic: names[3]! }]);
  assertEquals(known!.gone?.seq, 4);
});
