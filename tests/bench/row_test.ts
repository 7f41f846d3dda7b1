import { assertEquals } from "@std/assert";
import { cells, grade, pairedRow, type Row } from "../../bench/row.ts";

const WHAT = { work: "jobs", against: "others", unit: "jobs a second" };

Deno.test("rounds that alternate are judged by the median of their pairs, beside which the spread stands", () => {
  // The machine slowed down for both: the ratios stay.
  const row = pairedRow(
    { ...WHAT, goal: { atLeast: 1.5 } },
    [300, 310, 150, 165, 90],
    [200, 200, 100, 100, 50],
  );
  assertEquals(cells(grade(row)), [
    ...["jobs", "others", "jobs a second", "165", "100", "1.55 ± 0.07", "≥ 1.5 ×", "reached"],
  ]);
});

Deno.test("a row is judged by its ratio, or by its figure where it is compared with nothing", () => {
  const verdict = (row: Omit<Row, "work" | "against" | "unit">) =>
    cells(grade({ ...WHAT, ...row }));
  assertEquals(
    verdict({ ours: 3, theirs: 2, goal: { atMost: 1.4 } }).slice(3),
    ["3.00", "2.00", "1.50", "≤ 1.4 ×", "NOT reached"],
  );
  assertEquals(
    verdict({ ours: 24, goal: { atMost: 24 } }).slice(3),
    ["24.0", "", "", "≤ 24", "reached"],
  );
});
