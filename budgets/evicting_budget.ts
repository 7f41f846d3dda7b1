/**
 * A budget for short-lived needs: an account that has held a share for long gives way to others.
 *
 * @module
 */

import type { Budget, BudgetAccount } from "./budget.ts";

/** How many of the oldest shares are checked to find one to evict. */
const MAX_CANDIDATES = 64;

/** When an account can be evicted. */
export interface EvictingBudgetOptions {
  /** A share may be evicted once it is this old, in milliseconds. */
  readonly grace: number;
  /** A monotonic clock, in milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
}

/**
 * A share of the pool. Each is an object of its own: a `Set` finds one the more slowly the more often that one was deleted, and
 * an account may be renewed with each request.
 */
interface Share {
  readonly account: EvictingAccount;
  readonly since: number;
}

/**
 * When there is no room, the account is evicted that has held a share of the pool for longest, among the holders that
 * have at least as much as the one that needs room: honest peers need room only briefly. If no account has held a share
 * for long enough, the account that needs room is evicted itself.
 */
export class EvictingBudget {
  readonly budget: Budget;
  readonly #grace: number;
  readonly #now: () => number;
  /** The oldest share first. */
  readonly #sharing = new Set<Share>();

  /** Accounts opened here can evict each other. */
  constructor(budget: Budget, { grace, now = () => performance.now() }: EvictingBudgetOptions) {
    this.budget = budget;
    this.#grace = grace;
    this.#now = now;
  }

  /**
   * Opens an account with nothing used.
   *
   * @param holder the holder of the account
   * @param onEvicted ends what the account is for; called at most once, and not after it was closed
   */
  open(holder: string, onEvicted: () => void): EvictingAccount {
    return new EvictingAccount(this, holder, onEvicted);
  }

  /** Takes more for an account; `false` if the account has to be evicted itself. */
  take(account: EvictingAccount, amount: number): boolean {
    while (!account.account.take(amount)) {
      const other = this.#findVictim(account);
      if (!other) return false;
      other.evict();
    }
    if (account.account.shared > 0 && !account.share) this.#begin(account);
    return true;
  }

  /** A share begins anew. */
  renew(account: EvictingAccount): void {
    this.end(account);
    this.#begin(account);
  }

  /** An account has no share of the pool any more. */
  end(account: EvictingAccount): void {
    if (account.share) this.#sharing.delete(account.share);
    account.share = undefined;
  }

  #begin(account: EvictingAccount): void {
    account.share = { account, since: this.#now() };
    this.#sharing.add(account.share);
  }

  #findVictim(account: EvictingAccount): EvictingAccount | undefined {
    const oldEnough = this.#now() - this.#grace;
    const { held } = account.account;
    let candidates = MAX_CANDIDATES;
    for (const { account: other, since } of this.#sharing) {
      if (since > oldEnough || candidates-- === 0) return undefined;
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
  /** What it has of the pool, if it needs more than its own. */
  share: Share | undefined;
  #closed = false;

  /** Starts with nothing used. */
  constructor(budget: EvictingBudget, holder: string, onEvicted: () => void) {
    this.#budget = budget;
    this.account = budget.budget.open(holder);
    this.#onEvicted = onEvicted;
  }

  /** Sets what it uses; if there is no room for that, an account is evicted, perhaps this one. */
  set(amount: number): void {
    const { used } = this.account;
    if (this.#closed || amount === used) return;
    if (amount > used) {
      if (!this.#budget.take(this, amount - used)) this.evict();
    } else {
      this.account.release(used - amount);
      if (this.account.shared === 0) this.#budget.end(this);
    }
  }

  /** What it is for goes on: its share counts as a new one. */
  renew(): void {
    if (this.share) this.#budget.renew(this);
  }

  /** Closes it, and ends what it is for. */
  evict(): void {
    if (this.#closed) return;
    this.close();
    this.#onEvicted();
  }

  /** Gives everything back, for good. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#budget.end(this);
    this.account.close();
  }
}
