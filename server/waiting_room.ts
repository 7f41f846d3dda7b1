/**
 * Where those wait who have not been admitted: they owe a token, or there was no place for them.
 *
 * Whoever comes gets in: where all seats are taken, one of the address that comes most has to go. So neither one
 * address nor many can hold the seats: whoever says at once what admits it has its place, however fast others come.
 *
 * @module
 */

import { addressKey } from "../budgets/address.ts";
import { NameMap } from "../protocol/name_map.ts";

/** Of how many that left and were not admitted it is remembered where they came from. */
const REMEMBERED = 65_536;

/** What is known of an address. */
interface Origin {
  readonly key: string;
  /** Its seats, the oldest first. */
  readonly seats: Set<Seat>;
  /** How many of it left lately and were not admitted. */
  lately: number;
}

interface Seat {
  readonly origin: Origin;
  /** Grows with each one who comes. */
  readonly number: number;
  readonly putOut: () => void;
}

/** Seats for those who have not been admitted. */
export class WaitingRoom {
  readonly #seats: number;
  readonly #origins = new NameMap<Origin>();
  /** Those of which somebody is here. */
  readonly #seated = new Set<Origin>();
  /** Where those came from who left lately and were not admitted, and where the next one's goes. */
  readonly #left: Origin[] = [];
  #next = 0;
  #count = 0;
  #came = 0;

  /** Makes one with so many seats; all are free. */
  constructor(seats: number) {
    this.#seats = seats;
  }

  /** How many are here. */
  get count(): number {
    return this.#count;
  }

  /** Of how many addresses something is known. */
  get known(): number {
    return this.#origins.size;
  }

  /**
   * Takes a seat.
   *
   * @param from the address of who comes
   * @param putOut called when another needs the seat, which is free by then
   * @returns to be called once it leaves, with whether it was admitted; may be called again, also when it was put out
   */
  enter(from: string, putOut: () => void): (admitted: boolean) => void {
    if (this.#count >= this.#seats) this.#makeRoom();
    const origin = this.#originOf(addressKey(from));
    const seat: Seat = { origin, number: this.#came++, putOut };
    origin.seats.add(seat);
    this.#seated.add(origin);
    this.#count++;
    return (admitted) => this.#leave(seat, admitted);
  }

  /** Puts out the oldest of the address that has come most. */
  #makeRoom(): void {
    let found: Seat | undefined;
    let most = 0;
    for (const { seats, lately } of this.#seated) {
      const weight = seats.size + lately;
      if (weight < most) continue;
      const oldest: Seat = seats.values().next().value!;
      if (weight === most && oldest.number > found!.number) continue;
      [found, most] = [oldest, weight];
    }
    if (!found) return;
    this.#leave(found, false);
    found.putOut();
  }

  #leave(seat: Seat, admitted: boolean): void {
    const { origin } = seat;
    if (!origin.seats.delete(seat)) return;
    this.#count--;
    if (origin.seats.size === 0) this.#seated.delete(origin);
    if (!admitted) this.#remember(origin);
    this.#tidy(origin);
  }

  #remember(origin: Origin): void {
    const forgotten = this.#left[this.#next];
    this.#left[this.#next] = origin;
    this.#next = (this.#next + 1) % REMEMBERED;
    origin.lately++;
    if (!forgotten) return;
    forgotten.lately--;
    this.#tidy(forgotten);
  }

  #originOf(key: string): Origin {
    const known = this.#origins.get(key);
    if (known) return known;
    const origin = { key, seats: new Set<Seat>(), lately: 0 };
    this.#origins.set(key, origin);
    return origin;
  }

  /** Forgets an address of which there is nothing to know. */
  #tidy({ key, seats, lately }: Origin): void {
    if (seats.size === 0 && lately === 0) this.#origins.delete(key);
  }
}
