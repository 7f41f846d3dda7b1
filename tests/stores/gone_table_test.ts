/**
 * The record of what is gone of topics, in memory and in a table: bounded, and rolled back with its transaction.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Database } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { GoneMap, type GoneMessage, type GoneTopics } from "../../stores/gone_map.ts";
import { GoneTable } from "../../stores/gone_table.ts";
import { GoneTimes } from "../../stores/gone_index.ts";
import type { Gone } from "../../stores/store.ts";
import { seeded } from "../../testing/seeded.ts";

const MAX = 16;

/** Runs work in a transaction, and rolls it back on demand. */
type Transact = (work: () => void, undo?: boolean) => void;

function inMemory(): [GoneTopics, Transact] {
  const gone = new GoneMap(MAX);
  return [gone, (work, undo) => {
    work();
    if (undo) gone.rollback();
    else gone.commit();
  }];
}

function inTable(db: Database = nodeSqlite.open(":memory:")): [GoneTopics, Transact] {
  const gone = new GoneTable(db, MAX);
  return [gone, (work, undo) => {
    db.exec("BEGIN");
    work();
    db.exec(undo ? "ROLLBACK" : "COMMIT");
    if (undo) gone.rollback();
    else gone.commit();
  }];
}

for (const [name, make] of [["a map", inMemory], ["a table", () => inTable()]] as const) {
  Deno.test(`${name} reports exactly what is gone of the newest topics, and never too little of the others`, () => {
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed);
      const [gone, transact] = make();
      const real = new Map<string, Gone>();
      let [seq, at, undone] = [0, 0, false];
      for (let step = 0; step < 600; step++) {
        const messages: GoneMessage[] = [];
        const topics = new Set(Array.from({ length: random(5) }, () => `t${random(40)}`));
        for (const topic of topics) {
          messages.push({ topic, seq: seq += 1 + random(3), at: at += random(3) });
        }
        const undo = random(5) === 0;
        undone ||= undo;
        transact(() => gone.record(messages), undo);
        if (!undo) { for (const { topic, seq, at } of messages) real.set(topic, { seq, at }); }
        const newest = [...real.values()].map(({ seq }) => seq).sort((a, b) => b - a)[MAX - 1] ??
          0;
        for (const [topic, expected] of real) {
          const found = gone.find(topic);
          // A rollback may change which entries a map drops first, and so may cost one or another of them.
          if (expected.seq >= newest && !(undone && name === "a map")) {
            assertEquals(found, expected, topic);
          }
          if (found) assertEquals(found, expected);
          else assert(gone.horizon.seq >= expected.seq && gone.horizon.at >= expected.at, topic);
        }
        assert(gone.horizon.seq <= seq, "no more than there was");
      }
      assert(gone.horizon.seq > 0);
      const known = [...real.keys()].filter((topic) => gone.find(topic));
      assert(known.length >= MAX && known.length <= MAX * 9 / 8, `${known.length}`);
    }
  });

  Deno.test(`${name} treats late entries as what they are: older than what it knows`, () => {
    const [gone, transact] = make();
    const record = (...messages: GoneMessage[]) => transact(() => gone.record(messages));
    record({ topic: "t", seq: 10, at: 100 });
    record({ topic: "t", seq: 5, at: 50 });
    assertEquals([gone.find("t"), gone.horizon], [{ seq: 10, at: 100 }, { seq: 0, at: 0 }]);
    for (let i = 0; i < 2 * MAX; i++) record({ topic: `other ${i}`, seq: 20 + i, at: 200 + i });
    assertEquals(gone.find("t"), undefined);
    // Something newer of it may have been dropped: this must not be reported as the newest.
    const { horizon } = gone;
    record({ topic: "t", seq: 7, at: 900 });
    assertEquals([gone.find("t"), gone.horizon], [undefined, { seq: horizon.seq, at: 900 }]);
  });
}

for (const [name, make] of [["a map", inMemory], ["a table", () => inTable()]] as const) {
  Deno.test(`${name} does not keep the entries of a transaction that was rolled back`, () => {
    const [gone, transact] = make();
    const record = (from: number, to: number, undo: boolean) => {
      const messages: GoneMessage[] = [];
      for (let n = from; n <= to; n++) messages.push({ topic: `t${n}`, seq: 100 + n, at: n });
      transact(() => gone.record(messages), undo);
    };
    record(1, MAX, false);
    record(1, 5 * MAX, true);
    assertEquals(gone.horizon, { seq: 0, at: 0 });
    assertEquals(gone.find(`t${MAX}`), { seq: 100 + MAX, at: MAX });
    assertEquals(gone.find(`t${MAX + 1}`), undefined);
  });
}

Deno.test("a table has the same entries when it is opened again", () => {
  const db = nodeSqlite.open(":memory:");
  const [one, transact] = inTable(db);
  for (let i = 1; i <= 3 * MAX; i++) {
    transact(() => one.record([{ topic: `t${i}`, seq: i, at: 10 * i }]));
  }
  const [again] = inTable(db);
  for (let i = 1; i <= 3 * MAX; i++) assertEquals(again.find(`t${i}`), one.find(`t${i}`));
  assertEquals(again.horizon, one.horizon);
  assert(one.horizon.seq >= 2 * MAX - MAX / 8);
  db.close();
});

Deno.test("the time at which a message stopped being readable is known as long as anyone may ask, and the record of dropped messages is bounded", () => {
  const times = new GoneTimes(1000);
  assertEquals([times.goneAt(1, 5), times.total], [1005, { upTo: 0, at: 0, retention: 1000 }]);
  let queryCount = 0;
  for (let n = 1; n <= 10_000; n++) {
    times.drop(n, 100 + n);
    if (!times.isWorthPruning) continue;
    // Purges all but the last few.
    times.prune(n - 10);
    queryCount++;
    for (let i = n - 9; i <= n; i++) assertEquals(times.goneAt(i, i), 100 + i, `${i} of ${n}`);
  }
  assert(queryCount > 50 && queryCount < 200, `${queryCount}`);
  assertEquals(times.goneAt(10_001, 7), 1007, "it has expired");
  assertEquals(times.goneAt(10_000, -950), 50, "it had expired before it would have been dropped");
  assertEquals(times.total, { upTo: 10_000, at: 10_100, retention: 1000 });
  const undo = times.savepoint();
  times.drop(10_001, 10_100);
  times.drop(10_002, 10_500, 5000);
  assertEquals([times.goneAt(10_000, 9500), times.goneAt(10_001, 9500)], [10_100, 10_100]);
  assertEquals(times.total, { upTo: 10_002, at: 10_500, retention: 5000 });
  undo();
  assertEquals(times.total, { upTo: 10_000, at: 10_100, retention: 1000 });
});
