/**
 * Compares old and new figures.
 *
 * Rounds of old and new alternate, so the two rounds of a pair see the same machine. The ratio is the median of the pairs'
 * ratios, new to old; the spread is half the interquartile range of those ratios.
 *
 * @module
 */

import { median, quantile } from "../../cli/measure/quantiles.ts";
import { formatFigure } from "../../cli/measure/table.ts";

/** The result of one round, in milliseconds for each message: wall-clock time and CPU time. */
export interface Sample {
  readonly wall: number;
  readonly serverCpu: number;
  readonly clientCpu: number;
}

/** Old and new figures of one quantity, as medians of the rounds. */
export interface Figures {
  readonly old: number;
  readonly new: number;
  /** New to old: below 1, new takes less. */
  readonly ratio: number;
  readonly spread: number;
}

/** The verdict on the wall-clock time. CPU times are shown without a verdict. */
export type Verdict = "same" | "faster" | "slower";

/** The comparison of one scenario. */
export interface Comparison {
  readonly name: string;
  readonly work: string;
  readonly unit: Unit;
  readonly wall: Figures;
  readonly serverCpu: Figures;
  readonly clientCpu: Figures;
  /** How many rounds of each were measured. */
  readonly rounds: number;
  readonly verdict: Verdict;
}

/** The rounds of both checkouts; those with the same index are a pair. */
export interface Rounds {
  readonly old: readonly Sample[];
  readonly new: readonly Sample[];
}

/** A unit of time, for each message unless the scenario says otherwise. */
export type Unit = "µs" | "ms";

/** How much a ratio may differ from 1 without a verdict. */
const TOLERANCE = 0.05;

/** What seems to differ is measured again, with this many times as many rounds. */
const REPEATS = 2;

const UNITS_PER_MILLISECOND: Readonly<Record<Unit, number>> = { µs: 1000, ms: 1 };

/**
 * Compares the rounds of a scenario. If old and new seem to differ, it is measured again, longer, and all rounds count: among
 * many scenarios, one often differs by chance.
 *
 * @param scenario what was measured
 * @param first its rounds
 * @param measure runs this many rounds more
 */
export async function compareAgain(
  scenario: Pick<Comparison, "name" | "work" | "unit">,
  first: Rounds,
  measure: (rounds: number) => Promise<Rounds>,
): Promise<Comparison> {
  const comparison = compare(scenario, first);
  if (comparison.verdict === "same") return comparison;
  const more = await measure(REPEATS * first.old.length);
  return compare(scenario, { old: [...first.old, ...more.old], new: [...first.new, ...more.new] });
}

/** Compares the rounds of a scenario. */
export function compare(
  { name, work, unit }: Pick<Comparison, "name" | "work" | "unit">,
  { old, new: now }: Rounds,
): Comparison {
  const of = (part: keyof Sample) => {
    const values = (samples: readonly Sample[]) =>
      samples.map((sample) => sample[part] * UNITS_PER_MILLISECOND[unit]);
    return figures(values(old), values(now));
  };
  const wall = of("wall");
  const [serverCpu, clientCpu] = [of("serverCpu"), of("clientCpu")];
  const rounds = old.length;
  return { name, work, unit, wall, serverCpu, clientCpu, rounds, verdict: verdict(wall) };
}

/** The medians of the old and new values, and the ratio and the spread of their pairs. */
export function figures(old: readonly number[], now: readonly number[]): Figures {
  // CPU time can be too short to be measured: then both are 0.
  const ratios = old.map((value, i) => value === now[i] ? 1 : now[i]! / value);
  const spread = (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 2;
  return { old: median(old), new: median(now), ratio: median(ratios), spread };
}

/** A difference counts if it is larger than 5 %, and larger than the spread. */
export function verdict({ ratio, spread }: Pick<Figures, "ratio" | "spread">): Verdict {
  const margin = Math.max(TOLERANCE, spread);
  if (ratio > 1 + margin) return "slower";
  return ratio < 1 - margin ? "faster" : "same";
}

/** The exit code: 1 if anything has become slower. */
export function exitCode(comparisons: readonly Pick<Comparison, "verdict">[]): 0 | 1 {
  return comparisons.some(({ verdict }) => verdict === "slower") ? 1 : 0;
}

/** The columns of {@linkcode cells}. */
export const HEAD = [
  ...["work", "unit", "old", "new", "ratio", "server's CPU", "client's CPU", "rounds", ""],
] as const;

/** The cells of a comparison. */
export function cells(
  { work, unit, wall, serverCpu, clientCpu, rounds, verdict }: Comparison,
): string[] {
  const cpu = ({ old, new: now, ratio }: Figures) =>
    `${formatFigure(old)} → ${formatFigure(now)}, × ${ratio.toFixed(2)}`;
  const ratio = `${wall.ratio.toFixed(3)} ± ${wall.spread.toFixed(3)}`;
  return [
    ...[work, unit, formatFigure(wall.old), formatFigure(wall.new), ratio],
    ...[cpu(serverCpu), cpu(clientCpu), `${rounds}`, verdict],
  ];
}
