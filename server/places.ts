/**
 * How many may be in, in all and from one address.
 *
 * @module
 */

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

/** An address of IPv4 that is written as one of IPv6. */
const MAPPED = /^(?:0*:)*:?ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/**
 * What counts as one address: of IPv4 each, however it is written; of IPv6 each network of 64 bits, for one
 * machine has all of that.
 *
 * @param address an address of IPv4 or IPv6, as the system writes it
 * @returns the same for all that count as one
 */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = MAPPED.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (mapped) {
    const [high, low] = [parseInt(mapped[2]!, 16), parseInt(mapped[3]!, 16)];
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const filled = tail === undefined
    ? front
    : [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0"), ...back];
  const network = filled.slice(0, 4).map((group) => parseInt(group, 16).toString(16));
  return `${network.join(":")}::/64`;
}
