/**
 * What all queues of jobs do in the benchmark: put a job, have it worked, have it acknowledged.
 *
 * @module
 */

import { measureRate } from "../../cli/measure/calls.ts";
import { MESSAGE } from "../client_calls.ts";

/** A queue whose workers run already. */
export interface JobQueue extends AsyncDisposable {
  /** Puts a job. Settles once the server has acknowledged that. */
  put(body: string): Promise<unknown>;
  /** Settles once this many more jobs are worked and acknowledged; rejects if a worker fails. */
  worked(count: number): Promise<void>;
}

/** How many workers there are, each with a connection of its own, and how many jobs each of them holds at most. */
export interface Workforce {
  readonly workers: number;
  readonly held: number;
}

/** What a worker does with a job: nothing, but it looks whether its body is complete. */
// deno-lint-ignore require-await -- handlers are asynchronous
export async function handleJob(body: string): Promise<void> {
  if (body !== MESSAGE) throw new Error(`a job of ${body.length} bytes came that nobody has put`);
}

/**
 * Puts jobs and waits until all are worked and acknowledged.
 *
 * @param queue where to
 * @param count how many jobs
 * @param window how many puts are in flight at a time
 * @returns jobs a second
 */
export async function measureJobs(queue: JobQueue, count: number, window: number): Promise<number> {
  const begin = performance.now();
  await Promise.all([queue.worked(count), measureRate(count, window, () => queue.put(MESSAGE))]);
  return count / (performance.now() - begin) * 1000;
}
