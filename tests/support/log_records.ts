/**
 * Records of a log, for tests.
 *
 * @module
 */

import type { LogEntry, LogPosition, RecordLog } from "../../stores/replicated/record_log.ts";
import { withTimeout } from "./with_timeout.ts";

/** A record with a text. */
export function record(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The texts of records. */
export function texts(entries: readonly LogEntry[]): string[] {
  return entries.map(({ record }) => new TextDecoder().decode(record));
}

/** Appends records, each after the last is acknowledged. */
export async function appendAll(log: RecordLog, ...all: readonly string[]): Promise<void> {
  for (const text of all) await log.append(record(text));
}

/** The next records of a log after a position, at most so many: waits for them. */
export async function take(
  log: RecordLog,
  after: LogPosition,
  count: number,
  timeout = 10_000,
): Promise<LogEntry[]> {
  const stop = new AbortController();
  const taken: LogEntry[] = [];
  const taking = async () => {
    for await (const entry of log.tail(after, stop.signal)) {
      if (taken.push(entry) === count) break;
    }
  };
  try {
    if (count > 0) await withTimeout(taking(), timeout);
    return taken;
  } finally {
    stop.abort();
  }
}

/** A tail that collects what comes. */
export class Follower implements AsyncDisposable {
  readonly entries: LogEntry[] = [];
  /** How it ended: with an error, or with none. */
  readonly ended: Promise<unknown>;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<number, () => void>();

  /** Follows a log after a position. */
  constructor(log: RecordLog, after: LogPosition) {
    this.ended = this.#follow(log, after).then(() => undefined, (error) => error);
  }

  /** Waits until it has so many entries. */
  async has(count: number, timeout?: number): Promise<void> {
    if (this.entries.length >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(count, resolve);
    const early = this.ended.then((error) => {
      if (this.entries.length < count) {
        throw new Error(`The tail has ended with ${this.entries.length} records`, { cause: error });
      }
    });
    await withTimeout(Promise.race([promise, early]), timeout);
  }

  /** Ends the tail by its signal. */
  stop(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.ended;
  }

  async #follow(log: RecordLog, after: LogPosition): Promise<void> {
    for await (const entry of log.tail(after, this.#stop.signal)) {
      const count = this.entries.push(entry);
      this.#waiting.get(count)?.();
    }
  }
}
