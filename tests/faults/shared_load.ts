/**
 * Clients of several servers of one queue that put, read and work side by side.
 *
 * @module
 */

import { connect, type Connection, type Job } from "../../mod.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { JobLedger } from "./job_ledger.ts";
import type { Stored } from "./one_history.ts";
import { codeOf, SharedReader } from "./shared_reader.ts";
import { sleep, until } from "./sleep.ts";

/** The topic that is read, and the one that is worked. */
export const [TOPIC, JOBS] = ["messages", "jobs"] as const;

/** How many clients of each kind; one more reads message by message. */
const [PUTTERS, STREAMS, WORKERS] = [3, 2, 3];

/** How long a lease lasts, in milliseconds: many end while a log is away. */
const LEASE = 3000;

/** How many reads are under way at a time. */
const READS = 256;

/** How long a client tries to connect, in milliseconds. */
const CONNECT_TIMEOUT = 60_000;

/** A put, and what became of it. Times are in milliseconds, of the monotonic clock of this process. */
export interface PutCall {
  readonly topic: string;
  readonly body: string;
  readonly begun: number;
  settled: number | undefined;
  /** Its number; or the code of its error. */
  outcome: number | string | undefined;
}

/** Which servers, and what to do. */
export interface SharedLoadOptions {
  /** The addresses of all servers. */
  readonly urls: readonly string[];
  readonly seed: number;
  /** Whether there are jobs and those who work them. Default: `true` */
  readonly works?: boolean;
}

/** The clients. */
export class SharedLoad implements AsyncDisposable {
  readonly #urls: readonly string[];
  readonly #random: Random;
  readonly #works: boolean;
  readonly #connections: Connection[] = [];
  readonly #putters: Connection[] = [];
  readonly #putting: Promise<void>[] = [];
  readonly #working: Promise<void>[] = [];
  readonly #stopPuts = new AbortController();
  readonly #stopReads = new AbortController();
  /** When the last put began that was acknowledged, for each putter. */
  readonly #acknowledged: number[] = [];
  /** All puts. */
  readonly calls: PutCall[] = [];
  readonly readers: SharedReader[] = [];
  readonly ledger: JobLedger = new JobLedger();
  /** Why workers ended that should not have. */
  readonly endedWorkers: string[] = [];

  private constructor({ urls, seed, works = true }: SharedLoadOptions) {
    this.#urls = urls;
    this.#random = seeded(seed);
    this.#works = works;
  }

  /** Connects all clients, each to any of the servers, and lets them begin. */
  static async start(options: SharedLoadOptions): Promise<SharedLoad> {
    const load = new SharedLoad(options);
    try {
      for (let i = 0; i < PUTTERS; i++) load.#putters.push(await load.open());
      load.#putting.push(...load.#putters.map((mq, i) => load.#putAll(mq, i)));
      const { signal } = load.#stopReads;
      for (let i = 1; i <= STREAMS; i++) {
        load.readers.push(SharedReader.stream(`stream ${i}`, await load.open(), TOPIC, signal));
      }
      const reads = await load.open(options.urls, "start");
      load.readers.push(SharedReader.reads("reads", reads, TOPIC, signal));
      for (let i = 0; i < WORKERS && load.#works; i++) load.#work(await load.open());
      return load;
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Waits until each putter was acknowledged a put that it began after now.
   *
   * @param timeout how long to wait, in milliseconds
   * @returns how long that took, in milliseconds; the timeout, if it did not come
   */
  async acknowledgedAgain(timeout: number): Promise<number> {
    const from = performance.now();
    const again = () => this.#acknowledged.every((begun) => begun > from);
    return await until(again, timeout, 5) ? performance.now() - from : timeout;
  }

  /** The address of the server at which one of those who put is now. */
  putsAt(): string {
    return this.#putters[this.#random(PUTTERS)]!.url;
  }

  /** Puts no more; resolves once all puts have settled. */
  async stopPuts(): Promise<void> {
    this.#stopPuts.abort();
    await Promise.all(this.#putting);
  }

  /** Puts no more, and puts something last; returns that once it is acknowledged. */
  async putLast(): Promise<string> {
    await this.stopPuts();
    const mq = await this.open();
    for (let n = 0;; n++) {
      const call = await this.#put(mq, TOPIC, `end:${n}`);
      if (typeof call.outcome === "number") return call.body;
    }
  }

  /** All that is stored in a topic, in the words of each server. */
  async storedAt(topic: string): Promise<Stored[][]> {
    return await Promise.all(this.#urls.map(async (url) => {
      const mq = await this.open([url], "start");
      const stored: Stored[] = [];
      for (let size = -1; stored.length > size;) {
        size = stored.length;
        const page = await Promise.all(Array.from({ length: READS }, () => mq.read(topic)));
        for (const message of page) {
          if (message) stored.push({ seq: message.seq, body: message.body });
        }
      }
      return stored;
    }));
  }

  /** Connects one more client. */
  async open(urls: readonly string[] = this.#urls, since?: "start"): Promise<Connection> {
    const mq = await connect([...urls], {
      reconnect: { minDelay: 10, maxDelay: 300 },
      heartbeatInterval: 500,
      timeout: CONNECT_TIMEOUT,
      ...(since && { since }),
    });
    this.#connections.push(mq);
    return mq;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopPuts.abort();
    this.#stopReads.abort();
    await Promise.all(this.#connections.map((mq) => mq.close()));
    await Promise.all([...this.#putting, ...this.#working]);
    await Promise.all(this.readers.map(({ ended }) => ended));
  }

  async #putAll(mq: Connection, putter: number): Promise<void> {
    this.#acknowledged[putter] = 0;
    for (let n = 0; !this.#stopPuts.signal.aborted;) {
      const puts = Array.from({ length: 1 + this.#random(7) }, async () => {
        const isJob = this.#works && this.#random(5) === 0;
        const options = isJob && this.#random(3) > 0 ? { key: `k${this.#random(50)}` } : {};
        const call = await this.#put(mq, isJob ? JOBS : TOPIC, `${putter}:${n++}`, options);
        if (typeof call.outcome !== "number") return;
        this.#acknowledged[putter] = Math.max(this.#acknowledged[putter]!, call.begun);
      });
      await Promise.all(puts);
      await sleep(this.#random(20));
    }
  }

  async #put(mq: Connection, topic: string, body: string, options = {}): Promise<PutCall> {
    const begun = performance.now();
    const call: PutCall = { topic, body, begun, settled: undefined, outcome: undefined };
    this.calls.push(call);
    try {
      call.outcome = await mq.put(topic, body, options);
    } catch (error) {
      call.outcome = codeOf(error);
    }
    call.settled = performance.now();
    return call;
  }

  #work(mq: Connection): void {
    const { ledger, endedWorkers } = this;
    const handle = async ({ seq, claim, attempt, key, signal }: Job) => {
      ledger.begin({ seq, claim, attempt, key, begun: performance.now() });
      signal.addEventListener("abort", () => ledger.end(claim, performance.now(), false));
      if (this.#random(4) === 0) await sleep(this.#random(300));
      if (signal.aborted) ledger.giveBack(claim);
      // Else it would count as done, if the server has not taken it away.
      signal.throwIfAborted();
      ledger.end(claim, performance.now(), true);
    };
    const worker = mq.work(JOBS, handle, { lease: LEASE, concurrency: 8, attempts: 100 });
    const onEnd = (error: unknown) => void endedWorkers.push(String(error));
    this.#working.push(worker.closed.catch((error) => {
      if (!this.#stopReads.signal.aborted) onEnd(error);
    }));
  }
}
