/**
 * How much all peers of a port have not read yet.
 *
 * @module
 */

import { addressHolder } from "../budgets/address_key.ts";
import type { Budget, BudgetAccount } from "../budgets/budget.ts";
import { afterNetworkPoll } from "../budgets/after_network_poll.ts";

/** How many bytes of large frames may be sent at once: sending more would take so long that others notice. */
const BURST = { bytes: 2 * 1024 * 1024, large: 64 * 1024 };

/** While somebody waits for room: after what time more may be sent, and it is checked who has read, in milliseconds. */
const CHECK_EVERY = 5;

/**
 * After how many more bytes those of a peer are measured again. With few peers these are more: asking the platform takes as
 * long as sending.
 */
const RECOUNT = { min: 16 * 1024, max: 64 * 1024, ofShared: 1 / 8 };

/** For how many checks granted room is reserved. */
const RESERVED_CHECKS = 20;

/** Without room: after what time it is checked again who has read, in milliseconds. */
const REMEASURE_EVERY = 20;

interface Waiting {
  readonly account: UnreadAccount;
  readonly bytes: number;
  readonly resolve: () => void;
}

/** Makes peers wait for each other if they are sent much, so that unread data takes a bounded amount of memory. */
export class UnreadLimiter {
  readonly #budget: Budget;
  /** Peers that have more unread than their own share. */
  readonly #sharing = new Set<UnreadAccount>();
  #waiting: Waiting[] = [];
  #burstBytes = 0;
  #measuredAt = -Infinity;
  #peers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #afterNetworkPoll: (callback: () => void) => void;

  /**
   * Starts without peers.
   *
   * @param budget the memory for unread data of all peers
   * @param afterPoll calls back after the network was polled. Default: the system's
   */
  constructor(budget: Budget, afterPoll: (callback: () => void) => void = afterNetworkPoll) {
    this.#budget = budget;
    this.#afterNetworkPoll = afterPoll;
  }

  /**
   * Opens the account of a peer.
   *
   * @param address of the peer
   * @param measure how much it has not read yet, in bytes
   */
  open(address: string, measure: () => number): UnreadAccount {
    this.#peers++;
    return new UnreadAccount(this, this.#budget.open(addressHolder(address)), measure);
  }

  /** Whether a peer may be sent this much more now. */
  mayTake({ budget }: UnreadAccount, bytes: number): boolean {
    const isLarge = bytes >= BURST.large;
    if (isLarge && this.#burstBytes >= BURST.bytes) return false;
    // A frame larger than all the memory is sent alone.
    if (!budget.mayTake(bytes) && this.#budget.sharing > 0) return false;
    if (!isLarge) return true;
    this.#burstBytes += bytes;
    this.#scheduleCheck();
    return true;
  }

  /** Resolves once a peer may be sent this much more, or once it is gone. */
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

  /** After how many more bytes those of a peer are measured again. */
  get recountAfter(): number {
    const { min, max, ofShared } = RECOUNT;
    return Math.min(max, Math.max(min, this.#budget.size * ofShared / this.#peers));
  }

  /** The unread bytes of a peer have changed. */
  onChanged(account: UnreadAccount): void {
    if (account.budget.shared > 0) this.#sharing.add(account);
    else this.#sharing.delete(account);
  }

  /** Checks who has read, unless that was done just now. */
  remeasureAll(): void {
    const now = performance.now();
    if (now - this.#measuredAt < REMEASURE_EVERY) return;
    this.#measuredAt = now;
    for (const account of this.#sharing) account.remeasure();
  }

  /** Ends all waits. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #scheduleCheck(): void {
    // Sending what is allowed at once can take longer than this time: the network is polled in any case.
    this.#timer ??= setTimeout(() => this.#afterNetworkPoll(() => this.#check()), CHECK_EVERY);
  }

  #check(): void {
    this.#timer = undefined;
    this.#burstBytes = 0;
    if (this.#waiting.length === 0) return;
    for (const account of this.#sharing) account.remeasure();
    this.#waiting = this.#waiting.filter(({ account, bytes, resolve }) => {
      if (!account.closed && !this.mayTake(account, bytes)) return true;
      // Nobody else may take this room before it was used.
      account.reserve(bytes);
      resolve();
      return false;
    });
    if (this.#waiting.length > 0) this.#scheduleCheck();
  }
}

/** How much one peer has not read yet. */
export class UnreadAccount {
  readonly budget: BudgetAccount;
  readonly #limiter: UnreadLimiter;
  readonly #measure: () => number;
  #reserved = 0;
  /** For how many more checks: the message that the room was granted for may be gone by then. */
  #reservedChecks = 0;
  /** Above this it is measured again, in bytes. */
  recountAt: number;
  closed = false;

  /** Starts with nothing unread. */
  constructor(limiter: UnreadLimiter, budget: BudgetAccount, measure: () => number) {
    this.#limiter = limiter;
    this.budget = budget;
    this.recountAt = limiter.recountAfter;
    this.#measure = measure;
  }

  /** What exceeds its own share is shared by all: it has to wait if others have too much. */
  hasRoom(bytes: number): boolean {
    if (bytes <= this.budget.own || bytes <= this.#reserved) return true;
    return this.#limiter.mayTake(this, bytes);
  }

  /** Resolves once it may be sent this much more, or once it is gone. */
  waitForRoom(bytes: number): Promise<void> {
    return this.#limiter.waitForRoom(this, bytes);
  }

  /** Reserves room for this many bytes. */
  reserve(bytes: number): void {
    if (this.closed) return;
    this.#reserved = bytes;
    this.#reservedChecks = RESERVED_CHECKS;
    this.#set(this.budget.used + bytes);
  }

  /** Room is reserved for it. */
  get isReserved(): boolean {
    return this.#reserved > 0;
  }

  /** Its holder can have no more. */
  get isExhausted(): boolean {
    return !this.budget.mayTake(RECOUNT.min);
  }

  /** Its holder can have no more, and the peer itself has more unread than its own share. */
  mustReadFirst(bytes: number): boolean {
    if (bytes <= this.budget.own || !this.isExhausted) return false;
    // Peers do not tell when they have read.
    this.#limiter.remeasureAll();
    return this.isExhausted;
  }

  /** Its unread bytes were measured. */
  onMeasured(bytes: number): void {
    this.#set(bytes + this.#reserved);
  }

  /** It was sent something. */
  onSent(): void {
    this.#reserved = 0;
    this.#set(this.#measure());
  }

  /** Measures its unread bytes. */
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
