/**
 * What all connections of a server share, and what one of them has of it.
 *
 * @module
 */

import { Budget, type BudgetAccount, type BudgetSize } from "./budget.ts";
import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import type { ServerLimits, SharedLimit } from "../protocol/limits.ts";

/** What a {@linkcode SharedBudgets} has to know. */
export type SharedLimits = Pick<ServerLimits, SharedLimit | "connections">;

/** How much of a budget each connection has for itself, as far as half of the budget is enough for that. */
const PER_CONNECTION: Readonly<Record<SharedLimit, number>> = {
  totalCursors: 16,
  totalWaits: 16,
  totalSubscriptions: 16,
  totalInFlightBytes: 16_384,
  totalPartialBytes: 8192,
  totalUnreadBytes: 16_384,
};

const LIMIT_NAMES = Object.keys(PER_CONNECTION) as SharedLimit[];

/** The budget of each limit that all connections share. */
export class SharedBudgets {
  readonly #budgets: Readonly<Record<SharedLimit, Budget>>;
  #limits: SharedLimits;

  /** Nobody has anything yet. */
  constructor(limits: SharedLimits) {
    this.#limits = limits;
    const all = LIMIT_NAMES.map((name) => [name, new Budget(budgetSize(name, limits))]);
    this.#budgets = Object.fromEntries(all);
  }

  /** The budget of one limit. */
  of(name: SharedLimit): Budget {
    return this.#budgets[name];
  }

  /** Changes the limits; nothing is taken from those who have more. */
  set limits(limits: SharedLimits) {
    this.#limits = limits;
    for (const name of LIMIT_NAMES) this.#budgets[name].resize(budgetSize(name, limits));
  }

  /** Why there is no more of it. */
  budgetError(name: SharedLimit, what: string): WireError {
    return limitExceeded(
      what,
      this.#limits[name],
      "the connections of the server have too much together",
    );
  }
}

/** How a budget is divided: never more than the limit is in use, however many connections there are. */
function budgetSize(name: SharedLimit, { connections, [name]: total }: SharedLimits): BudgetSize {
  const own = Math.min(PER_CONNECTION[name], Math.floor(total / 2 / connections));
  return { own, shared: total - own * connections };
}

/** What one connection has of the budgets: opened when it is needed first, for most connections rest. */
export class ConnectionBudgets {
  readonly #budgets: SharedBudgets;
  #holder: string;
  readonly #accounts: { [name in SharedLimit]?: BudgetAccount } = {};

  /** It has nothing yet. */
  constructor(budgets: SharedBudgets, holder: string) {
    this.#budgets = budgets;
    this.#holder = holder;
  }

  /** In whose name it takes its shares. */
  get holder(): string {
    return this.#holder;
  }

  /** Its account of one budget. */
  of(name: SharedLimit): BudgetAccount {
    return this.#accounts[name] ??= this.#budgets.of(name).open(this.#holder);
  }

  /** Why its account gives no more. */
  budgetError(name: SharedLimit, what: string): WireError {
    return this.#budgets.budgetError(name, what);
  }

  /** Moves all that it has to another holder. */
  moveTo(holder: string): void {
    this.#holder = holder;
    for (const account of Object.values(this.#accounts)) account.moveTo(holder);
  }

  /** Gives everything back, for good. */
  close(): void {
    for (const account of Object.values(this.#accounts)) account.close();
  }
}
