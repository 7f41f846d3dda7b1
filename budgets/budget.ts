/**
 * How connections share what is scarce: memory for cursors, waits, frames under way.
 *
 * Each connection has a little for itself, which nobody can take from it. What it takes beyond comes out of a pool that
 * all share; there one holder (an identity, or an address where there is none) may have no more than it leaves free, so
 * one has half of the pool at most, two have three quarters, and there is something left for the next one. This is the
 * dynamic threshold of Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches"
 * (IEEE/ACM Transactions on Networking 6.2, 1998), with a factor of 1.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";

/** How much there is, in any unit. */
export interface BudgetSize {
  /** What each connection has for itself. */
  readonly own: number;
  /** What all share beyond that. */
  readonly shared: number;
}

/** One who has accounts, and what these have of the shared pool together. */
interface Holder {
  readonly name: string;
  held: number;
  accounts: number;
}

/** What all connections of a server have of one thing together. */
export class Budget {
  #size: BudgetSize;
  #free: number;
  /** Those who have accounts. */
  readonly #holders = new NameMap<Holder>();
  #sharing = 0;

  /** Nobody has anything yet. */
  constructor(size: BudgetSize) {
    this.#size = size;
    this.#free = size.shared;
  }

  /** How much an account that is opened now has for itself. */
  get own(): number {
    return this.#size.own;
  }

  /** How much all share. */
  get size(): number {
    return this.#size.shared;
  }

  /** Changes how much there is. Open accounts keep what they use, and what they have for themselves. */
  resize(size: BudgetSize): void {
    this.#free += size.shared - this.#size.shared;
    this.#size = size;
  }

  /** How much of the shared pool nobody has. */
  get free(): number {
    return this.#free;
  }

  /** How many holders have something of the shared pool. */
  get sharing(): number {
    return this.#sharing;
  }

  /** How many holders have accounts. */
  get holders(): number {
    return this.#holders.size;
  }

  /** Opens the account of one connection. */
  open(holder: string): BudgetAccount {
    return new BudgetAccount(this, holder);
  }

  /** One more account of a holder. */
  addAccount(name: string): Holder {
    let holder = this.#holders.get(name);
    if (!holder) this.#holders.set(name, holder = { name, held: 0, accounts: 0 });
    holder.accounts++;
    return holder;
  }

  /** One account less of a holder. */
  removeAccount(holder: Holder): void {
    if (--holder.accounts === 0) this.#holders.delete(holder.name);
  }

  /** Whether a holder can take an amount: afterwards it has no more than is left free. */
  mayTake({ held }: Holder, amount: number): boolean {
    return held + amount <= this.#free - amount + 1;
  }

  /** Whether it can be a holder's what another one has: it could have taken that, too. */
  mayTransfer({ held }: Holder, amount: number): boolean {
    return amount === 0 || held + amount <= this.#free + 1;
  }

  /** A holder takes an amount from the shared pool; a negative one is given back. */
  adjust(holder: Holder, amount: number): void {
    if (amount === 0) return;
    const had = holder.held > 0;
    this.#free -= amount;
    holder.held += amount;
    const has = holder.held > 0;
    if (has !== had) this.#sharing += has ? 1 : -1;
  }
}

/** What one connection has of a budget. */
export class BudgetAccount {
  readonly #budget: Budget;
  /** What it has for itself. */
  readonly own: number;
  #holder: Holder;
  #used = 0;
  #closed = false;

  /** It has nothing yet. */
  constructor(budget: Budget, holder: string) {
    this.#budget = budget;
    this.own = budget.own;
    this.#holder = budget.addAccount(holder);
  }

  /** How much it has. */
  get used(): number {
    return this.#used;
  }

  /** How much all accounts of its holder have of the shared pool. */
  get held(): number {
    return this.#holder.held;
  }

  /**
   * Takes more.
   *
   * @param amount how much
   * @returns `false` if it may not have that much; then nothing has changed
   */
  take(amount = 1): boolean {
    if (this.#closed || !this.mayTake(amount)) return false;
    this.set(this.#used + amount);
    return true;
  }

  /** Whether it can take an amount. */
  mayTake(amount: number): boolean {
    if (this.#used + amount <= this.own) return true;
    const shared = this.#sharedOf(this.#used + amount) - this.shared;
    return shared <= 0 || this.#budget.mayTake(this.#holder, shared);
  }

  /** Sets what it uses, even beyond what it may take. */
  set(amount: number): void {
    if (this.#closed) return;
    const { own } = this;
    // Mostly it needs no more than what it has for itself.
    if (amount > own || this.#used > own) {
      this.#budget.adjust(this.#holder, this.#sharedOf(amount) - this.shared);
    }
    this.#used = amount;
  }

  /** Gives back some of what it uses; does nothing once it is closed. */
  release(amount = 1): void {
    this.set(this.#used - amount);
  }

  /**
   * It is another's from now on, with what it has, unless that one could not have so much: then it stays whose it is. Who
   * has two names could have everything otherwise, by taking under one what is moved to the other.
   */
  moveTo(name: string): void {
    if (this.#closed || name === this.#holder.name) return;
    const { shared } = this;
    const holder = this.#budget.addAccount(name);
    if (!this.#budget.mayTransfer(holder, shared)) return this.#budget.removeAccount(holder);
    this.#budget.adjust(this.#holder, -shared);
    this.#budget.adjust(holder, shared);
    this.#budget.removeAccount(this.#holder);
    this.#holder = holder;
  }

  /** Gives back all, and has nothing any more. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.set(0);
    this.#closed = true;
    this.#budget.removeAccount(this.#holder);
  }

  /** How much it has of the shared pool. */
  get shared(): number {
    return this.#sharedOf(this.#used);
  }

  #sharedOf(amount: number): number {
    return Math.max(0, amount - this.own);
  }
}
