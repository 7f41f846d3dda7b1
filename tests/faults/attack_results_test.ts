/**
 * The programs of `tests/faults/` fail if a promise does not hold, and only then.
 *
 * @module
 */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { allGood, Report } from "./report.ts";
import * as stated from "./platform_limits.ts";
import { gradeOf, missedGoals, selected } from "./attack_runner.ts";

const GOALS: readonly stated.Goal[] = ["wait", "memory", "life"];

Deno.test("any missed goal is not good", () => {
  for (const goal of GOALS) assertEquals(gradeOf([goal], undefined).good, false);
  assertEquals(gradeOf([], undefined), { good: true, stated: undefined });
});

Deno.test("a limit of the platform excuses the goals that it prevents, and no others", () => {
  for (const one of Object.values(stated)) {
    for (const goal of GOALS) {
      const excused = one.costs.includes(goal);
      assertEquals(gradeOf([goal], one), {
        good: excused,
        stated: excused ? one.reason : undefined,
      });
      assertEquals(gradeOf([goal, ...one.costs], one).good, excused);
    }
  }
});

Deno.test("a neighbour may wait 100 ms unless less is promised, and a server may take its memory limit", () => {
  const missed = (longest: number, growth: number, max?: number) =>
    missedGoals({ longest, growth }, { memory: 1000, ...max !== undefined && { longest: max } });
  assertEquals(missed(100, 1000), []);
  assertEquals(missed(100.1, 1000), ["wait"]);
  assertEquals(missed(100, 1001), ["memory"]);
  assertEquals(missed(50, 1001, 50), ["memory"]);
  assertEquals(missed(50.1, 1001, 50), ["wait", "memory"]);
});

Deno.test("one row that is not good ends a program with 1, and a stated figure does not", () => {
  const report = new Report("attack", "longest");
  report.row(["a", "10 ms"], { good: true });
  report.row(["b", "900 ms"], { good: false, stated: "nothing can be done" });
  report.row(["c", "800 ms"], { good: true, stated: "nothing can be done" });
  assertEquals(report.code, 0);
  const lines = `${report}`.split("\n");
  assertMatch(lines[3]!, /^\| b +\| 900 ms +\| stated \|$/);
  assertEquals(lines.filter((line) => line.includes("Stated:")), ["Stated: nothing can be done."]);
  report.row(["d", "101 ms"], { good: false });
  report.row(["e", "10 ms"], { good: true });
  assertEquals(report.code, 1);
  assertMatch(`${report}`, /^\| d +\| 101 ms +\| NO +\|$/m);
});

Deno.test("stated findings do not fail a test, and others do", () => {
  const finding = { what: "frames", seen: 3, good: false };
  allGood([{ ...finding, stated: "nothing can be done" }, { ...finding, good: true }]);
  assertThrows(() => allGood([finding]), Error, "frames: 3");
});

Deno.test("attacks are selected by name or in parts, and the parts together are all of them", () => {
  const all = Array.from({ length: 19 }, (_, i) => ({ name: `attack ${i}` }));
  assertEquals(selected(all), all);
  assertEquals(selected(all, "7"), [all[7], all[17]]);
  for (let parts = 1; parts <= 20; parts++) {
    const each = Array.from({ length: parts }, (_, i) => selected(all, `${i + 1}/${parts}`));
    assertEquals(each.flat(), all);
  }
});
