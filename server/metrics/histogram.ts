/**
 * How often something took how long.
 *
 * @module
 */

import type { TimeRecorder } from "../../queue/traffic_counts.ts";
import type { RegisteredMetric } from "./prom_client_package.ts";

/** The name of a histogram, what it says, and its bounds in seconds, the smallest first. */
export interface HistogramSpec {
  readonly name: string;
  readonly help: string;
  readonly bounds: readonly number[];
}

/**
 * Counts times in buckets. To record is to add two numbers, however many there are: what a scrape needs is computed by the
 * scrape. (A histogram of the package would look up labels each time.)
 */
export class TimeHistogram implements TimeRecorder, RegisteredMetric {
  readonly #spec: HistogramSpec;
  /** The bounds in milliseconds. */
  readonly #bounds: Float64Array;
  /** How many are in each bucket alone; the last one is for those beyond all bounds. */
  readonly #counts: Float64Array;
  /** In milliseconds. */
  #sum = 0;

  /**
   * Starts empty.
   *
   * @param spec its name, text and bounds
   */
  constructor(spec: HistogramSpec) {
    this.#spec = spec;
    this.#bounds = Float64Array.from(spec.bounds, (bound) => bound * 1000);
    this.#counts = new Float64Array(spec.bounds.length + 1);
  }

  get name(): string {
    return this.#spec.name;
  }

  record(milliseconds: number, count = 1): void {
    const bounds = this.#bounds;
    let i = 0;
    while (i < bounds.length && milliseconds > bounds[i]!) i++;
    this.#counts[i]! += count;
    this.#sum += milliseconds * count;
  }

  // deno-lint-ignore require-await -- the package awaits it
  async get(): ReturnType<RegisteredMetric["get"]> {
    const { name, help, bounds } = this.#spec;
    let total = 0;
    // Each bucket includes all smaller ones.
    const buckets = [...bounds, "+Inf"].map((le, i) => {
      total += this.#counts[i]!;
      return { metricName: `${name}_bucket`, labels: { le }, value: total };
    });
    const values = [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, value: this.#sum / 1000 },
      { metricName: `${name}_count`, labels: {}, value: total },
    ];
    return { name, help, type: "histogram", values };
  }
}
