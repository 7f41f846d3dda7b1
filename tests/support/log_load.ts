/**
 * Load on a log: records that are repeated until they are acknowledged.
 *
 * @module
 */

import { LogError, type RecordLog } from "../../stores/replicated/record_log.ts";
import { record } from "./log_records.ts";

/** How many records are under way, and the pause before one is repeated, in milliseconds. */
const [WINDOW, RETRY_DELAY] = [8, 20];

/** Appends numbered records until it is stopped. */
export class LogLoad implements AsyncDisposable {
  /** The records that were acknowledged, in the order of that. */
  readonly acknowledged: string[] = [];
  /** How often one was refused. */
  refused = 0;
  readonly #log: RecordLog;
  readonly #prefix: string;
  readonly #waiting = new Map<number, () => void>();
  readonly #running: Promise<unknown>;
  #isStopped = false;
  #next = 0;

  /** Begins. */
  constructor(log: RecordLog, prefix: string) {
    this.#log = log;
    this.#prefix = prefix;
    this.#running = Promise.all(Array.from({ length: WINDOW }, () => this.#run()));
  }

  /** Waits until so many more records are acknowledged. */
  async more(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(this.acknowledged.length + count, resolve);
    await Promise.race([promise, this.#running]);
  }

  /** Ends it, once what is under way is acknowledged or refused; rejects if anything went wrong but that. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#running.catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) await this.#append(`${this.#prefix}${this.#next++}`);
  }

  async #append(text: string): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#log.append(record(text));
        const count = this.acknowledged.push(text);
        this.#waiting.get(count)?.();
        return;
      } catch (error) {
        if (!(error instanceof LogError) || error.code !== "unavailable") throw error;
        this.refused++;
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
      }
    }
  }
}

/** Follows a log for good, as a server does: a tail that ends for a passing reason is begun again where it ended. */
export class SteadyFollower implements AsyncDisposable {
  /** The texts of all records, by position less one. */
  readonly texts: string[] = [];
  /** Why tails ended. */
  readonly faults: LogError[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #waiting = new Map<string, () => void>();

  /** Follows from the beginning. */
  constructor(log: RecordLog) {
    this.#running = this.#run(log);
  }

  /** Waits until it has seen a record. */
  async sees(text: string): Promise<void> {
    if (this.texts.includes(text)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(text, resolve);
    await Promise.race([promise, this.#running]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(log: RecordLog): Promise<void> {
    const decoder = new TextDecoder();
    while (!this.#stop.signal.aborted) {
      try {
        for await (const entry of log.tail(this.texts.length, this.#stop.signal)) {
          if (entry.position !== this.texts.length + 1) throw new Error("There is a gap");
          const text = decoder.decode(entry.record);
          this.texts.push(text);
          this.#waiting.get(text)?.();
        }
      } catch (error) {
        if (!(error instanceof LogError) || error.code !== "unavailable") throw error;
        this.faults.push(error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
      }
    }
  }
}
