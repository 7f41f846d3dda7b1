/**
 * Programs that work on jobs.
 *
 * @module
 */

import { type Connection, dead, isDsmqError, type Job, retry } from "../../client.ts";
import type { ClientContext, ClientProgram } from "./client.ts";
import type { GroupPlan } from "./history.ts";

/** How to work. Times are in milliseconds. */
export interface WorkPlan extends GroupPlan {
  readonly concurrency: number;
  readonly lease: number;
  readonly timeout: number;
  readonly attempts: number;
}

/** How long a claim waits for a job, in milliseconds. */
const WAIT = 3000;

/** How long a job takes that is not slow, in milliseconds. */
const SHORT = 300;

/** How long a retry waits at most, in milliseconds. */
const BACKOFF = { minDelay: 100, maxDelay: 3000 };

type Outcome = "done" | "retry" | "dead" | "release";

/** Works with handlers until all is done; now and then it stops, and begins anew. */
export function worker(plan: WorkPlan): ClientProgram {
  const { group, concurrency, lease, timeout, attempts } = plan;
  return async (context) => {
    const { phase, random } = context;
    const mq = await context.connect();
    while (!phase.isOver) {
      const worker = mq.work(from(plan), (job) => handle(context, plan, job), {
        ...{ group, concurrency, lease, timeout, attempts, backoff: BACKOFF },
        // What a handler throws here is meant to be thrown.
        onError() {},
      });
      worker.closed.catch((error) => {
        context.record({ kind: "fault", what: `a worker of ${context.name} has ended: ${error}` });
      });
      const until = phase.isCalm ? Infinity : performance.now() + 2000 + random(20_000);
      while (!phase.isOver && performance.now() < until) await context.pause(200);
      await context.call("stop", undefined, worker.stop());
    }
    await context.call("close", 10_000, mq.close());
  };
}

/** Claims jobs one by one until all is done. */
export function claimer(plan: WorkPlan): ClientProgram {
  return async (context) => {
    const mq = await context.connect();
    while (!context.phase.isOver) {
      try {
        await claimOne(context, plan, mq);
      } catch (error) {
        if (!context.isExpected(error)) throw error;
        await context.pause(context.random(500));
      }
    }
    await context.call("close", 10_000, mq.close());
  };
}

async function claimOne(context: ClientContext, plan: WorkPlan, mq: Connection): Promise<void> {
  const { group, lease, timeout, attempts } = plan;
  const claiming = mq.claim(from(plan), { group, wait: WAIT, lease, timeout, attempts });
  const job = await context.call("claim", WAIT, claiming);
  if (!job) return;
  const { random } = context;
  const end = begin(context, { ...plan, concurrency: 1 }, job);
  const outcome = await work(context, plan, job);
  // One that never says what became of it.
  if (outcome === undefined) return;
  end(outcome);
  const ending = outcome === "done"
    ? job.done()
    : outcome === "dead"
    ? job.dead("on purpose")
    : outcome === "release"
    ? job.release()
    : job.retry(random(BACKOFF.maxDelay), "on purpose");
  try {
    await context.call(outcome, undefined, ending);
  } catch (error) {
    // It counts for nothing; or the connection was gone for so long that nobody can tell.
    if (!isDsmqError(error, "lease_lost") && !isDsmqError(error, "unknown_outcome")) throw error;
  }
}

async function handle(context: ClientContext, plan: WorkPlan, job: Job): Promise<void> {
  const { random } = context;
  const end = begin(context, plan, job);
  const outcome = await work(context, plan, job);
  // Handlers cannot give a job back; and one that never ends ends here at last.
  end(outcome === "done" || outcome === "dead" ? outcome : "retry");
  if (outcome === "dead") throw dead("on purpose");
  if (outcome === "retry") throw retry(random(BACKOFF.maxDelay), "on purpose");
  if (outcome !== "done") throw new Error("it has failed");
}

/** Records that a job is worked on; what it returns records how that ends. */
function begin(
  context: ClientContext,
  { topic, isPrefix, group, concurrency }: WorkPlan,
  { claim, seq, body, attempt, signal }: Job,
): (outcome: Outcome) => void {
  const { name: process } = context;
  const name = { topic, isPrefix, group };
  context.record({ kind: "job_began", process, name, claim, seq, body, attempt, concurrency });
  const onAbort = () => context.record({ kind: "job_aborted", process, claim });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort);
  return (outcome) => context.record({ kind: "job_ended", process, claim, outcome });
}

/** What becomes of a job; `undefined`: nobody ever says it. Without faults, all are done soon. */
async function work(
  { random, phase, pause }: ClientContext,
  { lease, timeout }: WorkPlan,
  { signal }: Job,
): Promise<Outcome | undefined> {
  const choice = phase.isCalm ? Infinity : random(16);
  if (choice === 0) {
    // As long as it takes: its lease ends, or its time.
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return undefined;
  }
  await pause(choice === 1 ? random(Math.min(3 * lease, timeout)) : random(SHORT));
  return (["retry", "dead", "release"] as const)[choice - 2] ?? "done";
}

function from({ topic, isPrefix }: GroupPlan): string | { readonly prefix: string } {
  return isPrefix ? { prefix: topic } : topic;
}
