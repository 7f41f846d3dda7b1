import { assertEquals } from "@std/assert";
import { Rotation } from "../../budgets/rotation.ts";

const ALL = Array.from({ length: 16 }, (_, i) => i);

Deno.test("each part of an interval is due once in it, also with timers that are early by a fraction", () => {
  for (const early of [0, 0.25]) {
    const rotation = new Rotation(1600, 0);
    const due = [];
    for (let now = 0; due.length < 32;) {
      now += rotation.wait(now) - early;
      assertEquals(now, 100 * (due.length + 1) - early);
      due.push(...rotation.takeDue(now));
    }
    assertEquals(due, [...ALL, ...ALL]);
  }
});

Deno.test("a late timer takes all parts that are due, in order, and the next one is due at its own time", () => {
  const rotation = new Rotation(1600, 0);
  assertEquals(rotation.takeDue(330), [0, 1, 2]);
  assertEquals(rotation.wait(330), 70);
  assertEquals(rotation.takeDue(1750), [...ALL.slice(3), 0]);
  assertEquals(rotation.wait(1750), 50);
  assertEquals(rotation.wait(1900), 0);
});

Deno.test("after a sleep each part is due once, from the one that would have been due for longest", () => {
  const rotation = new Rotation(1600, 0);
  assertEquals(rotation.takeDue(160_350), [...ALL.slice(3), ...ALL.slice(0, 3)]);
  assertEquals(rotation.wait(160_350), 50);
  assertEquals(rotation.takeDue(160_400), [3]);
});
