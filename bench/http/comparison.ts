/**
 * Compares plain HTTP with what its figures are measured against.
 *
 * @module
 */

import { median, quantile } from "../../cli/measure/quantiles.ts";
import { formatFigure } from "../../cli/measure/table.ts";

/** What was measured, round by round: those with the same index are a pair, which has seen the same machine. */
export interface HttpComparison {
  readonly work: string;
  readonly against: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** What is compared: ours to theirs, or how much more ours is. */
  readonly by: "ratio" | "difference";
  /** Bounds that. Without one the figure only stands beside others. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

/** A comparison with its verdict. */
export interface JudgedComparison extends HttpComparison {
  /** The median of the pairs. */
  readonly value: number;
  /** Half the interquartile range of the pairs. */
  readonly spread: number;
  readonly isMissed: boolean;
}

/** Compares the pairs with the goal. */
export function judge(comparison: HttpComparison): JudgedComparison {
  const { ours, theirs, by, goal } = comparison;
  const pairs = ours.map((value, i) => by === "ratio" ? value / theirs[i]! : value - theirs[i]!);
  const value = median(pairs);
  const spread = (quantile(pairs, 0.75) - quantile(pairs, 0.25)) / 2;
  const isMissed = goal !== undefined &&
    !("atMost" in goal ? value <= goal.atMost : value >= goal.atLeast);
  return { ...comparison, value, spread, isMissed };
}

/** The columns of {@linkcode cells}. */
export const HEAD = [
  ...["work", "against", "unit", "ours", "theirs", "compared", "goal", ""],
] as const;

/** The cells of a comparison. */
export function cells(judged: JudgedComparison): string[] {
  const { work, against, unit, ours, theirs, value, spread, by, goal, isMissed } = judged;
  const format = (figure: number) =>
    by === "ratio" ? `${figure.toFixed(2)} ×` : `${figure.toFixed(1)} ${unit} more`;
  const bound = goal &&
    ("atMost" in goal ? `≤ ${format(goal.atMost)}` : `≥ ${format(goal.atLeast)}`);
  return [
    ...[work, against, unit, formatFigure(median(ours)), formatFigure(median(theirs))],
    `${format(value)} ± ${by === "ratio" ? spread.toFixed(2) : spread.toFixed(1)}`,
    bound ?? "",
    bound === undefined ? "" : isMissed ? "NOT reached" : "reached",
  ];
}
