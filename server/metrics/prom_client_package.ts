/**
 * The package `npm:prom-client`: loaded only by a server that is asked for metrics.
 *
 * @module
 */

import deno from "../../deno.json" with { type: "json" };
import { loadNpmPackage } from "../npm_package.ts";

/** The labels of a value. */
export type Labels = Readonly<Record<string, string>>;

/** How a counter or a gauge is made: `collect` gives it its values when all are asked for. */
export interface MetricConfiguration<Metric> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registers: readonly PromRegistry[];
  collect(this: Metric): void;
}

/** A counter: it is set to zero and increased to its value each time. */
export interface PromCounter {
  reset(): void;
  inc(labels: Labels, value: number): void;
}

/** A gauge. */
export interface PromGauge {
  reset(): void;
  /** Without labels: it has no value, not even zero. */
  remove(): void;
  set(labels: Labels, value: number): void;
}

/** What a registry needs of a metric. */
export interface RegisteredMetric {
  readonly name: string;
  /** Its values now. */
  get(): Promise<{
    readonly name: string;
    readonly help: string;
    readonly type: "histogram";
    readonly values: readonly {
      readonly metricName: string;
      readonly labels: Readonly<Record<string, string | number>>;
      readonly value: number;
    }[];
  }>;
}

/** All metrics of one server. */
export interface PromRegistry {
  readonly contentType: string;
  metrics(): Promise<string>;
  registerMetric(metric: RegisteredMetric): void;
}

/** The part of the package that is used. */
export interface PromClient {
  readonly Registry: new () => PromRegistry;
  readonly Counter: new (configuration: MetricConfiguration<PromCounter>) => PromCounter;
  readonly Gauge: new (configuration: MetricConfiguration<PromGauge>) => PromGauge;
}

let loaded: PromClient | undefined;

/**
 * Loads the package.
 *
 * @param stop ends waiting for it
 * @throws {DsmqError} `module_unavailable`; `unavailable`, if no file descriptor is left to load it
 */
export async function loadPromClient(stop?: AbortSignal): Promise<PromClient> {
  const { "prom-client": specifier } = deno.scopes["./"];
  const wanted = { name: "npm:prom-client", specifier, action: "serve metrics" };
  return loaded ??= await loadNpmPackage<PromClient>(wanted, stop);
}
