/**
 * Where those wait who have not been admitted: they owe a token, or there was no place for them.
 *
 * Whoever comes gets in: where all seats are taken, one of the address that comes most has to go. So neither one
 * address nor many can hold the seats: whoever says at once what admits it has its place, however fast others come.
 *
 * @module
 */

import { addressKey } from "../budgets/address_key.ts";
import { NameMap } from "../protocol/name_map.ts";

/** Of how many that left and were not admitted it is remembered where they came from. */
const MAX_REMEMBERED = 65_536;

/** What is known of an address. */
interface AddressSlots {
  readonly key: string;
  /** Its seats, the oldest first. */
  readonly slots: Set<Slot>;
  /** How many of it left lately and were not admitted. */
  recentCount: number;
}

interface Slot {
  readonly address: AddressSlots;
  /** Grows with each one who comes. */
  readonly number: number;
  readonly evict: () => void;
}

/** Seats for those who have not been admitted. */
export class PendingLimiter {
  readonly #maxSlots: number;
  readonly #addresses = new NameMap<AddressSlots>();
  /** Those of which somebody is here. */
  readonly #active = new Set<AddressSlots>();
  /** Where those came from who left lately and were not admitted, and where the next one's goes. */
  readonly #recent: AddressSlots[] = [];
  #recentIndex = 0;
  #count = 0;
  #nextNumber = 0;

  /** Makes one with so many seats; all are free. */
  constructor(slots: number) {
    this.#maxSlots = slots;
  }

  /** How many are here. */
  get count(): number {
    return this.#count;
  }

  /** Of how many addresses something is known. */
  get knownAddresses(): number {
    return this.#addresses.size;
  }

  /**
   * Takes a seat.
   *
   * @param from the address of who comes
   * @param evict called when another needs the seat, which is free by then
   * @returns to be called once it leaves, with whether it was admitted; may be called again, also when it was put out
   */
  acquire(from: string, evict: () => void): (admitted: boolean) => void {
    if (this.#count >= this.#maxSlots) this.#evictOne();
    const address = this.#addressOf(addressKey(from));
    const slot: Slot = { address, number: this.#nextNumber++, evict };
    address.slots.add(slot);
    this.#active.add(address);
    this.#count++;
    return (admitted) => this.#release(slot, admitted);
  }

  /** Puts out the oldest of the address that has come most. */
  #evictOne(): void {
    let found: Slot | undefined;
    let max = 0;
    for (const { slots, recentCount } of this.#active) {
      const weight = slots.size + recentCount;
      if (weight < max) continue;
      const oldest: Slot = slots.values().next().value!;
      if (weight === max && oldest.number > found!.number) continue;
      [found, max] = [oldest, weight];
    }
    if (!found) return;
    this.#release(found, false);
    found.evict();
  }

  #release(slot: Slot, admitted: boolean): void {
    const { address } = slot;
    if (!address.slots.delete(slot)) return;
    this.#count--;
    if (address.slots.size === 0) this.#active.delete(address);
    if (!admitted) this.#remember(address);
    this.#prune(address);
  }

  #remember(address: AddressSlots): void {
    const dropped = this.#recent[this.#recentIndex];
    this.#recent[this.#recentIndex] = address;
    this.#recentIndex = (this.#recentIndex + 1) % MAX_REMEMBERED;
    address.recentCount++;
    if (!dropped) return;
    dropped.recentCount--;
    this.#prune(dropped);
  }

  #addressOf(key: string): AddressSlots {
    const known = this.#addresses.get(key);
    if (known) return known;
    const address = { key, slots: new Set<Slot>(), recentCount: 0 };
    this.#addresses.set(key, address);
    return address;
  }

  /** Forgets an address of which there is nothing to know. */
  #prune({ key, slots, recentCount }: AddressSlots): void {
    if (slots.size === 0 && recentCount === 0) this.#addresses.delete(key);
  }
}
