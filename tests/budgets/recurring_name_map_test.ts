import { assertEquals } from "@std/assert";
import { RecurringNameMap } from "../../budgets/recurring_name_map.ts";
import { seeded } from "../../testing/seeded.ts";
import { countDeletes } from "../support/count_deletes.ts";

for (const names of [3, 300, 2000]) {
  Deno.test(`a map of ${names} names that come and go has what was set and not deleted since`, () => {
    const random = seeded(names);
    const map = new RecurringNameMap<number>();
    const expected = new Map<string, number>();
    for (let step = 0; step < 20_000; step++) {
      // Names that are numbers, and that begin as keys do.
      const name = `${["", "#", "t"][random(3)]}${random(names)}`;
      assertEquals(map.get(name), expected.get(name));
      if (random(2) === 0) {
        // 0 is a value as any other.
        map.set(name, step % 5);
        expected.set(name, step % 5);
      } else assertEquals(map.delete(name), expected.delete(name));
      assertEquals(map.size, expected.size);
    }
    assertEquals([...map.values()].sort(), [...expected.values()].sort());
    for (const name of expected.keys()) map.delete(name);
    assertEquals([map.size, [...map.values()]], [0, []]);
  });
}

Deno.test("names that come and go again and again are not forgotten each time, and those that are gone are, but for the last 256", () => {
  const map = new RecurringNameMap<number>();
  const use = (name: string) => {
    map.set(name, 1);
    map.delete(name);
  };
  const useEach = (count: number, name: (i: number) => string) =>
    countDeletes(() => {
      for (let i = 0; i < count; i++) use(name(i));
    });
  assertEquals(useEach(10_000, (i) => `t${i % 200}`), 0);
  assertEquals(useEach(10_000, (i) => `u${i}`), 10_200 - 256);
  // One that has a value when it would be forgotten is not, and is the next time.
  use("kept");
  map.set("kept", 7);
  assertEquals(useEach(1000, (i) => `v${i}`), 1000 - 1);
  assertEquals([map.get("kept"), map.get("v1"), map.size], [7, undefined, 1]);
  map.delete("kept");
  assertEquals([map.get("kept"), map.size], [undefined, 0]);
  assertEquals(useEach(256, (i) => `w${i}`), 256);
  assertEquals(countDeletes(() => use("kept")), 1);
});
