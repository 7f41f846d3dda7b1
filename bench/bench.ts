/**
 * What all works of the benchmark share.
 *
 * @module
 */

import { connect, type Connection, type Since } from "../client.ts";
import type { Progress } from "../measure/progress.ts";
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
export interface Work {
  readonly name: string;
  /** Of how many steps it tells. */
  readonly steps: number;
  /** It has nothing to compare with unless the other servers are there. */
  readonly needsPeers: boolean;
  run(bench: Bench): Promise<Row[]>;
}

/** The message of most works: 64 bytes. */
export const MESSAGE = "m".repeat(64);

/** Connects to a dsmq server that was just started. */
export function client({ port }: Running, since?: Since): Promise<Connection> {
  return connect({ port, ...(since !== undefined && { since }) });
}

/** Rounds in which each has its turn, so that all see the same machine: gives what each brought, but for the first. */
export async function rounds<Name extends string>(
  { processes, rounds, progress }: Bench,
  work: string,
  turns: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(turns) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  progress.step(work);
  await processes.getMemory();
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const value = await turns[name]();
      if (round > 0) found[name].push(value);
    }
  }
  return found;
}
