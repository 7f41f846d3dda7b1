/**
 * What all scenarios of the benchmark share.
 *
 * @module
 */

import { connect, type Connection, type Since } from "../client.ts";
import type { Progress } from "../cli/measure/progress.ts";
import type { Processes, Running } from "./processes.ts";
import type { Row } from "./row.ts";

/** What scenarios run with. */
export interface Bench {
  readonly processes: Processes;
  readonly progress: Progress;
  /** Other servers are measured, too. */
  readonly peers: boolean;
  /** How often each is measured, after a warm-up round that is not counted. */
  readonly rounds: number;
  /** The fraction of the full amount of work. */
  readonly scale: number;
}

/** A scenario of the benchmark. */
export interface Scenario {
  readonly name: string;
  /** How many steps of progress it reports. */
  readonly steps: number;
  /** It compares only with other servers. */
  readonly needsPeers: boolean;
  run(bench: Bench): Promise<Row[]>;
}

/** Connects to a dsmq server that has just been started. */
export function connectTo({ port }: Running, since?: Since): Promise<Connection> {
  return connect({ port }, { ...(since !== undefined && { since }) });
}

/** Measurements that alternate. */
type Turns<Name extends string, Result> = Readonly<Record<Name, () => Promise<Result>>>;

/** Alternates measurements in rounds, so that all see the same machine. Returns all results except the first round's. */
export async function rounds<Name extends string>(
  { processes, rounds, scale, progress }: Bench,
  work: string,
  turns: Turns<Name, number>,
): Promise<Record<Name, number[]>> {
  progress.step(work);
  await processes.touchMemory(scale);
  return await inTurn(turns, 1, rounds);
}

/**
 * Alternates blocks of calls. Returns all times of each, after a warm-up of a fifth.
 *
 * @param bench how much work to do
 * @param work its name
 * @param turns the blocks
 * @param rotate whether the first block of a round changes from round to round
 */
export async function blocks<Name extends string>(
  { processes, scale, progress }: Bench,
  work: string,
  turns: Turns<Name, number[]>,
  rotate = false,
): Promise<Record<Name, number[]>> {
  progress.step(work);
  await processes.touchMemory(scale);
  await processes.keepAwake();
  const count = Math.ceil(40 * scale);
  return await inTurn(turns, Math.ceil(count / 4), count, rotate);
}

/**
 * Alternates measurements, round after round.
 *
 * @param turns the measurements
 * @param warmUp how many rounds of warm-up
 * @param count how many rounds after that
 * @param rotate whether the first measurement of a round changes from round to round
 * @returns the results of each after the warm-up
 */
export async function inTurn<Name extends string, Result extends number | object>(
  turns: Turns<Name, Result | Result[]>,
  warmUp: number,
  count: number,
  rotate = false,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(turns) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    Result[]
  >;
  for (let round = 0; round < warmUp + count; round++) {
    for (const name of names) {
      const result = await turns[name]();
      if (round >= warmUp) found[name].push(...Array.isArray(result) ? result : [result]);
    }
    if (rotate) names.push(names.shift()!);
  }
  return found;
}
