/**
 * A server on which many jobs wait, always as many when a measurement begins.
 *
 * @module
 */

import type { Connection, MessageInit } from "../../client.ts";
import { measureRate, timeSequentially } from "../../cli/measure/calls.ts";
import { connectTo } from "../bench.ts";
import { MESSAGE } from "../client_calls.ts";
import type { Processes } from "../processes.ts";

/** The topic of the jobs. */
export const TOPIC = "jobs";

/** The options of its server: beside 100,000 unfinished jobs there is room for those that are claimed. */
const SERVE = ["--retention", "1h", "--max-unfinished", "200000"];

/** How long the first claim may look through what cannot be claimed, in milliseconds; later ones have a job at once. */
const MAX_WAIT = 60_000;

/** What a server has. */
export interface BacklogOptions {
  /** How many jobs wait, besides those that are about to be claimed. */
  readonly waiting: number;
  /** The key of a job, by its number. Default: none. */
  readonly key?: (i: number) => string;
  /** What else is to be there. */
  readonly prepare?: (mq: Connection) => Promise<unknown>;
}

/** Jobs that wait, and connections to put and to claim them. */
export class JobBacklog {
  readonly #putter: Connection;
  readonly #claimer: Connection;
  readonly #key: BacklogOptions["key"];
  /** How many jobs wait at least when a measurement begins, besides those that it claims. */
  readonly #least: number;
  /** How many jobs were put, and how many of them wait. */
  #put = 0;
  #waiting = 0;

  private constructor(putter: Connection, claimer: Connection, options: BacklogOptions) {
    this.#putter = putter;
    this.#claimer = claimer;
    this.#key = options.key;
    this.#least = options.waiting;
  }

  /** Starts a server and has jobs wait there. */
  static async open(processes: Processes, options: BacklogOptions): Promise<JobBacklog> {
    const server = await processes.startDsmq(...SERVE);
    const [putter, claimer] = [await connectTo(server), await connectTo(server)];
    await options.prepare?.(putter);
    const backlog = new JobBacklog(putter, claimer, options);
    // From here on the group is there, and has seen what cannot be claimed.
    await backlog.claims(1);
    return backlog;
  }

  /** Claims jobs one by one, and has each done. Returns how long each took, in milliseconds. */
  async claims(count: number): Promise<number[]> {
    await this.#refill(count);
    this.#waiting -= count;
    return await timeSequentially(count, async () => {
      const job = await this.#claimer.claim(TOPIC, { wait: MAX_WAIT });
      if (!job) throw new Error("no job waits");
      await job.done();
    });
  }

  /** Works jobs, many held at a time. Returns the time of a job in milliseconds. */
  async work(count: number, held: number): Promise<number> {
    await this.#refill(count);
    const { promise, resolve } = Promise.withResolvers<void>();
    let worked = 0;
    const begin = performance.now();
    const worker = this.#claimer.work(TOPIC, () => {
      if (++worked === count) resolve();
    }, { concurrency: held });
    await promise;
    const elapsed = performance.now() - begin;
    await worker.stop();
    this.#waiting -= worked;
    return elapsed / count;
  }

  /** Puts jobs, many in flight. Returns the time of a put in milliseconds. */
  async puts(count: number, window: number): Promise<number> {
    const perSecond = await measureRate(count, window, () => this.#putter.put(TOPIC, MESSAGE));
    this.#waiting += count;
    return 1000 / perSecond;
  }

  /** Has enough jobs wait, and these besides. */
  async #refill(besides: number): Promise<void> {
    for (let missing; (missing = this.#least + besides - this.#waiting) > 0;) {
      const jobs = Array.from({ length: Math.min(10_000, missing) }, () => this.#next());
      await this.#putter.putMany(TOPIC, jobs);
      this.#waiting += jobs.length;
    }
  }

  #next(): string | MessageInit {
    const i = this.#put++;
    return this.#key ? { body: MESSAGE, key: this.#key(i) } : MESSAGE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#putter.close();
    await this.#claimer.close();
  }
}
