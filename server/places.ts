/**
 * How many may be in, in all and from one address.
 *
 * @module
 */

import { addressKey } from "../budgets/address.ts";
import { Budget } from "../budgets/budget.ts";
import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import type { ServerLimits } from "../protocol/limits.ts";
import { NameMap } from "../protocol/name_map.ts";

/** Why there is no place. */
export interface Lack {
  readonly error: WireError;
  /** Because of its address. */
  readonly address: boolean;
}

/** Where a token is asked for, one place in this many is shared fairly. */
const RESERVED = 10;

/** The places of a server's connections. */
export class Places {
  readonly #limits: Pick<ServerLimits, "connections" | "connectionsPerAddress">;
  readonly #taken = new NameMap<number>();
  /** The last places: nobody has more of them than are free, so a token that nobody has used yet finds one. */
  readonly #reserve: Budget;
  #count = 0;

  /** Makes it; nobody is in. */
  constructor(limits: Pick<ServerLimits, "connections" | "connectionsPerAddress">) {
    this.#limits = limits;
    this.#reserve = new Budget({ own: 0, shared: Math.floor(limits.connections / RESERVED) });
  }

  /**
   * Takes a place.
   *
   * @param from the address of who comes
   * @param holder who it is, where some have tokens and others have other ones, or none
   * @returns how to give it back, once; or why there is none
   */
  take(from: string, holder?: string): (() => void) | Lack {
    const { connections, connectionsPerAddress } = this.#limits;
    const key = addressKey(from);
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= connectionsPerAddress) {
      const why = `${taken} from its address are there already`;
      return { error: tooMany("connect", connectionsPerAddress, why), address: true };
    }
    const free = connections - this.#count;
    const isReserved = holder !== undefined && free <= this.#reserve.free;
    const reserved = isReserved ? this.#reserve.open(holder) : undefined;
    if (free <= 0 || reserved?.take() === false) {
      reserved?.close();
      const why = free <= 0
        ? `${this.#count} are there already`
        : "the last places are kept for others";
      return { error: tooMany("connect", connections, why), address: false };
    }
    this.#count++;
    this.#taken.set(key, taken + 1);
    return () => {
      this.#leave(key);
      reserved?.close();
    };
  }

  #leave(key: string): void {
    this.#count--;
    const left = this.#taken.get(key)! - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}
