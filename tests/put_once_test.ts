/**
 * What is remembered of puts, beyond what the contract of stores says: how it is bounded, and undone.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Dropped, FORGOTTEN, PutOnce } from "../stores/put_once.ts";
import { seeded } from "./support/seeded.ts";

const MINUTE = 60_000;

function remember(most: number, window = 1000): { puts: PutOnce; dropped: Dropped[] } {
  const dropped: Dropped[] = [];
  const puts = new PutOnce({ window, retention: MINUTE, most }, (run) => dropped.push(run));
  return { puts, dropped };
}

Deno.test("consecutive puts of a session are one run, however many", () => {
  const { puts } = remember(1);
  for (let n = 1; n <= 60_000; n++) puts.note("s", n, n + 7);
  puts.commit(0);
  assertEquals([puts.find("s", 1), puts.find("s", 60_000), puts.find("s", 60_001)], [8, 60_007, 0]);
  assertEquals(puts.recalls, 0);
});

Deno.test("where there are too many runs the oldest are dropped, of whatever session, and `recalls` tells", () => {
  const { puts, dropped } = remember(10);
  let seq = 0;
  // Two sessions in turns: each put is a run of its own.
  for (let n = 1; n <= 20; n++) {
    for (const session of ["a", "b"]) puts.note(session, n, ++seq);
    puts.commit(n);
  }
  assertEquals(puts.recalls, 30);
  assertEquals(dropped.length, 30);
  for (let n = 1; n <= 20; n++) {
    assertEquals(puts.find("a", n), n <= 15 ? FORGOTTEN : 2 * n - 1);
    assertEquals(puts.find("b", n), n <= 15 ? FORGOTTEN : 2 * n);
  }
  // One that is quiet meanwhile is forgotten by and by, and then nothing is known of it.
  for (let n = 21; n <= 31; n++) {
    puts.note("a", n, seq += 2);
    puts.commit(n);
  }
  assertEquals([puts.find("b", 20), puts.recalls], [0, 42]);
  assert(dropped.some(({ session, wholly }) => session === "b" && wholly));
});

Deno.test("what was noted and not committed is undone", () => {
  const { puts, dropped } = remember(100);
  puts.note("old", 1, 1);
  puts.note("old", 2, 2);
  puts.commit(0);
  puts.note("old", 3, 3);
  puts.note("new", 1, 4);
  puts.note("old", 9, 5);
  puts.note("old", 5, 6);
  assertEquals([...puts.noted()].map(({ session, first, count }) => [session, first, count]), [
    ["old", 1, 3],
    ["new", 1, 1],
    ["old", 9, 1],
    ["old", 5, 1],
  ]);
  puts.rollback();
  assertEquals([2, 3, 5, 9].map((n) => puts.find("old", n)), [2, 0, 0, 0]);
  assertEquals(puts.find("new", 1), 0);
  puts.note("old", 3, 3);
  puts.commit(0);
  assertEquals(puts.find("old", 3), 3);
  assertEquals(dropped, []);
});

Deno.test("a session is forgotten once it has put nothing for ten minutes, or the retention, if that is longer", () => {
  for (const [retention, keep] of [[MINUTE, 10 * MINUTE], [15 * MINUTE, 15 * MINUTE]] as const) {
    const puts = new PutOnce({ window: 100, retention });
    puts.note("a", 1, 1);
    puts.note("b", 1, 2);
    puts.commit(0);
    puts.note("a", 2, 3);
    puts.commit(1);
    puts.expire(keep - 1);
    assertEquals([puts.find("a", 1), puts.find("b", 1), puts.recalls], [1, 2, 0]);
    puts.expire(keep);
    assertEquals([puts.find("a", 1), puts.find("b", 1), puts.recalls], [1, 0, 2]);
    puts.expire(keep + 1);
    assertEquals([puts.find("a", 2), puts.recalls], [0, 3]);
  }
});

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`never forgets what it should know, nor knows what was not (seed ${seed})`, () => {
    const whole = seeded(seed);
    const random = () => whole(2 ** 32) / 2 ** 32;
    const [window, most] = [20, 60];
    const { puts } = remember(most, window);
    const stored = new Map<string, Map<number, number>>();
    let seq = 0;
    for (let turn = 0; turn < 3000; turn++) {
      const noted: [string, number][] = [];
      const undone = random() < 0.2;
      for (let i = Math.floor(random() * 8); i >= 0; i--) {
        const session = `s${Math.floor(random() ** 2 * 6)}`;
        const known = stored.get(session) ?? new Map<number, number>();
        stored.set(session, known);
        const highest = Math.max(0, ...known.keys());
        const n = Math.max(
          1,
          highest + 1 - Math.floor(random() ** 4 * 30) + Math.floor(random() ** 6 * 4),
        );
        const found = puts.find(session, n);
        const was = known.get(n);
        if (found > 0) assertEquals(found, was);
        else if (found === 0 && was !== undefined) {
          assert(was <= puts.recalls, `${session} ${n}, stored as ${was}, is not known`);
        } else if (found === FORGOTTEN) {
          assert(
            n <= highest - window || (was ?? 0) <= puts.recalls,
            `${session} ${n} is forgotten`,
          );
        }
        if (found !== 0 || was !== undefined) continue;
        puts.note(session, n, seq + noted.length + 1);
        known.set(n, seq + noted.length + 1);
        noted.push([session, n]);
      }
      if (undone) {
        puts.rollback();
        for (const [session, n] of noted) stored.get(session)!.delete(n);
      } else {
        puts.commit(turn);
        seq += noted.length;
      }
      // Somebody without a session.
      if (random() < 0.3) seq++;
    }
    assert(puts.recalls > 0 && puts.recalls < seq - most / 2, `${puts.recalls} of ${seq}`);
  });
}
