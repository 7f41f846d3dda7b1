/**
 * How many streams one connection may have: of messages, and of jobs.
 *
 * @module
 */

import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import type { WireError } from "../protocol/errors.ts";
import { IdMap } from "../protocol/name_map.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import { idInUse } from "./server_context.ts";

/** The ids of the streams of a connection, and its share of all streams. */
export class StreamSlots {
  readonly #ids = new IdMap<true>();
  readonly #budgets: ConnectionBudgets;
  readonly #max: number;

  /** Starts without streams. `max` is how many the connection may have. */
  constructor(budgets: ConnectionBudgets, max: number) {
    this.#budgets = budgets;
    this.#max = max;
  }

  /** How many streams there are. */
  get count(): number {
    return this.#ids.size;
  }

  /**
   * Why there can be no stream with an id, as far as the connection itself is concerned.
   *
   * @param id the id
   * @param what what is asked for, such as "subscribe"
   */
  refusal(id: number, what: string): WireError | undefined {
    if (this.#ids.has(id)) return idInUse(id);
    if (this.#ids.size < this.#max) return undefined;
    return limitExceeded(what, this.#max, `there are ${this.#ids.size} already`);
  }

  /** Takes a slot. Returns why there is none. */
  take(id: number, what: string): WireError | undefined {
    const refusal = this.refusal(id, what);
    if (refusal) return refusal;
    if (!this.#budgets.of("totalSubscriptions").take()) {
      return this.#budgets.budgetError("totalSubscriptions", what);
    }
    this.#ids.set(id, true);
  }

  /** A stream has ended; may be called twice. */
  release(id: number): void {
    if (this.#ids.delete(id)) this.#budgets.of("totalSubscriptions").release();
  }
}
