/**
 * How many connections may be open, in all and from one address.
 *
 * @module
 */

import { addressKey } from "../budgets/address_key.ts";
import { Budget } from "../budgets/budget.ts";
import { RecurringNameMap } from "../budgets/recurring_name_map.ts";
import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import type { ServerLimits } from "../protocol/limits.ts";

/** Why there is no slot. */
export interface LimitExceeded {
  readonly error: WireError;
  /** Because of the limit of its address. */
  readonly isPerAddress: boolean;
}

/** If a token is required, one slot in this many is shared fairly. */
const RESERVED_FRACTION = 10;

/** The slots of the connections of a server. */
export class ConnectionLimiter {
  readonly #limits: Pick<ServerLimits, "connections" | "connectionsPerAddress">;
  readonly #perAddress = new RecurringNameMap<number>();
  /** The last slots: nobody has more of them than are free, so that a token that is not in use yet finds one. */
  readonly #reserve: Budget;
  #count = 0;

  /** All slots are free. */
  constructor(limits: Pick<ServerLimits, "connections" | "connectionsPerAddress">) {
    this.#limits = limits;
    this.#reserve = new Budget({
      own: 0,
      shared: Math.floor(limits.connections / RESERVED_FRACTION),
    });
  }

  /** How many slots are taken. */
  get used(): number {
    return this.#count;
  }

  /**
   * Takes a slot.
   *
   * @param from the address of the client
   * @param owner who it is, if clients have different tokens, or none
   * @returns a function that gives it back, once; or why there is none
   */
  acquire(from: string, owner?: string): (() => void) | LimitExceeded {
    const { connections, connectionsPerAddress } = this.#limits;
    const key = addressKey(from);
    const used = this.#perAddress.get(key) ?? 0;
    if (used >= connectionsPerAddress) {
      const reason = `${used} from its address are there already`;
      return { error: limitExceeded("connect", connectionsPerAddress, reason), isPerAddress: true };
    }
    const free = connections - this.#count;
    const isReserved = owner !== undefined && free <= this.#reserve.free;
    const reserved = isReserved ? this.#reserve.open(owner) : undefined;
    if (free <= 0 || reserved?.take() === false) {
      reserved?.close();
      const reason = free <= 0
        ? `${this.#count} are there already`
        : "the last connections are reserved for others";
      return { error: limitExceeded("connect", connections, reason), isPerAddress: false };
    }
    this.#count++;
    this.#perAddress.set(key, used + 1);
    return () => {
      this.#release(key);
      reserved?.close();
    };
  }

  #release(key: string): void {
    this.#count--;
    const remaining = this.#perAddress.get(key)! - 1;
    if (remaining > 0) this.#perAddress.set(key, remaining);
    else this.#perAddress.delete(key);
  }
}
