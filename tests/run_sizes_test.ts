/**
 * What the messages in a table take is counted right, and with few questions to the database.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../stores/memory.ts";
import { RunSizes } from "../stores/run_sizes.ts";
import { RunTable } from "../stores/run_table.ts";
import { sizeOf } from "../stores/size.ts";
import type { Message } from "../stores/store.ts";
import { CountedEngine } from "./support/counted_engine.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { seeded } from "./support/seeded.ts";

Deno.test("what messages take is known whatever is put, deleted and undone", () => {
  const random = seeded(5);
  const db = nodeSqlite.open(":memory:");
  const runs = new RunTable(db);
  const sizes = new RunSizes(db);
  const all: Message[] = [];
  let deleted = 0;
  for (let step = 0; step < 400; step++) {
    const [count, before] = [all.length, deleted];
    db.exec("BEGIN");
    if (random(3) > 0) {
      const messages = Array.from({ length: 1 + random(random(9) === 0 ? 600 : 8) }, (_, i) => {
        const body = JSON.stringify("ä".repeat(random(30)));
        const bytes = new TextEncoder().encode(body).length;
        return { seq: count + i + 1, time: 1, body, bytes, topic: `t ${random(2)}` };
      });
      all.push(...messages);
      runs.insert(messages, (topic) => topic === "t 0" ? 1 : 2);
    } else {
      deleted = Math.min(count, runs.endOf(deleted, 1 + random(20)));
      runs.delete(deleted);
    }
    sizes.changed();
    const ask = () => {
      const after = Math.min(deleted + random(300), all.length);
      const upTo = random(4) === 0 ? all.length : Math.min(all.length, after + random(400));
      const taken = all.slice(after, upTo).reduce((sum, message) => sum + sizeOf(message), 0);
      assertEquals(sizes.size(after, upTo), taken, `step ${step}: size(${after}, ${upTo})`);
      assertEquals(sizes.reach(after, taken), { upTo, lacking: 0 }, `step ${step}: reach`);
    };
    ask();
    if (random(5) === 0) {
      db.exec("ROLLBACK");
      runs.undone();
      sizes.undone();
      all.length = count;
      deleted = before;
    } else db.exec("COMMIT");
    for (let i = 0; i < 3; i++) ask();
  }
  db.close();
});

Deno.test("where the oldest give way to new messages, few questions are asked for each of them", async () => {
  const engine = new CountedEngine();
  const limits = { storedBytes: 1_000_000, topics: 100_000, overflow: "drop-oldest" as const };
  const clock = new ManualClock(1_000_000);
  await using store = new MemoryStore({ engine, clock, retention: 10_000, limits });
  let puts = 0;
  const some = () =>
    store.append(Array.from({ length: 512 }, () => ({ topic: `${puts++}`, body: '""', bytes: 2 })));
  while (puts < 20_000) await some();
  const work = await engine.workOf(async () => {
    for (let i = 0; i < 8; i++) await some();
  });
  // It is inserted with its topic, looked at once, deleted with its topic, and told of as what is gone.
  assert(work < 9 * 8 * 512, `${work / 8 / 512} steps a put`);
});
