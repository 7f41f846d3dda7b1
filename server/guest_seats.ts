/**
 * Seats for those who come when there is no place, until they have said who they are: one who comes back may have a
 * place already, and the others are told that there is none.
 *
 * @module
 */

import { addressKey } from "../budgets/address.ts";

/** So many at a time; from one address half as many. */
const SEATS = 200;

/** The seats for guests. A stranger with one address, or a few, never has all of them: others can still come back. */
export class GuestSeats {
  readonly #taken = new Map<string, number>();
  #free = SEATS;

  /**
   * Takes a seat, where fewer are taken from the same address than are free.
   *
   * @param from the address of who comes
   * @returns how to give it back, once; `undefined` if there is none
   */
  take(from: string): (() => void) | undefined {
    const key = addressKey(from);
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= this.#free) return undefined;
    this.#free--;
    this.#taken.set(key, taken + 1);
    return () => this.#leave(key);
  }

  #leave(key: string): void {
    this.#free++;
    const left = this.#taken.get(key)! - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}
