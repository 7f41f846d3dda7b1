import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { measureRate, timeSequentially } from "../../cli/measure/calls.ts";
import { median, quantile } from "../../cli/measure/quantiles.ts";
import { formatFigure, formatMarkdownTable } from "../../cli/measure/table.ts";

Deno.test("a quantile is the value below which that part of all values lies", () => {
  const values = [5, 1, 4, 2, 3];
  assertEquals([0, 0.2, 0.5, 0.99, 1].map((part) => quantile(values, part)), [1, 2, 3, 5, 5]);
  assertEquals(values, [5, 1, 4, 2, 3]);
  assertEquals(median([10, 9]), 10);
  assertThrows(() => median([]), RangeError, "no values");
});

Deno.test("one at a time, a call begins when the one before has ended", async () => {
  const seen: string[] = [];
  const times = await timeSequentially(3, async (i) => {
    seen.push(`begin ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
    seen.push(`end ${i}`);
  });
  assertEquals(seen, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]);
  assert(times.length === 3 && times.every((ms) => ms >= 1), `${times}`);
});

for (const [count, window] of [[100, 7], [3, 64], [1, 1]] as const) {
  Deno.test(`of ${count} calls in a window of ${window}, that many are in flight, and each is made once`, async () => {
    let inFlight = 0;
    let max = 0;
    const made: number[] = [];
    const perSecond = await measureRate(count, window, async (i) => {
      made.push(i);
      max = Math.max(max, ++inFlight);
      await new Promise((resolve) => setTimeout(resolve, i % 3));
      inFlight--;
    });
    assertEquals(made, Array.from({ length: count }, (_, i) => i));
    assertEquals([max, inFlight], [Math.min(count, window), 0]);
    assert(perSecond > 0);
  });
}

Deno.test("a call that fails ends the measurement", async () => {
  const fails = (i: number) => i === 2 ? Promise.reject(new Error("full")) : Promise.resolve();
  await assertRejects(() => timeSequentially(5, fails), Error, "full");
  await assertRejects(() => measureRate(5, 2, fails), Error, "full");
});

Deno.test("figures have three significant digits, and tables have aligned columns", () => {
  const values = [0, 0.012345, 1.5, 12.345, 123.4, 1_234_567];
  assertEquals(values.map(formatFigure), ["0", "0.0123", "1.50", "12.3", "123", "1,234,567"]);
  assertEquals(
    formatMarkdownTable(["work", ""], [["a", "1"], ["longer", "12"]]),
    "| work   |    |\n| ------ | -- |\n| a      | 1  |\n| longer | 12 |",
  );
});
