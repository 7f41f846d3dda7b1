/**
 * How connections share a scarce resource: memory for cursors, waits, frames in flight.
 *
 * Each connection has a small guaranteed amount. Beyond that it takes from a pool that all share, in which a holder (an
 * identity, or an address if there is none) may have at most as much as it leaves free: one holder gets at most half of
 * the pool, two get three quarters, and there is always something left for the next. This is the dynamic threshold of Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches"
 * (IEEE/ACM Transactions on Networking 6.2, 1998), with a factor of 1.
 *
 * @module
 */

import { RecurringNameMap } from "./recurring_name_map.ts";

/** The size of a budget, in any unit. */
export interface BudgetSize {
  /** The guaranteed amount of each connection. */
  readonly own: number;
  /** The size of the shared pool. */
  readonly shared: number;
}

/** A holder of accounts, and what these have taken from the shared pool together. */
interface Holder {
  readonly name: string;
  held: number;
  accounts: number;
}

/** One resource that all connections of a server share. */
export class Budget {
  #size: BudgetSize;
  #free: number;
  /** The holders with accounts. */
  readonly #holders = new RecurringNameMap<Holder>();
  #sharing = 0;
  /** How much all accounts use together, guaranteed amounts included. */
  used = 0;

  /** Starts with everything free. */
  constructor(size: BudgetSize) {
    this.#size = size;
    this.#free = size.shared;
  }

  /** The guaranteed amount of an account that is opened now. */
  get own(): number {
    return this.#size.own;
  }

  /** The size of the shared pool. */
  get size(): number {
    return this.#size.shared;
  }

  /** Changes the size. Open accounts keep what they use, and their guaranteed amount. */
  resize(size: BudgetSize): void {
    this.#free += size.shared - this.#size.shared;
    this.#size = size;
  }

  /** How much of the shared pool is free. */
  get free(): number {
    return this.#free;
  }

  /** How many holders have taken from the shared pool. */
  get sharing(): number {
    return this.#sharing;
  }

  /** How many holders have accounts. */
  get holders(): number {
    return this.#holders.size;
  }

  /** Opens an account for one connection. */
  open(holder: string): BudgetAccount {
    return new BudgetAccount(this, holder);
  }

  /** Adds an account to a holder. */
  addAccount(name: string): Holder {
    let holder = this.#holders.get(name);
    if (!holder) this.#holders.set(name, holder = { name, held: 0, accounts: 0 });
    holder.accounts++;
    return holder;
  }

  /** Removes an account from a holder. */
  removeAccount(holder: Holder): void {
    if (--holder.accounts === 0) this.#holders.delete(holder.name);
  }

  /** Whether a holder may take an amount: afterwards it must not have more than is left free. */
  mayTake({ held }: Holder, amount: number): boolean {
    return held + amount <= this.#free - amount + 1;
  }

  /** Whether an amount may move to a holder: it could have taken the amount itself. */
  mayTransfer({ held }: Holder, amount: number): boolean {
    return amount === 0 || held + amount <= this.#free + 1;
  }

  /** Takes an amount from the shared pool for a holder; a negative amount is given back. */
  adjust(holder: Holder, amount: number): void {
    if (amount === 0) return;
    const had = holder.held > 0;
    this.#free -= amount;
    holder.held += amount;
    const has = holder.held > 0;
    if (has !== had) this.#sharing += has ? 1 : -1;
  }
}

/** The account of one connection in a budget. */
export class BudgetAccount {
  readonly #budget: Budget;
  /** Its guaranteed amount. */
  readonly own: number;
  #holder: Holder;
  #used = 0;
  #closed = false;

  /** Starts with nothing used. */
  constructor(budget: Budget, holder: string) {
    this.#budget = budget;
    this.own = budget.own;
    this.#holder = budget.addAccount(holder);
  }

  /** How much it uses. */
  get used(): number {
    return this.#used;
  }

  /** How much all accounts of its holder have taken from the shared pool. */
  get held(): number {
    return this.#holder.held;
  }

  /**
   * Takes more.
   *
   * @param amount how much
   * @returns `false` if it may not take that much; then nothing has changed
   */
  take(amount = 1): boolean {
    if (this.#closed || !this.mayTake(amount)) return false;
    this.set(this.#used + amount);
    return true;
  }

  /** Whether it may take an amount. */
  mayTake(amount: number): boolean {
    if (this.#used + amount <= this.own) return true;
    const shared = this.#sharedOf(this.#used + amount) - this.shared;
    return shared <= 0 || this.#budget.mayTake(this.#holder, shared);
  }

  /** Sets what it uses, even beyond what it may take. */
  set(amount: number): void {
    if (this.#closed) return;
    const { own } = this;
    // The usual case: the guaranteed amount is enough.
    if (amount > own || this.#used > own) {
      this.#budget.adjust(this.#holder, this.#sharedOf(amount) - this.shared);
    }
    this.#budget.used += amount - this.#used;
    this.#used = amount;
  }

  /** Gives back some of what it uses; does nothing once it is closed. */
  release(amount = 1): void {
    this.set(this.#used - amount);
  }

  /**
   * Moves the account with all that it uses to another holder, unless that holder may not have so much: then nothing
   * changes. Otherwise a client with two identities could get everything, by taking under one and moving to the other.
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

  /** Gives everything back, for good. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.set(0);
    this.#closed = true;
    this.#budget.removeAccount(this.#holder);
  }

  /** How much it has taken from the shared pool. */
  get shared(): number {
    return this.#sharedOf(this.#used);
  }

  #sharedOf(amount: number): number {
    return Math.max(0, amount - this.own);
  }
}
