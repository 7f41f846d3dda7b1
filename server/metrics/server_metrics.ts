/**
 * The metrics of one server, as Prometheus reads them. Loaded only by a server that is asked for them.
 *
 * @module
 */

import process from "node:process";
import type { ErrorCode } from "../../protocol/error_fields.ts";
import { ERRORS } from "../../protocol/error_codes.ts";
import { EventLoopDelay } from "./event_loop_delay.ts";
import { TimeHistogram } from "./histogram.ts";
import { GROUP_METRICS } from "./group_metrics.ts";
import { METRICS, type MetricSpec, type Readings } from "./metric_list.ts";
import type { PromClient, PromRegistry } from "./prom_client_package.ts";
import type { Metrics, OperationSources } from "./sources.ts";

/** From a put in memory to a disk that hangs, in seconds. */
const PUT_BOUNDS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10],
];
const DELAY_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const PUT_TIMES = {
  name: "dsmq_put_duration_seconds",
  help: "How long a put took, from its arrival to its result.",
  bounds: PUT_BOUNDS,
};

const COMMIT_TIMES = {
  name: "dsmq_commit_duration_seconds",
  help:
    "How long each commit of messages to the file took, with durability disk including its sync.",
  bounds: PUT_BOUNDS,
};

const LOOP_DELAYS = {
  name: "dsmq_event_loop_delay_seconds",
  help: "How late the event loop was, looked at 10 times a second.",
  bounds: DELAY_BOUNDS,
};

/**
 * What a server measures while it is asked for metrics, and the registry that writes it as text. Numbers are plain ones until
 * they are asked for. Each server has a registry of its own: two in one process do not mix.
 */
export class ServerMetrics implements Metrics {
  readonly #registry: PromRegistry;
  readonly #sources: OperationSources;
  readonly #eventLoop: EventLoopDelay;
  /** How often each code was the answer. All that a server sends are there from the start, so that their rates are known. */
  readonly #refusals: Record<string, number>;
  #readings: Readings | undefined;

  /**
   * Begins to measure puts and commits.
   *
   * @param client the package
   * @param sources what to measure
   */
  constructor(client: PromClient, sources: OperationSources) {
    const { server, store } = sources;
    this.#sources = sources;
    this.#registry = new client.Registry();
    const codes = Object.entries(ERRORS).filter(([, { scope }]) => scope === "request");
    this.#refusals = Object.fromEntries(codes.map(([code]) => [code, 0]));
    for (const spec of [...METRICS, ...GROUP_METRICS]) this.#register(client, spec);
    server.counts.putTimes = this.#histogram(PUT_TIMES);
    if (store.measureCommits) {
      const commits = this.#histogram(COMMIT_TIMES);
      store.measureCommits((milliseconds) => commits.record(milliseconds));
    }
    this.#eventLoop = new EventLoopDelay(this.#histogram(LOOP_DELAYS));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    const { store, server, description, startedAt } = this.#sources;
    // A store in trouble must not hide everything else.
    const stored = await store.usage().catch(() => undefined);
    const groups = await server.readGroups().catch(() => undefined);
    this.#readings = {
      ...{ server, description, startedAt, stored, groups },
      replication: store.replicationStatus?.(),
      canStore: store.findFault?.() === undefined,
      refusals: this.#refusals,
      memory: Deno.memoryUsage(),
      cpu: process.cpuUsage(),
    };
    return await this.#registry.metrics();
  }

  countRefusal(code: ErrorCode): void {
    this.#refusals[code] = (this.#refusals[code] ?? 0) + 1;
  }

  start(): void {
    this.#eventLoop.start();
  }

  stop(): void {
    this.#eventLoop.stop();
  }

  #histogram(spec: typeof PUT_TIMES): TimeHistogram {
    const histogram = new TimeHistogram(spec);
    this.#registry.registerMetric(histogram);
    return histogram;
  }

  #register(client: PromClient, { type, name, help, labels, read }: MetricSpec): void {
    const samples = () => read(this.#readings!);
    const common = { name, help, labelNames: labels, registers: [this.#registry] };
    if (type === "gauge") {
      new client.Gauge({
        ...common,
        collect() {
          this.reset();
          // Otherwise what is not known now would be zero.
          if (labels.length === 0) this.remove();
          for (const { labels, value } of samples()) this.set(labels, value);
        },
      });
    } else {
      new client.Counter({
        ...common,
        collect() {
          this.reset();
          for (const { labels, value } of samples()) this.inc(labels, value);
        },
      });
    }
  }
}
