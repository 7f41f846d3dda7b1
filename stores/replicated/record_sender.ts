/**
 * The commands of one server on their way into a log.
 *
 * @module
 */

import type { Clock } from "../../queue/clock.ts";
import { type Command, type Result, StoreError } from "../store.ts";
import type { ChainPoint, ControlCommand } from "./control_commands.ts";
import { PendingCalls, PendingCommands } from "./pending_commands.ts";
import type { RecordLog } from "./record_log.ts";
import { OutgoingRecord, RecordQueue } from "./record_queue.ts";
import { encodeRecord } from "./record_text.ts";

/** At most this many records are under way. */
const MAX_UNDER_WAY = 8;

/** While more than this many are under way, commands wait for others that come into the same record. */
const EAGER = 1;

/** At most this many bytes wait. */
const MAX_WAITING = 64 * 1024 * 1024;

/** A record is not sent again once it was under way for so long and nobody waits for it, in milliseconds. */
const ABANDONED_AFTER = 60_000;

/** How long until records that the log did not take are sent again, in milliseconds. */
const RETRY_AFTER = 100;

/** The same for records that it has taken, or of which it says nothing, and that do not come back. */
const SILENCE = 1000;

/** What this needs of the store. */
export interface RecordSenderOptions {
  readonly log: Pick<RecordLog, "append" | "maxRecord">;
  readonly clock: Pick<Clock, "now" | "monotonic" | "after">;
  /** What was applied here. */
  readonly seen: () => ChainPoint;
  /** The version of the state machine. */
  readonly version: () => number;
  /** For how long commands wait for their results, in milliseconds. */
  readonly timeout: number;
}

/**
 * Makes records of commands, and has the log take them, each until it comes back. Its commands count once: each record has a number, and
 * counts only behind the one before it.
 */
export class RecordSender {
  readonly #options: RecordSenderOptions;
  readonly #server: string = crypto.randomUUID();
  /** How many names it had before. */
  #names = 0;
  /** The number of the last record that was handed to the log. */
  #lastNumber = 0;
  /** In the order of their numbers. */
  #underWay: OutgoingRecord[] = [];
  readonly #waiting: RecordQueue;
  #cancelTurn: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelWatch: (() => void) | undefined;
  /** The first of those that were under way when all were sent again because one did not count. */
  #resentFrom: OutgoingRecord | undefined;
  readonly #pending: PendingCalls;
  /** What the wall clock showed at the start, without the time that had passed. */
  readonly #origin: number;
  /** Nothing is sent: the replica is made anew, and what counts is not known. */
  #paused = false;
  #stopped = false;

  /** Has nothing to send. */
  constructor(options: RecordSenderOptions) {
    this.#options = options;
    this.#origin = options.clock.now() - this.#now;
    this.#waiting = new RecordQueue(options.log.maxRecord);
    this.#pending = new PendingCalls(options.clock, (late) => this.#giveUp(late));
  }

  /** Who writes its records. */
  get writer(): string {
    return this.#names === 0 ? this.#server : `${this.#server}/${this.#names}`;
  }

  /** How much is on its way. */
  get status(): { readonly underWay: number; readonly waitingBytes: number } {
    return { underWay: this.#underWay.length, waitingBytes: this.#waiting.bytes };
  }

  /** Resolves once all commands have results, or have waited for too long. */
  settled(): Promise<void> {
    return this.#pending.settled();
  }

  /** Sends commands. Resolves with their results, or with errors once they have waited for too long. */
  async send(commands: readonly Command[]): Promise<readonly (Result | StoreError)[]> {
    const { bytes } = this.#waiting;
    if (this.#stopped) return commands.map(() => CLOSED);
    if (bytes > MAX_WAITING) {
      const reason = `${bytes} bytes wait for the log, the limit is ${MAX_WAITING}`;
      const error = new StoreError(`Cannot store messages: ${reason}`, { code: "busy" });
      return commands.map(() => error);
    }
    const pending = new PendingCommands(commands, this.#now + this.#options.timeout);
    this.#pending.add(pending);
    this.#waiting.add(pending);
    pending.resolveIfSettled();
    this.#sendAfterTurn();
    return await pending.done;
  }

  /** Sends a record of its own. Resolves once it counts; rejects if the store is closed. */
  control(control: ControlCommand): Promise<void> {
    return this.#settled(this.#waiting.control(control));
  }

  /** Commands wait that come into the next record. */
  get hasWaiting(): boolean {
    return !this.#waiting.isEmpty;
  }

  /** Resolves once a record was applied that was handed to the log after this call; rejects if the store is closed. */
  fence(): Promise<void> {
    return this.#settled(this.#waiting.open());
  }

  /** A record of this writer was applied. */
  applied(number: number, results: readonly (Result | StoreError)[]): void {
    const index = this.#underWay.findIndex((record) => record.number === number);
    if (index < 0) return;
    const [record] = this.#underWay.splice(index, 1) as [OutgoingRecord];
    record.applied(results);
    this.#sendWaiting();
  }

  /**
   * A record of this writer did not count: all that are under way are sent again, from what is applied here now.
   *
   * @param next the number that counts next
   */
  ignored(next: number): void {
    const [first] = this.#underWay;
    if (!first || this.#paused) return;
    // The log has forgotten this writer, since it had written nothing for long, or has lost what it wrote.
    if (next < first.number) this.#beginAnew();
    // Each of those behind a lost one does not count either, and would have all sent once more.
    else if (first === this.#resentFrom) return this.#resendLater();
    this.#resentFrom = first;
    this.#resend();
  }

  /** Sends nothing from now on: the replica is made anew. */
  pause(): void {
    this.#paused = true;
  }

  /**
   * The replica has all that is in the log: what is under way is sent again. What counted meanwhile has results that nobody knows.
   *
   * @param next the number that counts next
   * @param before what comes before all of it: without it nothing counts
   */
  resume(next: number, before?: ControlCommand): void {
    if (!this.#paused) return;
    this.#paused = false;
    while (this.#underWay[0] && this.#underWay[0].number < next) {
      this.#underWay.shift()!.appliedUnseen();
    }
    this.#waiting.removeDone();
    this.#resentFrom = undefined;
    if (before) {
      this.#underWay.unshift(new OutgoingRecord(0, before));
      this.#beginAnew();
      this.#resend();
    } else this.ignored(next);
    this.#sendWaiting();
  }

  /** Gives up all that is not stored. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTurn?.();
    this.#cancelRetry?.();
    this.#pending.stop();
    this.#cancelWatch?.();
    for (const record of [...this.#underWay.splice(0), ...this.#waiting.clear()]) record.fail();
  }

  #settled({ onSettled }: OutgoingRecord): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Nobody may wait for it.
    promise.catch(() => {});
    if (this.#stopped) reject(CLOSED);
    else onSettled.push((counts) => counts ? resolve() : reject(CLOSED));
    this.#sendAfterTurn();
    return promise;
  }

  #sendAfterTurn(): void {
    if (this.#cancelTurn || this.#stopped) return;
    const turn = setImmediate(() => {
      this.#cancelTurn = undefined;
      this.#sendWaiting();
    });
    this.#cancelTurn = () => clearImmediate(turn);
  }

  /** Hands what waits to the log, as far as it takes more. */
  #sendWaiting(): void {
    while (!this.#waiting.isEmpty && !this.#paused) {
      const max = this.#waiting.isFirstFull ? MAX_UNDER_WAY - 1 : EAGER;
      if (this.#underWay.length > max) return;
      const record = this.#waiting.shift()!;
      record.number = ++this.#lastNumber;
      record.sentAt = this.#now;
      this.#underWay.push(record);
      this.#append(record);
    }
  }

  #append(record: OutgoingRecord): void {
    const attempt = ++record.attempt;
    const { log, seen, version } = this.#options;
    const { number, control, continues, commands } = record;
    const { writer } = this;
    const clock = Math.floor(this.#origin + this.#now);
    const header = { version: version(), writer, number, clock, seen: seen(), control, continues };
    log.append(encodeRecord(header, commands)).catch(() => {
      if (attempt === record.attempt) this.#resendLater();
    });
    this.#watch();
  }

  /** Has records sent again that do not come back: a log may lose what it has acknowledged. */
  #watch(): void {
    const [first] = this.#underWay;
    if (this.#cancelWatch || !first || this.#stopped) return;
    const { attempt } = first;
    this.#cancelWatch = this.#options.clock.after(SILENCE, () => {
      this.#cancelWatch = undefined;
      if (first === this.#underWay[0] && attempt === first.attempt) this.#resend();
      this.#watch();
    });
  }

  /** All of them, in their order: a later one does not count without those before it. */
  #resend(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    if (this.#paused) return;
    this.#dropAbandoned();
    for (const record of this.#underWay) this.#append(record);
  }

  /**
   * What nobody waits for any more since long is not sent for ever: its callers were told that nobody knows. An earlier copy may still
   * count.
   */
  #dropAbandoned(): void {
    const [first] = this.#underWay;
    if (!first) return;
    const last = this.#now - ABANDONED_AFTER;
    const isWanted = (record: OutgoingRecord) => record.isAwaited || record.sentAt > last;
    const abandoned = this.#underWay.filter((record) => !isWanted(record));
    if (abandoned.length === 0) return;
    this.#underWay = this.#underWay.filter(isWanted);
    for (const record of abandoned) record.fail();
    // The numbers of the others do not follow each other any more, and an earlier copy of them may count, too.
    for (const record of this.#underWay) record.failCommands();
    this.#waiting.removeDone();
    this.#beginAnew();
  }

  #resendLater(): void {
    if (this.#stopped) return;
    this.#cancelRetry ??= this.#options.clock.after(RETRY_AFTER, () => this.#resend());
  }

  /** Writes under another name: with its first record, none of the one before counts any more. */
  #beginAnew(): void {
    this.#names++;
    this.#lastNumber = 0;
    for (const record of this.#underWay) record.number = ++this.#lastNumber;
  }

  get #now(): number {
    const { clock } = this.#options;
    return clock.monotonic?.() ?? clock.now();
  }

  #giveUp(late: readonly PendingCommands[]): void {
    const underWay = new Set<PendingCommands>(this.#underWay.flatMap(({ calls }) => calls));
    for (const pending of late) pending.fail(underWay.has(pending));
    // What was not handed to the log is not stored: nobody sends it later.
    this.#waiting.removeDone();
  }
}

const CLOSED = new StoreError("Cannot store messages: the store is closed");
