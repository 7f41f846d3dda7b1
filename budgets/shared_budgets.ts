/**
 * The budgets that all connections of a server share, and one connection's accounts in them.
 *
 * @module
 */

import { Budget, type BudgetAccount, type BudgetSize } from "./budget.ts";
import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import type { ServerLimits, SharedLimit } from "../protocol/limits.ts";

/** The limits that {@linkcode SharedBudgets} needs. */
export type SharedLimits = Pick<ServerLimits, SharedLimit | "connections">;

/** The guaranteed amount of each connection; less if half of the budget is not enough for all connections. */
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

  /** Starts with everything free. */
  constructor(limits: SharedLimits) {
    this.#limits = limits;
    const all = LIMIT_NAMES.map((name) => [name, new Budget(budgetSize(name, limits))]);
    this.#budgets = Object.fromEntries(all);
  }

  /** The budget of one limit. */
  of(name: SharedLimit): Budget {
    return this.#budgets[name];
  }

  /** Changes the limits. Accounts that have more keep it. */
  set limits(limits: SharedLimits) {
    this.#limits = limits;
    for (const name of LIMIT_NAMES) this.#budgets[name].resize(budgetSize(name, limits));
  }

  /** How much of a limit all connections use, and the limit. */
  usage(name: SharedLimit): { readonly used: number; readonly limit: number } {
    return { used: this.#budgets[name].used, limit: this.#limits[name] };
  }

  /** The error for a budget that is used up. */
  budgetError(name: SharedLimit, what: string): WireError {
    return limitExceeded(
      what,
      this.#limits[name],
      "all connections of the server together use too much",
    );
  }
}

/** Divides a limit into guaranteed amounts and a shared pool, which together never exceed it. */
function budgetSize(name: SharedLimit, { connections, [name]: total }: SharedLimits): BudgetSize {
  const own = Math.min(PER_CONNECTION[name], Math.floor(total / 2 / connections));
  return { own, shared: total - own * connections };
}

/** The accounts of one connection. Each is opened when it is needed first, because most connections are idle. */
export class ConnectionBudgets {
  readonly #budgets: SharedBudgets;
  #holder: string;
  readonly #accounts: { [name in SharedLimit]?: BudgetAccount } = {};

  /** Starts without accounts. */
  constructor(budgets: SharedBudgets, holder: string) {
    this.#budgets = budgets;
    this.#holder = holder;
  }

  /** The holder of its accounts. */
  get holder(): string {
    return this.#holder;
  }

  /** Its account of one budget. */
  of(name: SharedLimit): BudgetAccount {
    return this.#accounts[name] ??= this.#budgets.of(name).open(this.#holder);
  }

  /** What it uses of the budgets that a list of connections tells of: nothing of those that it has not needed yet. */
  get usage(): {
    readonly waits: number;
    readonly cursors: number;
    readonly inFlightBytes: number;
  } {
    const { totalWaits, totalCursors, totalInFlightBytes } = this.#accounts;
    return {
      waits: totalWaits?.used ?? 0,
      cursors: totalCursors?.used ?? 0,
      inFlightBytes: totalInFlightBytes?.used ?? 0,
    };
  }

  /** The error for an account that gets no more. */
  budgetError(name: SharedLimit, what: string): WireError {
    return this.#budgets.budgetError(name, what);
  }

  /** Moves all accounts to another holder. */
  moveTo(holder: string): void {
    this.#holder = holder;
    for (const account of Object.values(this.#accounts)) account.moveTo(holder);
  }

  /** Gives everything back, for good. */
  close(): void {
    for (const account of Object.values(this.#accounts)) account.close();
  }
}
