import { assertEquals } from "@std/assert";
import { DueHeap } from "../../../stores/groups/seq_heap.ts";

const DAY = 24 * 3600 * 1000;

/** Whole numbers from 0, the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

Deno.test("what is delayed comes due in the order of its times, over many years and with delays of up to 30 days", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = numbers(seed);
    const heap = new DueHeap();
    const expected: [due: number, seq: number][] = [];
    let now = 1_767_225_600_000;
    for (let seq = 1; seq <= 3000; seq++) {
      const due = now + 1 + random(random(2) === 0 ? 5000 : 30 * DAY);
      heap.push(due, seq);
      expected.push([due, seq]);
      if (random(20) === 0) now += random(20 * DAY);
      expected.sort(([one, a], [other, b]) => one - other || a - b);
      assertEquals(heap.nextTime, expected[0]![0]);
      for (; expected.length > 0 && expected[0]![0] <= now; expected.shift()) {
        assertEquals([heap.nextTime, heap.pop()], expected[0]);
      }
      assertEquals([heap.size, heap.nextTime], [expected.length, expected[0]?.[0] ?? Infinity]);
    }
  }
});

Deno.test("what was due long ago, as in a file that nobody had open for years, is due before the rest", () => {
  const now = 1_767_225_600_000;
  const heap = new DueHeap();
  const dues = [now + 30 * DAY, now - 880 * DAY, now + 1, now - 1, now - 800 * DAY, now + DAY];
  for (const [seq, due] of dues.entries()) heap.push(due, seq);
  const due = new Set<number>();
  while (heap.nextTime <= now) due.add(heap.pop());
  assertEquals(due, new Set([1, 3, 4]));
  assertEquals([heap.nextTime, heap.pop()], [now + 1, 2]);
  assertEquals([heap.nextTime, heap.pop()], [now + DAY, 5]);
  assertEquals([heap.nextTime, heap.pop()], [now + 30 * DAY, 0]);
  assertEquals(heap.nextTime, Infinity);
});
