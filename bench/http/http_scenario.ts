/**
 * What the scenarios of plain HTTP share.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { processorTime } from "../cpu.ts";
import type { Processes, Running } from "../processes.ts";
import type { HttpComparison } from "./comparison.ts";

/** A scenario. */
export interface HttpScenario {
  readonly name: string;
  /** Measures it with servers of its own. */
  run(processes: Processes): Promise<HttpComparison[]>;
}

/** One round: what the work returned, and the CPU time of the server for each message, in microseconds. */
export interface HttpSample {
  readonly value: number;
  readonly cpu: number;
}

/**
 * Measures a round.
 *
 * @param server its CPU time is counted
 * @param messages how many messages the work is for
 * @param work what is measured
 */
export async function sample(
  { pid }: Running,
  messages: number,
  work: () => Promise<number>,
): Promise<HttpSample> {
  const before = await processorTime(pid);
  const value = await work();
  return { value, cpu: (await processorTime(pid) - before) / messages * 1000 };
}

/** The values, or the CPU times, of samples. */
export function column(samples: readonly HttpSample[], of: keyof HttpSample): number[] {
  return samples.map((one) => one[of]);
}

/**
 * Starts the server that does as little as it can.
 *
 * @param processes starts it
 * @param options of `deno run`
 */
export function startBaseline(
  processes: Processes,
  ...options: readonly string[]
): Promise<Running> {
  const program = fileURLToPath(new URL("../baselines/http_server.ts", import.meta.url));
  return processes.startDeno((port) => [...options, program, `${port}`]);
}
