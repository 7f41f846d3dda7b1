/**
 * Logs in memory, for the tests of replicated stores. Each server has a connection of its own to one.
 *
 * @module
 */

import {
  type LogEntry,
  LogError,
  type LogPosition,
  type LogState,
  type RecordLog,
  type SnapshotName,
  type Snapshots,
} from "../../stores/replicated/record_log.ts";

/** A log that several connections share. */
export class SharedLog {
  id: string = crypto.randomUUID();
  /** The records from `first` on. */
  entries: LogEntry[] = [];
  first: LogPosition = 1;
  readonly snapshots: Map<string, Uint8Array> = new Map();
  /** The log's own clock. */
  now: () => number;
  readonly #waiting = new Set<() => void>();

  /** Holds nothing. */
  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  get last(): LogPosition {
    return this.first + this.entries.length - 1;
  }

  append(record: Uint8Array): LogPosition {
    const position = this.last + 1;
    this.entries.push({ position, time: Math.floor(this.now()), record });
    this.wake();
    return position;
  }

  /** Those who wait for records look again. */
  wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when there may be more, or the signal aborts. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
  }
}

/** What a test log asks before it does something; it may wait, or throw. */
export type Disturb = (what: "append" | "acknowledge" | "tail" | "state") => void | Promise<void>;

/** One server's connection to a shared log. */
export class MemoryRecordLog implements RecordLog {
  readonly description = "a log in memory";
  readonly durability = "memory";
  readonly maxRecord = 64 * 1024 * 1024;
  readonly warnings: readonly string[] = [];
  readonly #shared: SharedLog;
  readonly #disturb: Disturb;
  readonly #closed = new AbortController();

  /** Connects to a log. */
  constructor(shared: SharedLog, disturb: Disturb = () => {}) {
    this.#shared = shared;
    this.#disturb = disturb;
  }

  async state(): Promise<LogState> {
    this.#requireOpen();
    await this.#disturb("state");
    const { id, first, last } = this.#shared;
    return { id, first, last };
  }

  async append(record: Uint8Array): Promise<void> {
    this.#requireOpen();
    await this.#disturb("append");
    this.#shared.append(record);
    await this.#disturb("acknowledge");
  }

  async *tail(after: LogPosition, given: AbortSignal): AsyncGenerator<LogEntry> {
    this.#requireOpen();
    const ending = new AbortController();
    for (const each of [given, this.#closed.signal]) {
      if (each.aborted) ending.abort();
      each.addEventListener("abort", () => ending.abort(), { once: true });
    }
    const { signal } = ending;
    const ended = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    const { id } = this.#shared;
    for (let next = after + 1; !signal.aborted;) {
      await Promise.race([this.#disturb("tail"), ended]);
      if (signal.aborted) return;
      const shared = this.#shared;
      if (shared.id !== id) throw new LogError("unavailable", "the log was made anew");
      if (next > shared.last + 1) throw new LogError("ahead", "the log ends before that");
      if (next < shared.first) throw new LogError("trimmed", "the records are gone");
      if (next > shared.last) await shared.changed(signal);
      else yield shared.entries[next++ - shared.first]!;
    }
  }

  async fence(): Promise<LogPosition> {
    this.#requireOpen();
    await this.#disturb("append");
    return this.#shared.append(new Uint8Array(0));
  }

  get snapshots(): Snapshots {
    const { snapshots } = this.#shared;
    const keyOf = ({ position, digest }: SnapshotName) => `${position}-${digest}`;
    return {
      list: () =>
        Promise.resolve(
          [...snapshots.keys()].map((key) => {
            const [position, digest] = key.split("-") as [string, string];
            return { position: Number(position), digest };
          }).sort((a, b) => b.position - a.position),
        ),
      async write(name, parts) {
        const chunks = await Array.fromAsync(parts);
        snapshots.set(
          keyOf(name),
          new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()),
        );
      },
      async *read(name) {
        const found = snapshots.get(keyOf(name));
        if (!found) throw new LogError("unavailable", "the snapshot is not there");
        for (let from = 0; from < found.length; from += 1000) {
          yield await Promise.resolve(found.subarray(from, from + 1000));
        }
      },
      delete(name) {
        snapshots.delete(keyOf(name));
        return Promise.resolve();
      },
    };
  }

  trim(before: LogPosition): Promise<void> {
    const shared = this.#shared;
    const count = Math.max(0, Math.min(before, shared.last + 1) - shared.first);
    shared.entries.splice(0, count);
    shared.first += count;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    return Promise.resolve();
  }

  #requireOpen(): void {
    if (this.#closed.signal.aborted) throw new LogError("unavailable", "the log is closed");
  }
}
