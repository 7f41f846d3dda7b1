/**
 * How many may be in, in all and from one address.
 *
 * @module
 */

import { addressKey } from "../budgets/address.ts";
import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import type { ServerLimits } from "../protocol/limits.ts";

/** The places of a server's connections. */
export class Places {
  readonly #limits: Pick<ServerLimits, "connections" | "connectionsPerAddress">;
  readonly #taken = new Map<string, number>();
  #count = 0;

  /** Makes it; nobody is in. */
  constructor(limits: Pick<ServerLimits, "connections" | "connectionsPerAddress">) {
    this.#limits = limits;
  }

  /**
   * Takes a place.
   *
   * @param from the address of who comes
   * @returns how to give it back, once; or why there is none, and whether that is because of the address
   */
  take(from: string): (() => void) | { readonly error: WireError; readonly address: boolean } {
    const { connections, connectionsPerAddress } = this.#limits;
    const key = addressKey(from);
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= connectionsPerAddress) {
      const why = `${taken} from its address are there already`;
      return { error: tooMany("connect", connectionsPerAddress, why), address: true };
    }
    if (this.#count >= connections) {
      const why = `${this.#count} are there already`;
      return { error: tooMany("connect", connections, why), address: false };
    }
    this.#count++;
    this.#taken.set(key, taken + 1);
    return () => this.#leave(key);
  }

  #leave(key: string): void {
    this.#count--;
    const left = this.#taken.get(key)! - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}
