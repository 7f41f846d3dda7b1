/**
 * A worker in a process of its own, which can be killed, stopped and woken.
 *
 * As a program, this file is that process: its argument is {@linkcode WorkerOptions} as JSON. It prints a line as each handler begins, and as it
 * is over.
 *
 * @module
 */

import { lines } from "../../cli/lines.ts";
import { connect, type Job } from "../../mod.ts";
import { endWithParent } from "../support/end_with_parent.ts";
import { ROOT } from "../support/program.ts";
import type { JobLedger } from "./job_ledger.ts";

/** What a worker is told. Times are in milliseconds. */
export interface WorkerOptions {
  readonly url: string;
  readonly topic: string;
  readonly lease: number;
  readonly concurrency?: number;
  readonly attempts?: number;
  /** How long a handler takes. Default: it does not end before its signal is aborted. */
  readonly duration?: number;
  /** The text of a job that kills its worker. */
  readonly poison?: string;
}

/** A line of the process: a handler has begun, or is over. */
type Line =
  | {
    readonly begun: number;
    readonly seq: number;
    readonly claim: number;
    readonly attempt: number;
    readonly key?: string;
  }
  | {
    readonly over: number;
    readonly claim: number;
    readonly done: boolean;
    readonly reason?: string;
  };

/** A running worker. It is killed when it is disposed of. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  /** The claims that it has begun, and not ended. */
  readonly #open = new Set<number>();
  /** Why handlers were aborted. */
  readonly reasons: string[] = [];
  readonly #ledger: JobLedger;
  #onLine = () => {};
  #killedAt: number | undefined;

  /** Starts a process. What it does is written down in the ledger. */
  constructor(options: WorkerOptions, ledger: JobLedger) {
    this.#ledger = ledger;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", PROGRAM, JSON.stringify(options)],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#reading = this.#read();
  }

  /** Resolves once a handler runs. */
  async begun(): Promise<void> {
    await this.#until(() => this.#open.size > 0);
  }

  /** Resolves once a handler was aborted. */
  async aborted(): Promise<void> {
    await this.#until(() => this.reasons.length > 0);
  }

  /** Resolves when the process has ended. */
  get ended(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Kills it. Its handlers are over then. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // Whatever it does later it does not do any more.
      this.#child.kill("SIGKILL");
      this.#killedAt = Date.now();
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#reading;
    await this.#child.stdin.close().catch(() => {});
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onLine = resolve;
      await promise;
    }
  }

  async #read(): Promise<void> {
    for await (const batch of lines(this.#child.stdout)) {
      for (const text of batch) {
        const line = JSON.parse(text) as Line;
        if ("begun" in line) {
          this.#open.add(line.claim);
          this.#ledger.begin({ ...line, key: line.key });
        } else {
          this.#open.delete(line.claim);
          this.#ledger.end(line.claim, line.over, line.done);
          if (line.reason !== undefined) this.reasons.push(line.reason);
        }
      }
      this.#onLine();
    }
    // It had no time to say so.
    const over = this.#killedAt ?? Date.now();
    for (const claim of this.#open) this.#ledger.end(claim, over, false);
  }
}

const PROGRAM = new URL("tests/faults/job_worker.ts", ROOT).href;

function say(line: Line): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

async function work(job: Job, { duration, poison }: WorkerOptions): Promise<void> {
  const { seq, claim, attempt, key, signal, body } = job;
  say({ begun: Date.now(), seq, claim, attempt, ...(key !== undefined && { key }) });
  if (body === poison) Deno.kill(Deno.pid, "SIGKILL");
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => {
    const { code, name } = signal.reason;
    say({ over: Date.now(), claim, done: false, reason: `${code ?? name}` });
    aborted.resolve();
  });
  if (duration === undefined) await aborted.promise;
  else if (duration > 0) await new Promise((resolve) => setTimeout(resolve, duration));
  if (!signal.aborted) say({ over: Date.now(), claim, done: true });
}

if (import.meta.main) {
  endWithParent();
  const options = JSON.parse(Deno.args[0]!) as WorkerOptions;
  const { url, topic, lease, concurrency = 1, attempts = 100 } = options;
  const mq = await connect(url, { reconnect: { minDelay: 1, maxDelay: 20 }, timeout: 60_000 });
  await mq.work(topic, (job) => work(job, options), { lease, concurrency, attempts }).closed;
}
