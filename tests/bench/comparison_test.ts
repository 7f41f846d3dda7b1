import { assertEquals } from "@std/assert";
import {
  cells,
  compare,
  compareAgain,
  type Comparison,
  exitCode,
  figures,
  verdict,
} from "../../bench/against/comparison.ts";

Deno.test("old and new are compared by the ratios of their paired rounds", () => {
  // The machine slowed down for both: the ratios stay.
  const old = [10, 10, 10, 20, 20, 20, 40];
  const now = [11, 12, 11, 22, 24, 22, 36];
  const { ratio, spread, ...medians } = figures(old, now);
  assertEquals(medians, { old: 20, new: 22 });
  assertEquals([ratio, spread.toFixed(3)], [1.1, "0.050"]);
  assertEquals(figures([0, 0], [0, 0]), { old: 0, new: 0, ratio: 1, spread: 0 });
});

Deno.test("a difference of more than 5 % and more than the spread is slower, and fails", () => {
  const of = (ratio: number, spread: number) => verdict({ ratio, spread });
  assertEquals([of(1.05, 0), of(0.95, 0), of(1.2, 0.21), of(0.8, 0.21)], Array(4).fill("same"));
  assertEquals([of(1.06, 0.01), of(1.2, 0.19)], ["slower", "slower"]);
  assertEquals([of(0.94, 0.01), of(0.8, 0.19)], ["faster", "faster"]);
  const all = (...verdicts: Comparison["verdict"][]) =>
    exitCode(verdicts.map((verdict) => ({ verdict })));
  assertEquals([all("same", "faster"), all("faster", "slower", "same"), all()], [0, 1, 0]);
});

Deno.test("only times are graded; processor times stand beside them", () => {
  const sample = (wall: number, cpu: number) => ({ wall, serverCpu: cpu, clientCpu: cpu / 2 });
  const rounds = (wall: number, cpu: number) => Array.from({ length: 3 }, () => sample(wall, cpu));
  const what = { name: "put", work: "one put", unit: "µs" } as const;
  const comparison = compare(what, { old: rounds(0.04, 0.02), new: rounds(0.04, 0.03) });
  assertEquals(cells(comparison), [
    ...["one put", "µs", "40.0", "40.0", "1.000 ± 0.000"],
    ...["20.0 → 30.0, × 1.50", "10.0 → 15.0, × 1.50", "3", "same"],
  ]);
  const slower = compare(what, { old: rounds(0.04, 0.03), new: rounds(0.05, 0.01) });
  assertEquals(slower.verdict, "slower");
});

Deno.test("what seems to differ is measured again, with twice as many rounds, and all count", async () => {
  const what = { name: "put", work: "one put", unit: "µs" } as const;
  const sample = (wall: number) => ({ wall, serverCpu: wall, clientCpu: wall });
  /** Measures new at these multiples of old, one after another. */
  const measured = async (...ratios: number[]) => {
    const asked: number[] = [];
    const measure = (rounds: number) => {
      asked.push(rounds);
      const now = ratios.splice(0, rounds).map(sample);
      return Promise.resolve({ old: now.map(() => sample(1)), new: now });
    };
    const comparison = await compareAgain(what, await measure(2), measure);
    const { rounds, verdict, wall } = comparison;
    return { asked, rounds, verdict, ratio: wall.ratio };
  };
  assertEquals(await measured(1.01, 1.01), { asked: [2], rounds: 2, verdict: "same", ratio: 1.01 });
  const again = { asked: [2, 4], rounds: 6 };
  const same = { ...again, verdict: "same", ratio: 1 } as const;
  assertEquals(await measured(1.2, 1.2, 1, 1, 1, 1), same);
  assertEquals(await measured(0.8, 0.8, 1, 1, 1, 1), same);
  const slower = { ...again, verdict: "slower", ratio: 1.2 } as const;
  assertEquals(await measured(1.2, 1.2, 1.2, 1.2, 1.2, 1), slower);
});
