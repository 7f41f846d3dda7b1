/**
 * A row of the results.
 *
 * @module
 */

import { median } from "../cli/measure/quantiles.ts";
import { formatFigure } from "../cli/measure/table.ts";
import { figures } from "./against/comparison.ts";

/** One measurement. The goal bounds the ratio of ours to theirs, or ours if there is nothing to compare with. */
export interface Row {
  /** What was measured. */
  readonly work: string;
  /** What it is compared with. */
  readonly against: string;
  readonly unit: string;
  readonly ours: number;
  readonly theirs?: number;
  readonly goal: { readonly atMost: number } | { readonly atLeast: number };
  /** The ratio, of pairs of rounds. Default: that of `ours` to `theirs`. */
  readonly ratio?: number;
  /** Half the interquartile range of the ratios of these pairs. */
  readonly spread?: number;
}

/** A row with its verdict. */
export interface Graded extends Row {
  readonly reached: boolean;
}

/** A row of rounds that alternate: each of ours is a pair with theirs of the same index. */
export function pairedRow(
  what: Pick<Row, "work" | "against" | "unit" | "goal">,
  ours: readonly number[],
  theirs: readonly number[],
): Row {
  const { ratio, spread } = figures(theirs, ours);
  return { ...what, ours: median(ours), theirs: median(theirs), ratio, spread };
}

/** Compares a row with its goal. */
export function grade(row: Row): Graded {
  const { ours, theirs, goal } = row;
  const ratio = row.ratio ?? (theirs === undefined ? undefined : ours / theirs);
  const value = ratio ?? ours;
  const reached = "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;
  return { ...row, ...(ratio !== undefined && { ratio }), reached };
}

/** The columns of {@linkcode cells}. */
export const HEAD = ["work", "against", "unit", "ours", "theirs", "ratio", "goal", ""] as const;

/** The cells of a row. */
export function cells(
  { work, against, unit, ours, theirs, ratio, spread, goal, reached }: Graded,
): string[] {
  const bound = "atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
  return [
    work,
    against,
    unit,
    formatFigure(ours),
    theirs === undefined ? "" : formatFigure(theirs),
    ratio === undefined
      ? ""
      : ratio.toFixed(2) + (spread === undefined ? "" : ` ± ${spread.toFixed(2)}`),
    ratio === undefined ? bound : `${bound} ×`,
    reached ? "reached" : "NOT reached",
  ];
}
