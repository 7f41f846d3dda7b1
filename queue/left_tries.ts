/**
 * The last tries of sessions that nobody holds: an older try may still be on its way, and must not win.
 *
 * @module
 */

import { Budget, type BudgetAccount } from "../budgets/budget.ts";
import { NameMap } from "../protocol/name_map.ts";

/** For how many sessions the last try is remembered; one owner has at most half of them. */
const REMEMBERED = 20_000;

/** The sessions of one owner, the one that was left first at the beginning. */
interface Owned {
  readonly account: BudgetAccount;
  readonly tries: NameMap<number>;
}

/** Shared fairly by owner: whoever leaves very many sessions loses their own oldest, and nobody else's. */
export class LeftTries {
  readonly #budget: Budget;
  readonly #owned = new NameMap<Owned>();
  readonly #ownerOf = new NameMap<string>();

  /** Nothing is remembered yet; `most` is how many may be. */
  constructor(most = REMEMBERED) {
    this.#budget = new Budget({ own: 0, shared: most });
  }

  /** How many are remembered. */
  get size(): number {
    return this.#ownerOf.size;
  }

  /** The last try of a session, if it is remembered. */
  get(session: string): number | undefined {
    const owner = this.#ownerOf.get(session);
    return owner === undefined ? undefined : this.#owned.get(owner)!.tries.get(session);
  }

  /** A session is not in use any more. */
  set(session: string, owner: string, tried: number): void {
    this.delete(session);
    let owned = this.#ownedBy(owner);
    const oldest = owned.tries.first;
    if (oldest !== undefined && !owned.account.mayTake(1)) {
      this.delete(oldest);
      owned = this.#ownedBy(owner);
    }
    if (!owned.account.take()) return this.#leave(owner, owned);
    owned.tries.set(session, tried);
    this.#ownerOf.set(session, owner);
  }

  /** A session is in use again. */
  delete(session: string): void {
    const owner = this.#ownerOf.get(session);
    if (owner === undefined) return;
    const owned = this.#owned.get(owner)!;
    this.#ownerOf.delete(session);
    owned.tries.delete(session);
    owned.account.giveBack();
    this.#leave(owner, owned);
  }

  #ownedBy(owner: string): Owned {
    let owned = this.#owned.get(owner);
    if (!owned) {
      owned = { account: this.#budget.open(owner), tries: new NameMap() };
      this.#owned.set(owner, owned);
    }
    return owned;
  }

  #leave(owner: string, { account, tries }: Owned): void {
    if (tries.size > 0) return;
    account.close();
    this.#owned.delete(owner);
  }
}
