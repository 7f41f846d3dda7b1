/**
 * Takes one job, without a handler.
 *
 * @module
 */

import { MAX_WAIT } from "../../protocol/client_limits.ts";
import { GroupWorker, type WorkerSetup } from "./group_worker.ts";
import { dead, outcomeError, RELEASE, retry } from "./outcomes.ts";
import type { WorkerJob } from "./worker_job.ts";
import type { ManualJob } from "./working.ts";

/** For the answer of the server there is at least so much time, in milliseconds. */
const MIN_ANSWER_TIME = 500;

/**
 * Takes one job, by a worker that stops once it has one.
 *
 * @param setup how to work, without a handler; its signal ends waiting
 * @param wait how long to wait for a job, in milliseconds
 * @returns the job; `undefined` if there was none
 */
export function takeJob(
  { signal, ...setup }: Omit<WorkerSetup, "handler" | "onOpen">,
  wait: number,
): Promise<ManualJob | undefined> {
  return new Promise((resolve, reject) => {
    const end = performance.now() + wait;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const after = (ms: number, callback: () => void) => {
      clearTimeout(timer);
      if (!isOver) timer = setTimeout(callback, Math.max(0, Math.min(ms, MAX_WAIT)));
    };
    const stop = () => {
      signal?.removeEventListener("abort", onAbort);
      void worker.stop();
      // That may not reach the server.
      after(MIN_ANSWER_TIME, () => resolve(undefined));
    };
    const onAbort = () => {
      reject(signal!.reason);
      stop();
    };
    const handler = (job: WorkerJob) =>
      new Promise<void>((done, fail) => {
        /** The method that was called first, and what comes of it. */
        let first: { readonly name: string; readonly outcome: Promise<void> } | undefined;
        const finish = async (name: string, how: () => void) => {
          if (!first) {
            // It had taken too long, or the connection was closed: it was given back.
            const wasOver = job.isOver;
            how();
            first = { name, outcome: confirmed(wasOver) };
          }
          await first.outcome;
          if (first.name === name) return;
          throw new TypeError(`Cannot finish the job by ${name}: ${first.name} has finished it`);
        };
        resolve(Object.assign(job, {
          done: () => finish("done", done),
          retry: (delay?: number, reason?: string) =>
            finish("retry", () => fail(retry(delay, reason))),
          dead: (reason?: string) => finish("dead", () => fail(dead(reason))),
          release: () => finish("release", () => fail(outcomeError(RELEASE))),
        }));
        isOver = true;
        stop();
      });
    const confirmed = async (wasOver: boolean) => {
      await worker.closed;
      if (wasOver || worker.stats.lost > 0 || !worker.isReported) throw worker.lostError();
    };
    const worker: GroupWorker = new GroupWorker({
      ...setup,
      signal: undefined,
      handler,
      // A request later, what there was has arrived.
      onOpen: () => worker.renew(() => after(end - performance.now(), stop)),
    });
    signal?.addEventListener("abort", onAbort);
    after(Math.max(wait, MIN_ANSWER_TIME), stop);
    worker.closed.then(() => resolve(undefined), reject).finally(() => {
      isOver = true;
      clearTimeout(timer);
    });
  });
}
