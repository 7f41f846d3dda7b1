/**
 * How connections share what a server has only so much of: memory for cursors, waits, frames under way.
 *
 * Each connection has a little for itself, which nobody can take from it. What it takes beyond comes out of a pool that
 * all share; there one holder (an identity, or an address where there is none) may have no more than it leaves free, so
 * one has half of the pool at most, two have three quarters, and there is something left for the next one. This is the
 * dynamic threshold of Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches"
 * (IEEE/ACM Transactions on Networking 6.2, 1998), with a factor of 1.
 *
 * @module
 */

import { nameKey } from "../protocol/name_map.ts";

/** How much there is, in whatever it is counted. */
export interface BudgetSize {
  /** What each connection has for itself. */
  readonly own: number;
  /** What all share beyond that. */
  readonly shared: number;
}

/** What is there of one thing, for all connections of a server together. */
export class Budget {
  #size: BudgetSize;
  #free: number;
  /** What each holder has of the shared pool. */
  readonly #held = new Map<string, number>();

  /** Nobody has anything yet. */
  constructor(size: BudgetSize) {
    this.#size = size;
    this.#free = size.shared;
  }

  /** How much each connection has for itself that opens an account now. */
  get own(): number {
    return this.#size.own;
  }

  /** How much there is from now on; who has something keeps it, and what it has for itself. */
  resize(size: BudgetSize): void {
    this.#free += size.shared - this.#size.shared;
    this.#size = size;
  }

  /** How much of the shared pool nobody has. */
  get free(): number {
    return this.#free;
  }

  /** How many have something of the shared pool. */
  get holders(): number {
    return this.#held.size;
  }

  /** How much of the shared pool a holder has. */
  heldBy(holder: string): number {
    return this.#held.get(nameKey(holder)) ?? 0;
  }

  /** Opens the account of one connection. */
  open(holder: string): BudgetAccount {
    return new BudgetAccount(this, holder);
  }

  /** Takes from the shared pool; `false` if the holder would then have more than is left free. */
  take(holder: string, amount: number): boolean {
    const key = nameKey(holder);
    const held = this.#held.get(key) ?? 0;
    if (held + amount > this.#free - amount + 1) return false;
    this.#free -= amount;
    this.#held.set(key, held + amount);
    return true;
  }

  /** Whether so much can be taken. */
  mayTake(holder: string, amount: number): boolean {
    return this.heldBy(holder) + amount <= this.#free;
  }

  /** Takes from the shared pool, also what is not there: it has been used already. */
  owe(holder: string, amount: number): void {
    const key = nameKey(holder);
    this.#free -= amount;
    this.#held.set(key, (this.#held.get(key) ?? 0) + amount);
  }

  /** Gives back to the shared pool what a holder has of it. */
  giveBack(holder: string, amount: number): void {
    if (amount === 0) return;
    const key = nameKey(holder);
    const left = this.#held.get(key)! - amount;
    this.#free += amount;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
  }

  /** Writes over what a holder has in the shared pool to another one, who may then have more than it could take. */
  move(amount: number, from: string, to: string): void {
    if (amount === 0 || from === to) return;
    this.giveBack(from, amount);
    this.owe(to, amount);
  }
}

/** What one connection has of a budget. */
export class BudgetAccount {
  readonly #budget: Budget;
  /** What it has for itself. */
  readonly own: number;
  #holder: string;
  #used = 0;
  #closed = false;

  /** It has nothing yet. */
  constructor(budget: Budget, holder: string) {
    this.#budget = budget;
    this.own = budget.own;
    this.#holder = holder;
  }

  /** How much it has. */
  get used(): number {
    return this.#used;
  }

  /** Whose it is. */
  get holder(): string {
    return this.#holder;
  }

  /**
   * Takes more.
   *
   * @param amount how much
   * @returns `false` if there is not so much for it; then it has what it had
   */
  take(amount = 1): boolean {
    if (this.#closed) return false;
    const shared = this.#sharedWith(amount);
    if (shared > 0 && !this.#budget.take(this.#holder, shared)) return false;
    this.#used += amount;
    return true;
  }

  /** Whether it can take so much more. */
  mayTake(amount: number): boolean {
    const shared = this.#sharedWith(amount);
    return shared <= 0 || this.#budget.mayTake(this.#holder, shared);
  }

  /** It has so much from now on, whether it is there or not. */
  set(amount: number): void {
    if (this.#closed) return;
    const shared = this.#sharedWith(amount - this.#used);
    if (shared > 0) this.#budget.owe(this.#holder, shared);
    else this.#budget.giveBack(this.#holder, -shared);
    this.#used = amount;
  }

  /** Gives back some of what it has; of a closed account nothing is left to give back. */
  giveBack(amount = 1): void {
    if (this.#closed) return;
    this.#budget.giveBack(this.#holder, -this.#sharedWith(-amount));
    this.#used -= amount;
  }

  /** It is another's from now on, with what it has. */
  moveTo(holder: string): void {
    this.#budget.move(this.shared, this.#holder, holder);
    this.#holder = holder;
  }

  /** Gives back all, and has nothing any more. May be called twice. */
  close(): void {
    this.giveBack(this.#used);
    this.#closed = true;
  }

  /** How much it has of the shared pool. */
  get shared(): number {
    return Math.max(0, this.#used - this.own);
  }

  /** How much more it has of the shared pool with so much more in all. */
  #sharedWith(amount: number): number {
    return Math.max(0, this.#used + amount - this.own) - this.shared;
  }
}
