/**
 * Handlers that never end, and workers and servers that are stopped (`SIGSTOP`) for longer than all leases last, and woken.
 *
 * ```sh
 * deno run -A tests/faults/stopped_workers.ts
 * ```
 *
 * @module
 */

import { connect, type Connection, type Job, serve } from "../../mod.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { ChildServer } from "./child_server.ts";
import { JobLedger } from "./job_ledger.ts";
import { WorkerProcess } from "./job_worker.ts";
import { type Finding, report } from "./report.ts";
import { sleep } from "./sleep.ts";

const TOPIC = "jobs";

/** How long leases last, in milliseconds: as short as they may. */
const LEASE = 1000;

/** How long anything may take, in milliseconds. */
const WAIT_TIMEOUT = 30_000;

/** What is known of the only group. */
async function groupOf(mq: Connection) {
  const [group] = await mq.groups(TOPIC);
  return group!;
}

/** A handler for one job: when it has it, and what may end it. */
class OneJob {
  readonly #got = Promise.withResolvers<Job>();
  readonly #end = Promise.withResolvers<void>();
  readonly handler = async (job: Job): Promise<void> => {
    this.#got.resolve(job);
    await this.#end.promise;
  };
  end = (): void => this.#end.resolve();

  get got(): Promise<Job> {
    return withTimeout(this.#got.promise, WAIT_TIMEOUT);
  }
}

/** A handler that never ends loses its job after `timeout`, and nobody else waits for it. */
export async function endlessHandler(): Promise<Finding[]> {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  await mq.put(TOPIC, "endless");
  const endless = new OneJob();
  const stuck = mq.work(TOPIC, endless.handler, {
    ...{ timeout: 500, lease: LEASE, backoff: { minDelay: 1, maxDelay: 1 } },
  });
  const job = await endless.got;
  const aborted = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  job.signal.addEventListener("abort", () => {
    aborted.resolve();
    // It takes no job any more, not even this one, and does not wait for its handler.
    void stuck.stop().then(stopped.resolve);
  });
  await withTimeout(aborted.promise, WAIT_TIMEOUT);
  await using other = await connect(server.url);
  const again = new OneJob();
  again.end();
  const worker = other.work(TOPIC, again.handler, { lease: LEASE });
  const { seq, attempt } = await again.got;
  await withTimeout(finished(mq, 1), WAIT_TIMEOUT);
  const { name } = job.signal.reason as DOMException;
  const { retried } = await groupOf(mq);
  await withTimeout(stopped.promise, WAIT_TIMEOUT);
  endless.end();
  await worker.stop();
  return [
    { what: "a handler that never ends is aborted by", seen: name, good: name === "TimeoutError" },
    { what: "jobs that were to be tried again", seen: retried, good: retried > 0 },
    { what: "its job goes to another", seen: seq, good: seq === job.seq },
    { what: "as attempt", seen: attempt, good: attempt === 2 },
  ];
}

/** Resolves once so many jobs are done. */
async function finished(mq: Connection, count: number): Promise<void> {
  while ((await groupOf(mq)).done < count) await sleep(20);
}

/** A worker that was stopped past its lease hears that its job is lost. */
export async function stoppedWorker(): Promise<Finding[]> {
  await using server = await serve({ port: 0 });
  await using mq = await connect(server.url);
  const seq = await mq.put(TOPIC, "job");
  const ledger = new JobLedger();
  await using sleeper = new WorkerProcess({ url: server.url, topic: TOPIC, lease: LEASE }, ledger);
  await withTimeout(sleeper.begun(), WAIT_TIMEOUT);
  sleeper.signal("SIGSTOP");
  const next = new OneJob();
  next.end();
  const worker = mq.work(TOPIC, next.handler, { lease: LEASE });
  const job = await next.got;
  await withTimeout(finished(mq, 1), WAIT_TIMEOUT);
  await worker.stop();
  sleeper.signal("SIGCONT");
  await withTimeout(sleeper.aborted(), WAIT_TIMEOUT);
  const [reason] = sleeper.reasons;
  const [{ claim }] = ledger.runs as unknown as [{ claim: number }];
  const { done, held, depth } = await groupOf(mq);
  return [
    { what: "the job of a stopped worker goes to another", seen: job.seq, good: job.seq === seq },
    { what: "with a larger claim", seen: job.claim - claim, good: job.claim > claim },
    { what: "the sleeper's signal is aborted by", seen: reason!, good: reason === "lease_lost" },
    { what: "outcomes that count", seen: done, good: done === 1 },
    { what: "jobs that are left", seen: held + depth, good: held + depth === 0 },
  ];
}

/** A server that was stopped past all leases takes no job away. */
export async function stoppedServer(stop: number): Promise<Finding[]> {
  await using server = await ChildServer.start();
  await using mq = await connect(server.url, { heartbeatInterval: 60_000 });
  await using other = await connect(server.url, { heartbeatInterval: 60_000 });
  await mq.put(TOPIC, "job");
  const one = new OneJob();
  const worker = mq.work(TOPIC, one.handler, { lease: LEASE });
  const job = await one.got;
  const taken: number[] = [];
  const idle = other.work(TOPIC, ({ seq }) => void taken.push(seq), { lease: LEASE });
  server.signal("SIGSTOP");
  await sleep(stop);
  server.signal("SIGCONT");
  // It answers after it has taken all that has ended.
  await groupOf(mq);
  await job.extend().catch(() => {});
  const { held, retried } = await groupOf(mq);
  one.end();
  await withTimeout(finished(mq, 1), WAIT_TIMEOUT);
  const { done } = await groupOf(mq);
  await Promise.all([worker.stop(), idle.stop()]);
  return [
    { what: "leases that ended with a stopped server", seen: retried, good: retried === 0 },
    { what: "jobs that are held", seen: held, good: held === 1 },
    { what: "jobs that others got", seen: taken.length, good: taken.length === 0 },
    { what: "outcomes that count", seen: done, good: done === 1 },
  ];
}

if (import.meta.main) {
  report("Handlers that never end, stopped workers, stopped servers", [
    ...await endlessHandler(),
    ...await stoppedWorker(),
    ...await stoppedServer(5 * LEASE),
  ]);
}
