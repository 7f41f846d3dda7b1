import { assertEquals } from "@std/assert";
import { WaitingLine } from "../queue/waiting_line.ts";

class Someone {
  open = true;
  constructor(readonly name: number) {}
  served(): void {}
  end(): void {}
}

Deno.test("a line calls up the first who still waits, in any mix of joining, leaving and serving", () => {
  const line = new WaitingLine();
  const expected: Someone[] = [];
  const leave = (someone: Someone) => {
    someone.open = false;
    line.left();
  };
  for (let i = 0; i < 10_000; i++) {
    const someone = new Someone(i);
    line.join(someone);
    expected.push(someone);
    // Some leave from the middle, some are served; the line grows, and at the end it shrinks.
    if (i % 3 === 0) leave(expected.splice(expected.length >> 1, 1)[0]!);
    if (i % 5 === 0 && expected.length > 0) {
      const first = line.first()!;
      assertEquals((first as Someone).name, expected.shift()!.name);
      leave(first as Someone);
    }
    assertEquals(line.length, expected.length);
  }
  for (const someone of expected) {
    const first = line.first() as Someone;
    assertEquals(first.name, someone.name);
    leave(first);
  }
  assertEquals([line.length, line.first()], [0, undefined]);
});
