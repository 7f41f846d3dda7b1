/**
 * What all works of the benchmark share.
 *
 * @module
 */

import { connect, type Connection, type Since } from "../client.ts";
import type { Progress } from "../cli/measure/progress.ts";
import type { Processes, Running } from "./processes.ts";
import type { Row } from "./row.ts";

/** The bench that works are done on. */
export interface Bench {
  readonly processes: Processes;
  readonly progress: Progress;
  /** The other servers are measured, too. */
  readonly peers: boolean;
  /** How often each is measured; the first time is a warm-up that is not counted. */
  readonly rounds: number;
  /** The part of the full amount of work to do. */
  readonly scale: number;
}

/** A work, and what it finds. */
export interface Scenario {
  readonly name: string;
  /** Of how many steps it tells. */
  readonly steps: number;
  /** It has nothing to compare with unless the other servers are there. */
  readonly needsPeers: boolean;
  run(bench: Bench): Promise<Row[]>;
}

/** Connects to a dsmq server that was just started. */
export function connectTo({ port }: Running, since?: Since): Promise<Connection> {
  return connect({ port, ...(since !== undefined && { since }) });
}

/** Works that each have their turn. */
type Turns<Name extends string, Result> = Readonly<Record<Name, () => Promise<Result>>>;

/** Rounds in which each has its turn, so that all see the same machine: gives what each brought, but for the first. */
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
 * Blocks of calls in turn: gives all times of each, but for a warm-up of a fifth.
 *
 * @param bench how much is to be done
 * @param work what it is called
 * @param turns the blocks
 * @param rotate each of them is the first of a round in turn; or else they keep their order
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
 * Gives each its turn, round after round.
 *
 * @param turns what to do
 * @param warmUp how many rounds to do before
 * @param count how many rounds to do then
 * @param rotate each of them is the first of a round in turn
 * @returns what each brought in the rounds after the warm-up
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
