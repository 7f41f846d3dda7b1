/**
 * The slots of connections that are not admitted: they have yet to send a token, or there was no slot for them.
 *
 * Every new connection gets one: if all are taken, the oldest of the address with the most connections is evicted. So neither
 * one address nor many can hold them all: a client that sends its token at once gets in, however fast others connect.
 *
 * @module
 */

import { addressKey } from "../budgets/address_key.ts";
import { RecurringNameMap } from "../budgets/recurring_name_map.ts";

/** For how many rejected connections it is remembered from where they came. */
const MAX_REMEMBERED = 65_536;

/** What is known of an address. */
interface AddressSlots {
  readonly key: string;
  /** Its slots, the oldest first. */
  readonly slots: Set<Slot>;
  /** How many of its connections were rejected lately. */
  recentCount: number;
}

interface Slot {
  readonly address: AddressSlots;
  /** Grows with each connection. */
  readonly number: number;
  readonly evict: () => void;
}

/** Slots for connections that are not admitted. */
export class PendingLimiter {
  readonly #maxSlots: number;
  readonly #addresses = new RecurringNameMap<AddressSlots>();
  /** Addresses with a slot. */
  readonly #active = new Set<AddressSlots>();
  /** From where rejected connections came, and the index of the next entry. */
  readonly #recent: AddressSlots[] = [];
  #recentIndex = 0;
  #count = 0;
  #nextNumber = 0;

  /** All slots are free. */
  constructor(slots: number) {
    this.#maxSlots = slots;
  }

  /** How many are taken. */
  get count(): number {
    return this.#count;
  }

  /** How many addresses are known. */
  get knownAddresses(): number {
    return this.#addresses.size;
  }

  /**
   * Takes a slot.
   *
   * @param from the address of the client
   * @param evict is called when another connection needs the slot, which is free by then
   * @returns to be called when it ends, with whether it was admitted; may be called again, also after the eviction
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

  /** Evicts the oldest of the address with the most connections. */
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

  /** Forgets an address of which nothing is known. */
  #prune({ key, slots, recentCount }: AddressSlots): void {
    if (slots.size === 0 && recentCount === 0) this.#addresses.delete(key);
  }
}
