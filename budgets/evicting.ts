/**
 * A budget for what comes and goes: who has had a share of it for long gives way to others.
 *
 * @module
 */

import type { Budget, BudgetAccount } from "./budget.ts";

/** So many of those that have had a share for longest are looked at for one who has to go. */
const LOOKS = 64;

/** When one who has some of it may have to go. */
export interface EvictingBudgetOptions {
  /** Who has had a share for so long may be evicted, in milliseconds. */
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
  /** Those that have a share of what is shared; the first that came to it is the first in it. */
  readonly #sharing = new Set<EvictingAccount>();

  /** Has those who have something of a budget by this way give way to each other. */
  constructor(budget: Budget, { grace, now = () => performance.now() }: EvictingBudgetOptions) {
    this.budget = budget;
    this.#grace = grace;
    this.#now = now;
  }

  /**
   * Opens an account, which has nothing yet.
   *
   * @param holder whose it is
   * @param evicted ends what the account is for; called once, and not after it was closed
   */
  open(holder: string, evicted: () => void): EvictingAccount {
    return new EvictingAccount(this, holder, evicted);
  }

  /** Takes more for an account; `false` if it has to go itself. */
  take(account: EvictingAccount, amount: number): boolean {
    while (!account.account.take(amount)) {
      const other = this.#oneToGo(account);
      if (!other) return false;
      other.evict();
    }
    if (account.account.shared > 0 && account.since === undefined) {
      account.since = this.#now();
      this.#sharing.add(account);
    }
    return true;
  }

  /** An account has no share any more of what is shared. */
  forget(account: EvictingAccount): void {
    this.#sharing.delete(account);
  }

  #oneToGo(account: EvictingAccount): EvictingAccount | undefined {
    const late = this.#now() - this.#grace;
    const { held } = account.account;
    let looks = LOOKS;
    for (const other of this.#sharing) {
      if (other.since! > late || looks-- === 0) return undefined;
      if (other !== account && other.account.held >= held) return other;
    }
    return undefined;
  }
}

/** What one has of such a budget. */
export class EvictingAccount {
  readonly account: BudgetAccount;
  readonly #budget: EvictingBudget;
  readonly #evicted: () => void;
  /** Since when it has had a share of what is shared. */
  since: number | undefined;
  #closed = false;

  /** It has nothing yet. */
  constructor(budget: EvictingBudget, holder: string, evicted: () => void) {
    this.#budget = budget;
    this.account = budget.budget.open(holder);
    this.#evicted = evicted;
  }

  /** It has so much from now on; where there is no room for that, one is evicted, perhaps this one. */
  hold(amount: number): void {
    const { used } = this.account;
    if (this.#closed || amount === used) return;
    if (amount > used) {
      if (!this.#budget.take(this, amount - used)) this.evict();
    } else {
      this.account.giveBack(used - amount);
      if (this.account.shared === 0) this.#forget();
    }
  }

  /** It has to go. */
  evict(): void {
    if (this.#closed) return;
    this.close();
    this.#evicted();
  }

  /** What it was for is over: gives back all. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.account.close();
  }

  #forget(): void {
    if (this.since === undefined) return;
    this.since = undefined;
    this.#budget.forget(this);
  }
}
