/**
 * The deduplication index beyond the contract of stores: how it is bounded, and rolled back.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DedupIndex } from "../../stores/dedup_index.ts";
import { DedupTable } from "../../stores/dedup_table.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FORGOTTEN, SUPERSEDED } from "../../stores/dedup_session.ts";
import { seeded } from "../../testing/seeded.ts";
import { commit, MINUTE, remember } from "../support/dedup_turns.ts";

Deno.test("consecutive puts of a session form one run, however many there are", () => {
  const { puts } = remember(1);
  for (let n = 1; n <= 60_000; n++) puts.record("s", n, n + 7);
  commit(puts);
  assertEquals([puts.find("s", 1), puts.find("s", 60_000), puts.find("s", 60_001)], [8, 60_007, 0]);
  assertEquals([puts.isCompleteAfter("s", 0), puts.evictedTo], [true, 0]);
});

Deno.test("when there are too many runs, the oldest of any session are dropped, and `dedupFloor` says so for each", () => {
  const { puts, drops } = remember(10);
  let seq = 0;
  // Two sessions take turns, so each put is a run of its own.
  for (let n = 1; n <= 20; n++) {
    for (const sessionId of ["a", "b"]) puts.record(sessionId, n, ++seq);
    commit(puts);
  }
  const remembered = (sessionId: string, ...seqs: number[]) =>
    seqs.map((seq) => puts.isCompleteAfter(sessionId, seq));
  assertEquals([remembered("a", 28, 29), remembered("b", 29, 30)], [[false, true], [false, true]]);
  assertEquals(
    [puts.evictedTo, remembered("never seen", 0)],
    [0, [true]],
    "something of both is left",
  );
  assertEquals(drops.all.length, 30);
  for (let n = 1; n <= 20; n++) {
    assertEquals(puts.find("a", n), n <= 15 ? FORGOTTEN : 2 * n - 1);
    assertEquals(puts.find("b", n), n <= 15 ? FORGOTTEN : 2 * n);
  }
  // A session that is quiet meanwhile is forgotten step by step; then nothing is known about it.
  for (let n = 21; n <= 31; n++) {
    puts.record("a", n, seq += 2);
    commit(puts);
  }
  assertEquals([puts.find("b", 20), puts.evictedTo], [0, 40]);
  assertEquals([remembered("b", 39, 40), remembered("never seen", 39, 40)], [[false, true], [
    false,
    true,
  ]]);
  assert(drops.all.some(({ session: sessionId, evicted }) => sessionId === "b" && evicted));
});

Deno.test("records that are not committed are rolled back", () => {
  const { puts, drops } = remember(100);
  puts.record("old", 1, 1);
  puts.record("old", 2, 2);
  commit(puts);
  puts.record("old", 3, 3);
  puts.record("new", 1, 4);
  puts.record("old", 9, 5);
  assertEquals(
    [...puts.recorded()].map(({ session: sessionId, first, count }) => [sessionId, first, count]),
    [
      ["old", 1, 3],
      ["old", 9, 1],
      ["new", 1, 1],
    ],
  );
  puts.rollback();
  assertEquals([2, 3, 9].map((n) => puts.find("old", n)), [2, 0, 0]);
  assertEquals(puts.find("new", 1), 0);
  puts.record("old", 3, 3);
  commit(puts);
  assertEquals(puts.find("old", 3), 3);
  assertEquals(drops.all, []);
});

Deno.test("a session is forgotten once it has put nothing for ten minutes, or for the retention if that is longer", () => {
  for (
    const [retention, lifetime] of [[MINUTE, 10 * MINUTE], [15 * MINUTE, 15 * MINUTE]] as const
  ) {
    const puts = new DedupIndex({ window: 100, retention, maxRuns: 100 });
    puts.record("a", 1, 1);
    puts.record("b", 1, 2);
    commit(puts);
    puts.begin(1);
    puts.record("a", 2, 3);
    commit(puts);
    puts.begin(lifetime - 1);
    assertEquals([puts.find("a", 1), puts.find("b", 1), puts.evictedTo], [1, 2, 0]);
    puts.begin(lifetime);
    assertEquals([puts.find("a", 1), puts.find("b", 1), puts.evictedTo], [1, 0, 2]);
    puts.begin(lifetime + 1);
    assertEquals([puts.find("a", 2), puts.evictedTo], [0, 3]);
  }
});

Deno.test("a session that is only looked up is remembered as long as one that puts", () => {
  const puts = new DedupIndex({ window: 100, retention: MINUTE, maxRuns: 100 });
  for (const [i, sessionId] of ["a", "b", "c"].entries()) puts.record(sessionId, 1, i + 1);
  commit(puts);
  puts.begin(MINUTE);
  puts.refresh("a");
  puts.refresh("never seen");
  puts.begin(2 * MINUTE);
  puts.record("c", 2, 4);
  commit(puts);
  // Each expires at its own time, whichever sessions were used in between.
  for (
    const [at, known] of [[10, [1, 0, 3]], [11, [0, 0, 3]], [12, [0, 0, 0]]] as [number, number[]][]
  ) {
    puts.begin(at * MINUTE);
    assertEquals(["a", "b", "c"].map((sessionId) => puts.find(sessionId, 1)), known, `${at}`);
  }
  assertEquals(puts.evictedTo, 4);
});

Deno.test("a number that its session has passed was not stored if nothing that low is forgotten", () => {
  const { puts } = remember(100, 10);
  let seq = 0;
  for (const n of [2, 4, 20, 22]) {
    puts.record("s", n, seq += 2);
    commit(puts);
  }
  const found = [1, 2, 4, 5, 19, 20, 21, 22, 23].map((n) => puts.find("s", n));
  const [F, S] = [FORGOTTEN, SUPERSEDED];
  assertEquals(found, [F, F, F, S, S, 6, S, 8, 0]);
});

Deno.test("a session that was forgotten and comes back may have stored earlier numbers", () => {
  const { puts } = remember(100);
  puts.record("s", 3, 1);
  puts.record("t", 1, 2);
  commit(puts);
  puts.begin(20 * MINUTE);
  puts.record("s", 9, 7);
  puts.record("new", 2, 8);
  commit(puts);
  assertEquals([3, 8, 9].map((n) => puts.find("s", n)), [FORGOTTEN, FORGOTTEN, 7]);
  assertEquals(puts.find("new", 1), FORGOTTEN, "in doubt");
  assertEquals([1, 2].map((seq) => puts.isCompleteAfter("s", seq)), [false, true]);
});

Deno.test("a closed session is removed at once and does not count as lost", () => {
  const { puts, drops } = remember(100);
  for (const [i, n] of [1, 3, 5].entries()) {
    puts.record("s", n, 2 * i + 1);
    puts.record("other", n, 2 * i + 2);
  }
  commit(puts);
  puts.forget("s");
  puts.forget("never seen");
  assertEquals(drops.all.map(({ session: sessionId, evicted }) => [sessionId, evicted]), [[
    "s",
    true,
  ]]);
  assertEquals([puts.evictedTo, puts.isCompleteAfter("s", 0), puts.find("s", 1)], [0, true, 0]);
  assertEquals([puts.find("other", 5), puts.find("other", 4)], [6, SUPERSEDED]);
});

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`never forgets what it should know, and never invents anything (seed ${seed})`, () => {
    const whole = seeded(seed);
    const random = () => whole(2 ** 32) / 2 ** 32;
    const [window, max] = [20, 60];
    const { puts } = remember(max, window);
    const stored = new Map<string, Map<number, number>>();
    let seq = 0;
    for (let turn = 0; turn < 3000; turn++) {
      const recorded: [string, number][] = [];
      const undone = random() < 0.2;
      for (let i = Math.floor(random() * 8); i >= 0; i--) {
        const sessionId = `s${Math.floor(random() ** 2 * 6)}`;
        const known = stored.get(sessionId) ?? new Map<number, number>();
        stored.set(sessionId, known);
        const highest = Math.max(0, ...known.keys());
        const n = Math.max(
          1,
          highest + 1 - Math.floor(random() ** 4 * 30) + Math.floor(random() ** 6 * 4),
        );
        const found = puts.find(sessionId, n);
        const was = known.get(n);
        const inWindow = n > highest - window;
        if (found > 0) assertEquals(found, was);
        // If all of a session is remembered, a number that is not known was not stored.
        else if (was !== undefined && inWindow) {
          assert(
            !puts.isCompleteAfter(sessionId, was - 1),
            `${sessionId} ${n}, stored as ${was}, is not known`,
          );
        }
        if (found === SUPERSEDED) {
          assert(n < highest && was === undefined, `${sessionId} ${n} is not a skipped number`);
        } else if (found === FORGOTTEN) {
          assert(n <= highest, `${sessionId} ${n} is forgotten`);
          assert(
            !inWindow || !puts.isCompleteAfter(sessionId, 0),
            `${sessionId} ${n} is forgotten too soon`,
          );
        } else if (found === 0 && n <= highest) {
          assert(
            !puts.isCompleteAfter(sessionId, 0),
            `${sessionId} ${n} may be stored behind a later one`,
          );
        }
        if (found !== 0 || was !== undefined) continue;
        puts.record(sessionId, n, seq + recorded.length + 1);
        known.set(n, seq + recorded.length + 1);
        recorded.push([sessionId, n]);
      }
      if (undone) {
        puts.rollback();
        for (const [sessionId, n] of recorded) stored.get(sessionId)!.delete(n);
      } else {
        commit(puts);
        seq += recorded.length;
      }
      if (random() < 0.02) {
        const sessionId = `s${Math.floor(random() * 6)}`;
        puts.forget(sessionId);
        puts.commit();
        stored.delete(sessionId);
      }
      // A client without a session.
      if (random() < 0.3) seq++;
    }
    const remembered = [...stored.keys()].map((sessionId) => puts.isCompleteAfter(sessionId, 0));
    assert(
      remembered.includes(false) && puts.evictedTo < seq - max / 2,
      `${puts.evictedTo} of ${seq}`,
    );
  });
}

Deno.test("repetitions that no message came between are forgotten in the order of their sessions after a restart, all else in its own", () => {
  const db = nodeSqlite.open(":memory:");
  const before = remember(100);
  const table = new DedupTable(db);
  for (
    const [name, n, seq, at] of [["a", 1, 1], ["b", 1, 2], ["b", 3, 1, 3], ["a", 3, 1, 3]] as const
  ) {
    before.puts.record(name, n, seq, "", at);
  }
  before.puts.record("b", 5, 3);
  before.puts.record("a", 5, 4);
  table.save(before.puts.recorded(), before.drops.all);
  /** Which numbers are remembered if only so many runs may be. */
  const remembered = (max: number) => {
    const { puts } = remember(max);
    table.load(puts, 0, 1);
    return ["a", "b"].flatMap((name) =>
      [1, 3, 5].filter((n) => puts.find(name, n) > 0).map((n) => `${name}${n}`)
    ).join(" ");
  };
  assertEquals([6, 5, 4, 3, 2, 1].map(remembered), [
    "a1 a3 a5 b1 b3 b5",
    "a3 a5 b1 b3 b5",
    "a3 a5 b3 b5",
    "a5 b3 b5",
    "a5 b5",
    "a5",
  ]);
  db.close();
});
