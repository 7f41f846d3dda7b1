/**
 * What all peers of a port have yet to read.
 *
 * @module
 */

import { addressHolder } from "../budgets/address.ts";
import type { Budget, BudgetAccount } from "../budgets/budget.ts";
import { afterLook } from "../budgets/look.ts";

/** So much may begin to leave at once in frames that are large, in bytes; to hand over more takes so long that others notice. */
const AT_ONCE = { bytes: 2 * 1024 * 1024, large: 64 * 1024 };

/** After what time more may leave, and it is looked who has read, while somebody waits, in milliseconds. */
const EVERY = 5;

/**
 * A peer's bytes are counted anew after so many more, and after more where few peers are there: to ask the platform for
 * them takes as long as to send.
 */
const COUNTED = { least: 16 * 1024, most: 64 * 1024, ofShared: 1 / 8 };

/** What one has leave for is kept for it for so many looks. */
const RESERVED_FOR = 20;

/** Where there is no room, it is looked after so long again who has read, in milliseconds. */
const SETTLED_FOR = 20;

interface Waiting {
  readonly share: UnreadShare;
  readonly bytes: number;
  readonly resolve: () => void;
}

/** Has those who are sent much wait for each other: what they have yet to read takes a bounded amount of memory. */
export class Unread {
  readonly #budget: Budget;
  /** Those who have more to read than each has for itself. */
  readonly #sharing = new Set<UnreadShare>();
  #waiting: Waiting[] = [];
  #begun = 0;
  #settled = -Infinity;
  #peers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #afterLook: (callback: () => void) => void;

  /**
   * Nobody has anything to read.
   *
   * @param budget what they may have together
   * @param after calls back once the network was looked at. Default: the system's
   */
  constructor(budget: Budget, after: (callback: () => void) => void = afterLook) {
    this.#budget = budget;
    this.#afterLook = after;
  }

  /**
   * A peer is there.
   *
   * @param address where it comes from
   * @param measure how much it has to read, in bytes
   */
  open(address: string, measure: () => number): UnreadShare {
    this.#peers++;
    return new UnreadShare(this, this.#budget.open(addressHolder(address)), measure);
  }

  /** Whether a peer may be sent so much more now. */
  mayTake({ account }: UnreadShare, bytes: number): boolean {
    const isLarge = bytes >= AT_ONCE.large;
    if (isLarge && this.#begun >= AT_ONCE.bytes) return false;
    // One that is larger than what there is for it goes alone.
    if (!account.mayTake(bytes) && this.#budget.sharing > 0) return false;
    if (!isLarge) return true;
    this.#begun += bytes;
    this.#lookSoon();
    return true;
  }

  /** Resolves once a peer may be sent so much more, or is gone. */
  wait(share: UnreadShare, bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ share, bytes, resolve });
    this.#lookSoon();
    return promise;
  }

  /** A peer is gone. */
  left(share: UnreadShare): void {
    this.#peers--;
    this.#sharing.delete(share);
  }

  /** After how many bytes more those of a peer are counted anew. */
  get counted(): number {
    const { least, most, ofShared } = COUNTED;
    return Math.min(most, Math.max(least, this.#budget.size * ofShared / this.#peers));
  }

  /** It has changed how much a peer has to read. */
  changed(share: UnreadShare): void {
    if (share.account.shared > 0) this.#sharing.add(share);
    else this.#sharing.delete(share);
  }

  /** Looks who has read, if that was not done just now. */
  settle(): void {
    const now = performance.now();
    if (now - this.#settled < SETTLED_FOR) return;
    this.#settled = now;
    for (const share of this.#sharing) share.settle();
  }

  /** Nobody waits any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #lookSoon(): void {
    // To hand over what may leave at once can take longer than this time: the network is looked at, however long it took.
    this.#timer ??= setTimeout(() => this.#afterLook(() => this.#look()), EVERY);
  }

  #look(): void {
    this.#timer = undefined;
    this.#begun = 0;
    if (this.#waiting.length === 0) return;
    for (const share of this.#sharing) share.settle();
    this.#waiting = this.#waiting.filter(({ share, bytes, resolve }) => {
      if (!share.closed && !this.mayTake(share, bytes)) return true;
      // Until it has been sent, nobody else shall take it for free.
      share.reserve(bytes);
      resolve();
      return false;
    });
    if (this.#waiting.length > 0) this.#lookSoon();
  }
}

/** What one peer has yet to read. */
export class UnreadShare {
  readonly account: BudgetAccount;
  readonly #unread: Unread;
  readonly #measure: () => number;
  #reserved = 0;
  /** For how many looks more: what it had leave for may be gone when it comes to it. */
  #reservedFor = 0;
  /** With more than that to read it is counted again, in bytes. */
  countedTo: number;
  closed = false;

  /** It has nothing to read. */
  constructor(unread: Unread, account: BudgetAccount, measure: () => number) {
    this.#unread = unread;
    this.account = account;
    this.countedTo = unread.counted;
    this.#measure = measure;
  }

  /** More than what it has for itself is for all: it has to wait where others have too much. */
  hasRoom(bytes: number): boolean {
    if (bytes <= this.account.own || bytes <= this.#reserved) return true;
    return this.#unread.mayTake(this, bytes);
  }

  /** Resolves once it may be sent so much more, or is gone. */
  room(bytes: number): Promise<void> {
    return this.#unread.wait(this, bytes);
  }

  /** It has leave to be sent so much. */
  reserve(bytes: number): void {
    if (this.closed) return;
    this.#reserved = bytes;
    this.#reservedFor = RESERVED_FOR;
    this.#set(this.account.used + bytes);
  }

  /** It has leave to be sent something large. */
  get isReserved(): boolean {
    return this.#reserved > 0;
  }

  /** Its holder can have no more. */
  get isScarce(): boolean {
    return !this.account.mayTake(COUNTED.least);
  }

  /** Its holder can have no more, and it has more to read itself than each may have. */
  isScarceFor(bytes: number): boolean {
    if (bytes <= this.account.own || !this.isScarce) return false;
    // Who has read meanwhile has not said so.
    this.#unread.settle();
    return this.isScarce;
  }

  /** It was looked how much it has to read. */
  looked(bytes: number): void {
    this.#set(bytes + this.#reserved);
  }

  /** It has been sent something. */
  sent(): void {
    this.#reserved = 0;
    this.#set(this.#measure());
  }

  /** Looks how much it has to read. */
  settle(): void {
    if (this.#reserved > 0 && this.#reservedFor-- === 0) this.#reserved = 0;
    this.#set(this.#measure() + this.#reserved);
  }

  /** It is gone. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.account.close();
    this.#unread.left(this);
  }

  #set(bytes: number): void {
    if (this.closed) return;
    this.account.set(bytes);
    this.countedTo = bytes + this.#unread.counted;
    this.#unread.changed(this);
  }
}
