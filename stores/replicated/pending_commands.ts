/**
 * Commands that wait until the log has brought them back.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import { type Command, type Result, type StoreError, toStoreError } from "../store.ts";
import { failureOf } from "../written_commands.ts";

/** The commands of one call. They may be in several records. */
export class PendingCommands {
  readonly commands: readonly Command[];
  /** Resolves with the result of each of them. */
  readonly done: Promise<readonly (Result | StoreError)[]>;
  readonly #resolve: (results: readonly (Result | StoreError)[]) => void;
  readonly #results: (Result | StoreError)[] = [];
  /** Until when they wait, by the monotonic clock. */
  readonly deadline: number;
  /** How many records with some of them have no results yet. */
  #records = 0;
  #isDone = false;

  /** Takes the commands; the list may be emptied afterwards. */
  constructor(commands: readonly Command[], deadline: number) {
    this.deadline = deadline;
    this.commands = [...commands];
    const { promise, resolve } = Promise.withResolvers<readonly (Result | StoreError)[]>();
    this.done = promise;
    this.#resolve = resolve;
  }

  /** They have all results, or were given up. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Some of them are in one more record. */
  addRecord(): void {
    this.#records++;
  }

  /** One of them cannot be in a record. */
  refuse(index: number, error: StoreError): void {
    this.#results[index] = error;
  }

  /** A record has results of them: `count` ones, at an index of the results; they are those from `at` on. */
  settle(at: number, count: number, results: readonly (Result | StoreError)[], from: number): void {
    for (let i = 0; i < count; i++) this.#results[at + i] ??= results[from + i]!;
    this.#records--;
    this.resolveIfSettled();
  }

  /** Resolves if no record has more of them. */
  resolveIfSettled(): void {
    if (this.#records > 0) return;
    this.#isDone = true;
    this.#resolve(this.#results);
  }

  /**
   * Gives up: those without a result get an error.
   *
   * @param isUnderWay some may be stored all the same
   */
  fail(isUnderWay: boolean): void {
    const failure = isUnderWay ? UNKNOWN : UNAVAILABLE;
    for (const [i, command] of this.commands.entries()) {
      this.#results[i] ??= failureOf(command, failure);
    }
    this.#isDone = true;
    this.#resolve(this.#results);
  }
}

/** Among those who wait are at most about this many who do not any more. */
const DROP_EVERY = 1024;

/** The calls that wait, each until its deadline. */
export class PendingCalls {
  readonly #clock: Pick<Clock, "now" | "monotonic" | "after">;
  readonly #onLate: (late: readonly PendingCommands[]) => void;
  /** And maybe some that do not wait any more; the oldest first. */
  readonly #all: PendingCommands[] = [];
  #cancel: (() => void) | undefined;
  #stopped = false;

  /**
   * Nobody waits.
   *
   * @param clock tells when a deadline is there
   * @param onLate gives up those whose deadline was there, all at once
   */
  constructor(
    clock: Pick<Clock, "now" | "monotonic" | "after">,
    onLate: (late: readonly PendingCommands[]) => void,
  ) {
    this.#clock = clock;
    this.#onLate = onLate;
  }

  /** One more waits: for as long as those before it. */
  add(pending: PendingCommands): void {
    if (this.#all.push(pending) % DROP_EVERY === 0) this.#dropDone();
    this.#awaitDeadline();
  }

  /** Resolves once nobody waits of those who do now. */
  async settled(): Promise<void> {
    await Promise.all(this.#all.map(({ done }) => done));
  }

  /** Looks for deadlines no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  get #now(): number {
    return this.#clock.monotonic?.() ?? this.#clock.now();
  }

  /** One timer for all: those that came first are given up first. */
  #awaitDeadline(): void {
    if (this.#cancel) return;
    this.#dropDone();
    const [first] = this.#all;
    if (!first || this.#stopped) return;
    this.#cancel = this.#clock.after(Math.max(1, first.deadline - this.#now), () => {
      this.#cancel = undefined;
      const now = this.#now;
      const early = this.#all.findIndex(({ deadline }) => deadline > now);
      const late = early < 0 ? this.#all : this.#all.slice(0, early);
      this.#onLate(late.filter(({ isDone }) => !isDone));
      this.#awaitDeadline();
    });
  }

  /** Forgets those that do not wait any more, as far as nobody before them does. */
  #dropDone(): void {
    let done = 0;
    while (this.#all[done]?.isDone) done++;
    if (done > 0) this.#all.splice(0, done);
  }
}

const UNAVAILABLE = toStoreError("store messages", new Error("the log does not answer"));

const UNKNOWN = toStoreError(
  "tell whether it is stored",
  new Error("the log does not answer"),
  "unknown_outcome",
);
