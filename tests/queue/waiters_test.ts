import { assertEquals } from "@std/assert";
import { Waiters } from "../../queue/waiters.ts";

class Waiter {
  open = true;
  constructor(readonly name: number) {}
  deliver(): void {}
  end(): void {}
}

Deno.test("waiters are served first come, first served, in any mix of joining, leaving and serving", () => {
  const waiters = new Waiters();
  const expected: Waiter[] = [];
  const remove = (waiter: Waiter) => {
    waiter.open = false;
    waiters.remove();
  };
  for (let i = 0; i < 10_000; i++) {
    const waiter = new Waiter(i);
    waiters.add(waiter);
    expected.push(waiter);
    // Some leave from the middle, some are served; the queue grows, and at the end it shrinks.
    if (i % 3 === 0) remove(expected.splice(expected.length >> 1, 1)[0]!);
    if (i % 5 === 0 && expected.length > 0) {
      const first = waiters.next()!;
      assertEquals((first as Waiter).name, expected.shift()!.name);
      remove(first as Waiter);
    }
    assertEquals(waiters.length, expected.length);
  }
  for (const waiter of expected) {
    const first = waiters.next() as Waiter;
    assertEquals(first.name, waiter.name);
    remove(first);
  }
  assertEquals([waiters.length, waiters.next()], [0, undefined]);
});
