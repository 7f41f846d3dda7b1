/**
 * The last attempts of sessions without an owner: an older attempt may still arrive, and must not win.
 *
 * @module
 */

import { Budget, type BudgetAccount } from "../budgets/budget.ts";
import { NameMap } from "../protocol/name_map.ts";

/** For how many sessions the last attempt is remembered. One holder has at most half of them. */
const MAX_SESSIONS = 20_000;

/** The sessions of one holder, the one that ended first at the beginning. */
interface HolderAttempts {
  readonly account: BudgetAccount;
  readonly attempts: NameMap<number>;
}

/** Shared fairly between holders: a holder that leaves very many sessions loses only its own oldest ones. */
export class LastAttempts {
  readonly #budget: Budget;
  readonly #byHolder = new NameMap<HolderAttempts>();
  readonly #holderOf = new NameMap<string>();

  /** Remembers nothing yet, and at most this many. */
  constructor(max = MAX_SESSIONS) {
    this.#budget = new Budget({ own: 0, shared: max });
  }

  /** How many are remembered. */
  get size(): number {
    return this.#holderOf.size;
  }

  /** The last attempt of a session, if it is remembered. */
  get(session: string): number | undefined {
    const holder = this.#holderOf.get(session);
    return holder === undefined ? undefined : this.#byHolder.get(holder)!.attempts.get(session);
  }

  /** A session is not in use any more. */
  set(session: string, holder: string, attempt: number): void {
    this.delete(session);
    let record = this.#attemptsOf(holder);
    const oldest = record.attempts.first;
    if (oldest !== undefined && !record.account.mayTake(1)) {
      this.delete(oldest);
      record = this.#attemptsOf(holder);
    }
    if (!record.account.take()) return this.#removeIfEmpty(holder, record);
    record.attempts.set(session, attempt);
    this.#holderOf.set(session, holder);
  }

  /** A session is in use again. */
  delete(session: string): void {
    const holder = this.#holderOf.get(session);
    if (holder === undefined) return;
    const record = this.#byHolder.get(holder)!;
    this.#holderOf.delete(session);
    record.attempts.delete(session);
    record.account.release();
    this.#removeIfEmpty(holder, record);
  }

  #attemptsOf(holder: string): HolderAttempts {
    let record = this.#byHolder.get(holder);
    if (!record) {
      record = { account: this.#budget.open(holder), attempts: new NameMap() };
      this.#byHolder.set(holder, record);
    }
    return record;
  }

  #removeIfEmpty(holder: string, { account, attempts }: HolderAttempts): void {
    if (attempts.size > 0) return;
    account.close();
    this.#byHolder.delete(holder);
  }
}
