/**
 * Follows a log: applies its records as they come, and finds out when it is not what it was.
 *
 * @module
 */

import { afterNetworkPoll } from "../../budgets/after_network_poll.ts";
import type { Clock } from "../../queue/clock.ts";
import type { AppliedEntry } from "./applied_entry.ts";
import { ServerViews } from "./chain_history.ts";
import type { DigestChain } from "./digest_chain.ts";
import { serverOf } from "./log_writers.ts";
import { PositionWaits } from "./position_waits.ts";
import { type LogEntry, LogError, type LogState, type RecordLog } from "./record_log.ts";
import { NewerVersionError } from "./replica.ts";
import type { CatchUpProgress } from "./replica_notice.ts";
import { ReplicaReplay, type ReplicaReplayOptions } from "./replica_replay.ts";

/** How long until a tail that ended is begun again, in milliseconds. */
const RETAIL_AFTER = 100;

/** For so long it is looked for a snapshot of what the log has lost, in milliseconds. */
const SNAPSHOT_WAIT = 10_000;

/** For so long records are applied before others have their turn, in milliseconds. */
const APPLY_SLICE = 10;

/** Other servers have applied something else than this one. */
class DivergedError extends Error {}

const DIVERGED = "other servers have applied something else than this one";

/** What this needs of the store. */
export interface LogFollowerOptions extends ReplicaReplayOptions {
  readonly log: RecordLog;
  readonly clock: Pick<Clock, "now" | "monotonic" | "after">;
  readonly signal: AbortSignal;
  /** Who writes the records of this server. */
  readonly writer: () => string;
  /** A record was applied, for the first time here, or once more after the replica went back. */
  readonly onEntry: (applied: AppliedEntry, isNew: boolean) => void;
  /** The replica cannot be read, for this reason. */
  readonly onBlocked: (reason: string) => void;
  /** The replica was made anew; before that, `before` was applied. */
  readonly onRebuilt: (before: DigestChain) => void;
  /** Told how far it is, many times a second, while somebody waits for the replica to come to a position. */
  readonly onProgress: (progress: CatchUpProgress) => void;
  /** Nothing more is applied, for this reason. */
  readonly onEnd: (error: Error) => void;
}

/** Applies the records of a log. */
export class LogFollower {
  readonly #options: LogFollowerOptions;
  readonly #views = new ServerViews();
  readonly #replay: ReplicaReplay;
  /** Ends the tail that is followed now. */
  #tailing = new AbortController();
  readonly #waits = new PositionWaits();

  /** Why the replica has to be made anew. */
  #doubt: Error | undefined;
  /** What was applied before that; known until the new one is compared with it. */
  #appliedBefore: DigestChain | undefined;
  /** What the log had when the replica was made anew: up to here nothing says whether that is right. */
  #rereadTo = 0;
  /** Since when there is no snapshot of what the log has lost. */
  #missingSince: number | undefined;
  /** Why nothing more is applied. */
  #end: Error | undefined;

  /** Follows nothing yet. */
  constructor(options: LogFollowerOptions) {
    this.#options = options;
    this.#replay = new ReplicaReplay(options);
  }

  /** Where the replica is. */
  get position(): number {
    return this.#options.keeper.replica.chain.last.position;
  }

  /** Records are applied as they come. */
  get isRunning(): boolean {
    return this.#end === undefined;
  }

  /** Throws if nothing more is applied. */
  requireRunning(): void {
    if (this.#end) throw this.#end;
  }

  /** Resolves once everything up to a position was applied, or nothing more is. */
  reached(position: number): Promise<void> {
    return this.#waits.until(position, this.position);
  }

  /** Begins the tail again: there is a doubt about it. */
  restart(): void {
    this.#tailing.abort();
  }

  /** Follows the log until the signal aborts, or until that is of no more use. */
  async run(): Promise<void> {
    const { signal, onEnd } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#doubt) await this.#rebuild();
        else await this.#tail();
      } catch (error) {
        if (signal.aborted) break;
        this.#end = await this.#recover(error);
        if (this.#end) {
          onEnd(this.#end);
          break;
        }
      }
    }
    this.#waits.reached(Infinity);
  }

  async #tail(): Promise<void> {
    const { log, keeper, signal } = this.#options;
    const tailing = this.#tailing = new AbortController();
    let sliceEnd = performance.now() + APPLY_SLICE;
    if (keeper.replica.failure !== undefined) throw keeper.replica.failure;
    // Not `AbortSignal.any`: what it returns may be collected while somebody listens to it (Deno 2.9.6).
    const stop = () => tailing.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const { chain } = keeper.replica;
      const { position } = chain.last;
      const { first } = await log.state();
      // The last record once more, if the log still has it: in a log that was made anew, or restored, there may be another one.
      const isThere = position > 0 && first <= position;
      for await (const entry of log.tail(isThere ? position - 1 : position, tailing.signal)) {
        if (entry.position > position) this.#apply(entry);
        else if (!chain.isLast(entry)) throw new LogError("ahead", "the log has other records");
        if (performance.now() < sliceEnd) continue;
        keeper.saveIfDue();
        this.#tellProgress();
        await new Promise<void>(afterNetworkPoll);
        sliceEnd = performance.now() + APPLY_SLICE;
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #apply(entry: LogEntry): void {
    const { keeper: { replica }, writer, onEntry } = this.#options;
    const isNew = entry.position > this.#replay.newest;
    const applied = replica.apply(entry);
    const { record, ignored } = applied;
    const server = record && serverOf(record.writer);
    if (server && server !== serverOf(writer()) && (!ignored || ignored === "diverged")) {
      const { seen: { position } } = record;
      const isDoubtful = this.#views.compare(server, position, !ignored, entry.time);
      if (isDoubtful && entry.position > this.#rereadTo) throw new DivergedError(DIVERGED);
    }
    if (entry.position >= this.#rereadTo) this.#settleViews();
    onEntry(applied, isNew);
    this.#replay.applied(entry.position);
    this.#waits.reached(entry.position);
  }

  /** Does what is needed before the log can be followed again. Returns why that is of no use, if it is not. */
  async #recover(error: unknown): Promise<Error | undefined> {
    if (isEnd(error)) return error as Error;
    const { keeper, onBlocked } = this.#options;
    try {
      if (this.#doubt) await this.#pause(RETAIL_AFTER);
      else if (error instanceof DivergedError || isOtherLog(error)) {
        this.#doubt = error as Error;
        onBlocked(this.#doubt.message);
        // A snapshot that led here is not taken again.
        if (error instanceof DivergedError) keeper.refuse();
        this.#views.doubt();
        // Until it is made anew, perhaps with several attempts, this is what clients were told.
        this.#appliedBefore ??= this.#replay.chain;
      } else {
        if (keeper.replica.failure !== undefined) this.#replay.begin();
        await this.#pause(RETAIL_AFTER);
      }
    } catch (failure) {
      if (isEnd(failure)) return failure as Error;
      await this.#pause(RETAIL_AFTER);
    }
  }

  /** Makes the replica anew, from what the log has now. */
  async #rebuild(): Promise<void> {
    const { log, keeper, signal } = this.#options;
    const before = this.#appliedBefore ?? keeper.replica.chain;
    const state = await log.state();
    try {
      await keeper.rebuild(log.snapshots, state, signal);
    } catch (failure) {
      if (!(failure instanceof LogError) || failure.code !== "trimmed") throw failure;
      return this.#missSnapshot(failure, state);
    }
    this.#onRebuilt(before, state.last);
  }

  /**
   * There is no snapshot of what the log has lost. Another server may have it all, and makes one. If none does, what was in between is
   * lost: this server goes on behind it, from what it has.
   */
  #missSnapshot(failure: LogError, { first, last }: LogState): void {
    const { keeper: { replica } } = this.#options;
    this.#missingSince ??= this.#now;
    if (this.#now - this.#missingSince < SNAPSHOT_WAIT || this.position >= first) throw failure;
    if (!replica.identity) throw new LogError("unusable", failure.message);
    const lost = replica.chain.withLoss();
    replica.chain.skip(first - 1, replica.chain.last.time);
    this.#onRebuilt(lost, last);
  }

  #onRebuilt(before: DigestChain, last: number): void {
    this.#missingSince = undefined;
    this.#doubt = undefined;
    this.#rereadTo = last;
    this.#options.onRebuilt(before);
    if (this.position >= last) this.#settleViews();
    this.#replay.rebuilt();
    this.#waits.reached(this.position);
  }

  /** All is applied again that the log had when the replica was made anew. */
  #settleViews(): void {
    const { keeper: { replica: { chain } } } = this.#options;
    const before = this.#appliedBefore;
    if (!before) return;
    const { position, digest } = before.last;
    const isSame = chain.at(position)?.digest === digest;
    // The snapshot is that of a server that was wrong.
    if (!isSame && this.#views.isOutnumbered) throw new DivergedError(DIVERGED);
    // It is wrong in the same way each time: its engine, its program or its machine is.
    if (isSame && this.#views.isAlone(chain.last.time)) {
      throw new LogError("unusable", `${DIVERGED}, also after it was made anew`);
    }
    this.#views.settle(isSame, chain.last.position, chain.last.time);
    this.#appliedBefore = undefined;
  }

  get #now(): number {
    const { clock } = this.#options;
    return clock.monotonic?.() ?? clock.now();
  }

  #tellProgress(): void {
    const { last: total } = this.#waits;
    if (total !== undefined) {
      this.#options.onProgress({ what: "records", done: this.position, total });
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal, clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) return Promise.resolve();
    const cancel = clock.after(ms, resolve);
    signal.addEventListener("abort", () => {
      cancel();
      resolve();
    }, { once: true });
    return promise;
  }
}

function isOtherLog(error: unknown): boolean {
  return error instanceof LogError && (error.code === "trimmed" || error.code === "ahead");
}

/** To try again is of no use. */
function isEnd(error: unknown): boolean {
  return error instanceof NewerVersionError ||
    (error instanceof LogError && error.code === "unusable");
}
