/**
 * The size of the messages in a table is counted correctly, and with few queries.
 *
 * @module
 */

import { apply } from "../../testing/store/support.ts";
import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SegmentSizes } from "../../stores/segment_sizes.ts";
import { SegmentTable } from "../../stores/segment_table.ts";
import { encodeAttributes } from "../../protocol/attributes.ts";
import { TopicTable } from "../../stores/topic_table.ts";
import { storedSize } from "../../stores/store_limits.ts";
import type { TopicMessage } from "../../stores/store.ts";
import { CountingEngine } from "../support/counting_engine.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { seeded } from "../../testing/seeded.ts";

function sizeOf(messages: readonly TopicMessage[]): number {
  return messages.reduce((sum, message) => sum + storedSize(message), 0);
}

Deno.test("the size of messages is right after any puts, deletions and rollbacks", () => {
  const random = seeded(5);
  const db = nodeSqlite.open(":memory:");
  const runs = new SegmentTable(db);
  new TopicTable(db);
  db.exec("INSERT INTO topics VALUES (1, 't 0'), (2, 't 1')");
  const sizes = new SegmentSizes(db);
  const rows = db.prepare("SELECT count(*) AS n FROM runs");
  const all: TopicMessage[] = [];
  let [deleted, most] = [0, 0];
  for (let step = 0; step < 600; step++) {
    const [count, before] = [all.length, deleted];
    db.exec("BEGIN");
    if (random(3) > 0) {
      const messages = Array.from({ length: 1 + random(random(9) === 0 ? 600 : 8) }, (_, i) => {
        const body = JSON.stringify("ä".repeat(random(30)));
        const attributes = random(3) > 0 ? undefined : encodeAttributes({
          key: "ä".repeat(1 + random(9)),
          ...(random(2) > 0 && { messageId: `${i} "\\` }),
        })!;
        const bytes = new TextEncoder().encode(body).length + (attributes?.bytes ?? 0);
        const plain = { seq: count + i + 1, time: 1, body, bytes, topic: `t ${random(2)}` };
        return attributes ? { ...plain, attributes: attributes.json } : plain;
      });
      all.push(...messages);
      runs.insert(messages, (topic) => topic === "t 0" ? 1 : 2);
    } else {
      deleted = Math.min(count, runs.endOf(deleted, 1 + random(20)));
      runs.delete(deleted);
    }
    sizes.rowsChanged();
    const check = () => {
      const after = Math.min(deleted + random(300), all.length);
      const upTo = random(4) === 0 ? all.length : Math.min(all.length, after + random(400));
      const bytes = sizeOf(all.slice(after, upTo));
      assertEquals(sizes.sizeBetween(after, upTo), bytes, `step ${step}: size(${after}, ${upTo})`);
      assertEquals(
        sizes.seqCovering(after, bytes),
        { upTo, missing: 0 },
        `step ${step}: seqCovering`,
      );
      const topic = random(2);
      const { messages, bytes: partial } = sizes.splitRow(1 + topic, after);
      const split = all.slice(after - messages, after);
      assertEquals(split.every((one) => one.topic === `t ${topic}`), true, `step ${step}: the row`);
      assertEquals(partial, sizeOf(split), `step ${step}: splitRow`);
      if (random(30) > 0) return;
      const { total, ofTopics } = sizes.addUp(after);
      assertEquals(total, sizeOf(all.slice(after)), `step ${step}: addUp`);
      for (const [name, id] of [["t 0", 1], ["t 1", 2]] as const) {
        const there = all.slice(deleted).filter((one) => one.topic === name);
        assertEquals(ofTopics.get(id) ?? 0, sizeOf(there), `step ${step}: addUp, ${name}`);
      }
      const [{ n }] = rows.all() as [{ n: number }];
      most = Math.max(most, n);
    };
    check();
    if (random(5) === 0) {
      db.exec("ROLLBACK");
      runs.rolledBack();
      sizes.rolledBack();
      all.length = count;
      deleted = before;
    } else db.exec("COMMIT");
    for (let i = 0; i < 3; i++) check();
  }
  assert(most > 4096, `${most} rows are more than are added up at once`);
  db.close();
});

Deno.test("when new messages displace the oldest, each needs few queries", async () => {
  const engine = new CountingEngine();
  const limits = { storedBytes: 1_000_000, topics: 100_000, overflow: "drop-oldest" as const };
  const clock = new ManualClock(1_000_000);
  await using store = new MemoryStore({ engine, clock, retention: 10_000, limits });
  let puts = 0;
  const some = () =>
    apply(
      store,
      Array.from(
        { length: 512 },
        () => ({ type: "put" as const, topic: `${puts++}`, body: '""', bytes: 2 }),
      ),
    );
  while (puts < 20_000) await some();
  const rows = await engine.rowsFor(async () => {
    for (let i = 0; i < 8; i++) await some();
  });
  // Each row is inserted with its topic, looked at once, deleted with its topic, and recorded as gone.
  assert(rows < 9 * 8 * 512, `${rows / 8 / 512} steps a put`);
});
