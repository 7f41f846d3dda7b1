/**
 * A budget for what comes and goes: whoever has held a share of it for long gives way to others.
 *
 * @module
 */

import type { Budget, BudgetAccount } from "./budget.ts";

/** How many of the oldest shares are looked at to find one to evict. */
const MAX_CANDIDATES = 64;

/** When one who has some of it may have to go. */
export interface EvictingBudgetOptions {
  /** A share may be evicted once it is this old, in milliseconds. */
  readonly grace: number;
  /** A clock that never goes back, in milliseconds. Default: that of `performance`. */
  readonly now?: () => number;
}

/**
 * Where there is no room for more, one is evicted who has had a share of what is shared for longest, of a holder that
 * has at least as much of it as the one that needs room: what honest peers need room for is soon over. Where nobody has
 * had a share for long enough, the one that needs room is evicted itself.
 */
export class EvictingBudget {
  readonly budget: Budget;
  readonly #grace: number;
  readonly #now: () => number;
  /** Accounts with something of the shared pool, the oldest share first. */
  readonly #sharing = new Set<EvictingAccount>();

  /** Lets the accounts that are opened here evict each other. */
  constructor(budget: Budget, { grace, now = () => performance.now() }: EvictingBudgetOptions) {
    this.budget = budget;
    this.#grace = grace;
    this.#now = now;
  }

  /**
   * Opens an account, which has nothing yet.
   *
   * @param holder whose it is
   * @param onEvicted ends what the account is for; called once, and not after it was closed
   */
  open(holder: string, onEvicted: () => void): EvictingAccount {
    return new EvictingAccount(this, holder, onEvicted);
  }

  /** Takes more for an account; `false` if that one has to be evicted itself. */
  take(account: EvictingAccount, amount: number): boolean {
    while (!account.account.take(amount)) {
      const other = this.#findVictim(account);
      if (!other) return false;
      other.evict();
    }
    if (account.account.shared > 0 && account.sharingSince === undefined) {
      account.sharingSince = this.#now();
      this.#sharing.add(account);
    }
    return true;
  }

  /** An account has nothing of the shared pool any more. */
  remove(account: EvictingAccount): void {
    this.#sharing.delete(account);
  }

  #findVictim(account: EvictingAccount): EvictingAccount | undefined {
    const oldEnough = this.#now() - this.#grace;
    const { held } = account.account;
    let candidates = MAX_CANDIDATES;
    for (const other of this.#sharing) {
      if (other.sharingSince! > oldEnough || candidates-- === 0) return undefined;
      if (other !== account && other.account.held >= held) return other;
    }
    return undefined;
  }
}

/** An account that can be evicted. */
export class EvictingAccount {
  readonly account: BudgetAccount;
  readonly #budget: EvictingBudget;
  readonly #onEvicted: () => void;
  /** Since when it has had something of the shared pool. */
  sharingSince: number | undefined;
  #closed = false;

  /** It has nothing yet. */
  constructor(budget: EvictingBudget, holder: string, onEvicted: () => void) {
    this.#budget = budget;
    this.account = budget.budget.open(holder);
    this.#onEvicted = onEvicted;
  }

  /** Sets what it uses; where there is no room for that, an account is evicted, perhaps this one. */
  set(amount: number): void {
    const { used } = this.account;
    if (this.#closed || amount === used) return;
    if (amount > used) {
      if (!this.#budget.take(this, amount - used)) this.evict();
    } else {
      this.account.release(used - amount);
      if (this.account.shared === 0) this.#removeShare();
    }
  }

  /** Closes it, and ends what it is for. */
  evict(): void {
    if (this.#closed) return;
    this.close();
    this.#onEvicted();
  }

  /** What it was for is over: gives back all. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#removeShare();
    this.account.close();
  }

  #removeShare(): void {
    if (this.sharingSince === undefined) return;
    this.sharingSince = undefined;
    this.#budget.remove(this);
  }
}
