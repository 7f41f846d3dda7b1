/**
 * Quantiles of measurements.
 *
 * @module
 */

/**
 * The value below which a given fraction of the values lies.
 *
 * @param values the measurements, at least one
 * @param fraction from 0, the smallest, to 1, the largest
 * @returns one of the values
 */
export function quantile(values: readonly number[], fraction: number): number {
  if (values.length === 0) throw new RangeError("Cannot find a quantile: there are no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]!;
}

/**
 * The value in the middle.
 *
 * @param values the measurements, at least one
 * @returns one of the values
 */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
