/**
 * The log that the servers of a simulation share.
 *
 * @module
 */

import {
  type LogEntry,
  LogError,
  type LogPosition,
  type LogState,
  type RecordLog,
  type Snapshots,
} from "../../stores/replicated/record_log.ts";
import type { Random } from "../../testing/seeded.ts";
import { MemoryRecordLog, SharedLog } from "../support/memory_record_logs.ts";
import { Pipe } from "./pipe.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** A log says after this time that it has no answer, in milliseconds. */
const NO_ANSWER_AFTER = 2000;

/** What a connection to a log meets. */
export interface LogWeather {
  /** How long what is sent takes at most, in milliseconds. */
  readonly delay: number;
  /** One of so many appends is lost, or its answer, or it is stored twice; 0: none. */
  readonly oneOf: number;
}

/** The log: a machine of its own, which may stand still. */
export class SimulatedLog {
  readonly process: Process;
  readonly entries: LogEntry[] = [];
  /** Who gets what is appended. */
  readonly followers = new Set<(entry: LogEntry) => void>();
  /** What connections meet. */
  weather: LogWeather = { delay: 1, oneOf: 0 };
  readonly snapshots: Snapshots;
  readonly #world: World;
  readonly #id: string;

  /** Holds nothing. */
  constructor(world: World) {
    this.#world = world;
    this.process = world.spawn("log");
    this.#id = crypto.randomUUID();
    ({ snapshots: this.snapshots } = new MemoryRecordLog(new SharedLog(() => 0)));
  }

  /** What it holds. */
  get state(): LogState {
    return { id: this.#id, first: 1, last: this.entries.length };
  }

  append(record: Uint8Array): void {
    const entry = { position: this.entries.length + 1, time: this.process.wall, record };
    this.entries.push(entry);
    for (const follower of this.followers) follower(entry);
  }

  /** Connects a server to it. */
  connect(process: Process): SimulatedLogConnection {
    return new SimulatedLogConnection(this.#world, process, this);
  }
}

/** A call that waits for its answer. */
interface LogCall {
  /** What it asks does not arrive any more. */
  isLost: boolean;
  /** Fails it. */
  readonly fail: () => void;
}

/** The tail of a log, at its server. */
interface LogTail {
  readonly pipe: Pipe;
  /** Ends it with an error. */
  readonly end: () => void;
}

/** One server's connection to the log. */
export class SimulatedLogConnection implements RecordLog {
  readonly description = "a simulated log";
  readonly durability = "quorum";
  readonly maxRecord = 1024 * 1024;
  readonly warnings: readonly string[] = [];
  readonly #world: World;
  readonly #random: Random;
  readonly #process: Process;
  readonly #log: SimulatedLog;
  readonly #calls = new Set<LogCall>();
  readonly #tails = new Set<LogTail>();
  #isCut = false;

  /** Is connected. */
  constructor(world: World, process: Process, log: SimulatedLog) {
    this.#world = world;
    this.#random = world.fork();
    this.#process = process;
    this.#log = log;
    process.onDeath(() => this.#forgetTails());
  }

  /** Nothing passes any more: some of what is on its way may still arrive. Who waits learns of it after a time (ms). */
  cut(notice: number): void {
    this.#isCut = true;
    for (const call of this.#calls) {
      call.isLost = this.#random(2) === 0;
      this.#later(notice, call.fail);
    }
    this.endTails(notice);
  }

  /** It can be reached again. */
  heal(): void {
    this.#isCut = false;
  }

  /** All tails end, which the server learns after a time (ms). */
  endTails(notice: number): void {
    for (const { pipe, end } of this.#tails) {
      pipe.lose(false);
      this.#later(notice, end);
    }
  }

  state(): Promise<LogState> {
    return this.#ask(() => this.#log.state);
  }

  async append(record: Uint8Array): Promise<void> {
    const { oneOf } = this.#log.weather;
    const fate = oneOf > 0 && this.#random(oneOf) === 0
      ? (["lost", "unanswered", "twice"] as const)[this.#random(3)]
      : undefined;
    if (fate === "twice") this.#toLog(() => this.#log.append(record));
    await this.#ask(() => this.#log.append(record), fate);
  }

  fence(): Promise<LogPosition> {
    return this.#ask(() => {
      this.#log.append(new Uint8Array(0));
      return this.#log.state.last;
    });
  }

  async *tail(after: LogPosition, given: AbortSignal): AsyncGenerator<LogEntry> {
    const entries: LogEntry[] = [];
    let wake = () => {};
    let isOver = false;
    const end = () => {
      isOver = true;
      wake();
    };
    const pipe = new Pipe(this.#world, this.#random, this.#log.weather.delay);
    const follower = (entry: LogEntry) => {
      pipe.send(this.#process, entry.record.length, () => {
        entries.push(entry);
        wake();
      });
    };
    const tail = { pipe, end };
    this.#tails.add(tail);
    try {
      await this.#ask(() => {
        for (const entry of this.#log.entries.slice(after)) follower(entry);
        this.#log.followers.add(follower);
      });
      given.addEventListener("abort", end, { once: true });
      while (!given.aborted && !isOver) {
        for (let next; !isOver && (next = entries.shift());) yield next;
        if (isOver || entries.length > 0) continue;
        await new Promise<void>((resolve) => wake = resolve);
      }
      if (!given.aborted) throw unavailable();
    } finally {
      given.removeEventListener("abort", end);
      this.#log.followers.delete(follower);
      this.#tails.delete(tail);
    }
  }

  get snapshots(): Snapshots {
    return this.#log.snapshots;
  }

  trim(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#forgetTails();
    return Promise.resolve();
  }

  /** Has the log do something; resolves with the answer, or rejects if none comes. */
  #ask<T>(work: () => T, fate?: "lost" | "unanswered" | "twice"): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fail = () => {
      this.#calls.delete(call);
      reject(unavailable());
    };
    const call: LogCall = { isLost: fate === "lost", fail };
    this.#calls.add(call);
    // That it is cut it may learn at once, or by silence.
    if (this.#isCut) this.#later(this.#random(2) * this.#random(NO_ANSWER_AFTER), fail);
    else {
      this.#toLog(() => {
        if (call.isLost) return;
        const answer = work();
        if (fate === "unanswered" || this.#isCut) return;
        this.#later(this.#delay(), () => {
          if (this.#isCut) return;
          this.#calls.delete(call);
          resolve(answer);
        });
      });
      this.#later(NO_ANSWER_AFTER, fail);
    }
    return promise;
  }

  #delay(): number {
    return this.#random(1000) / 1000 * this.#log.weather.delay;
  }

  #toLog(arrive: () => void): void {
    this.#world.schedule(this.#log.process, this.#delay(), "input", arrive);
  }

  #later(ms: number, run: () => void): void {
    this.#world.schedule(this.#process, ms, "input", run);
  }

  #forgetTails(): void {
    for (const { pipe, end } of this.#tails) {
      pipe.lose(true);
      end();
    }
  }
}

function unavailable(): LogError {
  return new LogError("unavailable", "the log does not answer");
}
