/**
 * How owners share the deduplication index, and how it is freed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SUPERSEDED } from "../../stores/dedup_session.ts";
import { seeded } from "../../testing/seeded.ts";
import { commit, MINUTE, remember } from "../support/dedup_turns.ts";

Deno.test("the owner with the most runs loses its own, and all others keep theirs", () => {
  const { puts } = remember(1000, 10_000);
  let seq = 0;
  const record = (sessionId: string, n: number, owner: string) => {
    puts.record(sessionId, n, seq += 2, owner);
    commit(puts);
  };
  for (let n = 1; n <= 100; n++) record("honest", n, "honest");
  for (let i = 0; i < 40; i++) {
    for (let n = 1; n <= 200; n++) record(`weak ${i}`, 2 * n, "weak");
    record("honest", 101 + i, "honest");
  }
  for (let n = 1; n <= 140; n++) assert(puts.find("honest", n) > 0, `${n}`);
  assertEquals(puts.isCompleteAfter("honest", 0), true);
  assertEquals([puts.find("weak 39", 400), puts.find("weak 39", 2)], [seq - 2, seq - 2 * 200]);
  assertEquals(puts.find("weak 0", 400), 0, "it has lost whole sessions of its own");
});

Deno.test("when many owners want more than there is, each has as much as any other", () => {
  const random = seeded(7);
  for (const owners of [2, 3, 10, 100]) {
    const { puts } = remember(1000, 10_000);
    const last = Array(owners).fill(0);
    for (let seq = 1; seq <= 20_000; seq++) {
      // Some put far more often than others do.
      const owner = random(owners) && random(owners);
      puts.record(`session ${owner}`, ++last[owner], 2 * seq, `owner ${owner}`);
      if (random(3) === 0) commit(puts);
    }
    commit(puts);
    const known = last.map((n, owner) => {
      let count = 0;
      for (; count < n && puts.find(`session ${owner}`, n - count) > 0;) count++;
      return [Math.min(n, Math.floor(1000 / owners)), count] as const;
    });
    for (const [fair, count] of known) assert(count >= fair, `${count} of ${fair}, ${owners}`);
    assert(known.reduce((sum, [, count]) => sum + count, 0) <= 1000);
  }
});

Deno.test("an opened session is known even before its first put, whatever others lose", () => {
  const { puts, drops } = remember(100);
  puts.open("quiet", "honest");
  for (let i = 1; i <= 1000; i++) {
    puts.record(`session ${i}`, 1, i, "weak");
    commit(puts);
  }
  assertEquals([puts.isCompleteAfter("quiet", 0), puts.find("quiet", 1)], [true, 0]);
  assertEquals([puts.isCompleteAfter("unheard of", 900), puts.evictedTo], [false, 901]);
  puts.record("quiet", 2, 1001, "honest");
  assertEquals([...puts.recorded()].map(({ isNew, owner }) => [isNew, owner]), [[true, "honest"]]);
  puts.rollback();
  assertEquals([puts.isCompleteAfter("quiet", 0), puts.find("quiet", 1)], [true, 0]);
  puts.record("quiet", 2, 1001, "honest");
  commit(puts);
  assertEquals([1, 2, 3].map((n) => puts.find("quiet", n)), [SUPERSEDED, 1001, 0]);
  // A session that was never recorded is not reported when it goes.
  puts.open("never puts", "honest");
  puts.open("closes", "honest");
  puts.forget("closes");
  do puts.begin(20 * MINUTE); while (puts.holdsExpired());
  assert(
    drops.all.every(({ session: sessionId }) => !["never puts", "closes"].includes(sessionId)),
  );
  assertEquals(puts.runs, 0);
});

Deno.test("sessions that are opened and never put are bounded as well, and displace only those of their owner", () => {
  const { puts } = remember(100);
  puts.record("mine", 1, 1, "honest");
  commit(puts);
  for (let i = 0; i < 10_000; i++) {
    puts.open(`idle ${i}`, "weak");
    commit(puts);
  }
  assertEquals([puts.find("mine", 1), puts.evictedTo], [1, 0]);
  assertEquals(puts.runs, 100);
});

Deno.test("sessions that are too old are forgotten in small steps", () => {
  const { puts } = remember(100_000);
  for (let i = 1; i <= 5000; i++) puts.record(`session ${i}`, 1, i);
  commit(puts);
  let times = 0;
  for (
    let remaining = puts.runs;
    puts.holdsExpired() || times === 0;
    remaining = puts.runs, times++
  ) {
    puts.begin(20 * MINUTE);
    assert(remaining - puts.runs <= 256);
    for (const i of [1, 5000]) {
      assertEquals(puts.find(`session ${i}`, 1), 0, "whether or not freed");
    }
  }
  assertEquals([times, puts.runs, puts.evictedTo], [20, 0, 5000]);
});
