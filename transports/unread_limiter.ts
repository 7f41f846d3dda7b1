/**
 * What all peers of a port have yet to read.
 *
 * @module
 */

import { addressHolder } from "../budgets/address_key.ts";
import type { Budget, BudgetAccount } from "../budgets/budget.ts";
import { afterNetworkPoll } from "../budgets/after_network_poll.ts";

/** So much may begin to leave at once in frames that are large, in bytes; to hand over more takes so long that others notice. */
const BURST = { bytes: 2 * 1024 * 1024, large: 64 * 1024 };

/** After what time more may leave, and it is looked who has read, while somebody waits, in milliseconds. */
const CHECK_EVERY = 5;

/**
 * A peer's bytes are counted anew after so many more, and after more where few peers are there: to ask the platform for
 * them takes as long as to send.
 */
const RECOUNT = { min: 16 * 1024, max: 64 * 1024, ofShared: 1 / 8 };

/** What one has leave for is kept for it for so many looks. */
const RESERVED_CHECKS = 20;

/** Where there is no room, it is looked after so long again who has read, in milliseconds. */
const REMEASURE_EVERY = 20;

interface Waiting {
  readonly account: UnreadAccount;
  readonly bytes: number;
  readonly resolve: () => void;
}

/** Has those who are sent much wait for each other: what they have yet to read takes a bounded amount of memory. */
export class UnreadLimiter {
  readonly #budget: Budget;
  /** Those who have more to read than each has for itself. */
  readonly #sharing = new Set<UnreadAccount>();
  #waiting: Waiting[] = [];
  #burstBytes = 0;
  #measuredAt = -Infinity;
  #peers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #afterNetworkPoll: (callback: () => void) => void;

  /**
   * Nobody has anything to read.
   *
   * @param budget what they may have together
   * @param afterPoll calls back once the network was looked at. Default: the system's
   */
  constructor(budget: Budget, afterPoll: (callback: () => void) => void = afterNetworkPoll) {
    this.#budget = budget;
    this.#afterNetworkPoll = afterPoll;
  }

  /**
   * A peer is there.
   *
   * @param address where it comes from
   * @param measure how much it has to read, in bytes
   */
  open(address: string, measure: () => number): UnreadAccount {
    this.#peers++;
    return new UnreadAccount(this, this.#budget.open(addressHolder(address)), measure);
  }

  /** Whether a peer may be sent so much more now. */
  mayTake({ budget }: UnreadAccount, bytes: number): boolean {
    const isLarge = bytes >= BURST.large;
    if (isLarge && this.#burstBytes >= BURST.bytes) return false;
    // One that is larger than what there is for it goes alone.
    if (!budget.mayTake(bytes) && this.#budget.sharing > 0) return false;
    if (!isLarge) return true;
    this.#burstBytes += bytes;
    this.#scheduleCheck();
    return true;
  }

  /** Resolves once a peer may be sent so much more, or is gone. */
  waitForRoom(account: UnreadAccount, bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ account, bytes, resolve });
    this.#scheduleCheck();
    return promise;
  }

  /** A peer is gone. */
  remove(account: UnreadAccount): void {
    this.#peers--;
    this.#sharing.delete(account);
  }

  /** After how many bytes more those of a peer are counted anew. */
  get recountAfter(): number {
    const { min, max, ofShared } = RECOUNT;
    return Math.min(max, Math.max(min, this.#budget.size * ofShared / this.#peers));
  }

  /** It has changed how much a peer has to read. */
  onChanged(account: UnreadAccount): void {
    if (account.budget.shared > 0) this.#sharing.add(account);
    else this.#sharing.delete(account);
  }

  /** Looks who has read, if that was not done just now. */
  remeasureAll(): void {
    const now = performance.now();
    if (now - this.#measuredAt < REMEASURE_EVERY) return;
    this.#measuredAt = now;
    for (const account of this.#sharing) account.remeasure();
  }

  /** Nobody waits any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #scheduleCheck(): void {
    // To hand over what may leave at once can take longer than this time: the network is looked at, however long it took.
    this.#timer ??= setTimeout(() => this.#afterNetworkPoll(() => this.#check()), CHECK_EVERY);
  }

  #check(): void {
    this.#timer = undefined;
    this.#burstBytes = 0;
    if (this.#waiting.length === 0) return;
    for (const account of this.#sharing) account.remeasure();
    this.#waiting = this.#waiting.filter(({ account, bytes, resolve }) => {
      if (!account.closed && !this.mayTake(account, bytes)) return true;
      // Until it has been sent, nobody else shall take it for free.
      account.reserve(bytes);
      resolve();
      return false;
    });
    if (this.#waiting.length > 0) this.#scheduleCheck();
  }
}

/** What one peer has yet to read. */
export class UnreadAccount {
  readonly budget: BudgetAccount;
  readonly #limiter: UnreadLimiter;
  readonly #measure: () => number;
  #reserved = 0;
  /** For how many looks more: what it had leave for may be gone when it comes to it. */
  #reservedChecks = 0;
  /** With more than that to read it is counted again, in bytes. */
  recountAt: number;
  closed = false;

  /** It has nothing to read. */
  constructor(limiter: UnreadLimiter, budget: BudgetAccount, measure: () => number) {
    this.#limiter = limiter;
    this.budget = budget;
    this.recountAt = limiter.recountAfter;
    this.#measure = measure;
  }

  /** More than what it has for itself is for all: it has to wait where others have too much. */
  hasRoom(bytes: number): boolean {
    if (bytes <= this.budget.own || bytes <= this.#reserved) return true;
    return this.#limiter.mayTake(this, bytes);
  }

  /** Resolves once it may be sent so much more, or is gone. */
  waitForRoom(bytes: number): Promise<void> {
    return this.#limiter.waitForRoom(this, bytes);
  }

  /** It has leave to be sent so much. */
  reserve(bytes: number): void {
    if (this.closed) return;
    this.#reserved = bytes;
    this.#reservedChecks = RESERVED_CHECKS;
    this.#set(this.budget.used + bytes);
  }

  /** It has leave to be sent something large. */
  get isReserved(): boolean {
    return this.#reserved > 0;
  }

  /** Its holder can have no more. */
  get isExhausted(): boolean {
    return !this.budget.mayTake(RECOUNT.min);
  }

  /** Its holder can have no more, and it has more to read itself than each may have. */
  mustReadFirst(bytes: number): boolean {
    if (bytes <= this.budget.own || !this.isExhausted) return false;
    // Who has read meanwhile has not said so.
    this.#limiter.remeasureAll();
    return this.isExhausted;
  }

  /** It was looked how much it has to read. */
  onMeasured(bytes: number): void {
    this.#set(bytes + this.#reserved);
  }

  /** It has been sent something. */
  onSent(): void {
    this.#reserved = 0;
    this.#set(this.#measure());
  }

  /** Looks how much it has to read. */
  remeasure(): void {
    if (this.#reserved > 0 && this.#reservedChecks-- === 0) this.#reserved = 0;
    this.#set(this.#measure() + this.#reserved);
  }

  /** It is gone. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.budget.close();
    this.#limiter.remove(this);
  }

  #set(bytes: number): void {
    if (this.closed) return;
    this.budget.set(bytes);
    this.recountAt = bytes + this.#limiter.recountAfter;
    this.#limiter.onChanged(this);
  }
}
