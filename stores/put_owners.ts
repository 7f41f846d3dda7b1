/**
 * Who has how much of the memory of what was put once.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";

/** What an owner has, and may lose: each knows those that the same owner was given before and after it. */
export interface Owned<Thing> {
  older: Thing | undefined;
  newer: Thing | undefined;
}

/** A writer, with what is remembered for it. */
export class Owner<Thing extends Owned<Thing>> {
  readonly name: string;
  /** How many things it has. */
  count = 0;
  /** Where it is among all owners. */
  place = 0;
  #oldest: Thing | undefined;
  #newest: Thing | undefined;

  /** It has nothing yet. */
  constructor(name: string) {
    this.name = name;
  }

  /** Its oldest thing; it must have one. */
  get oldest(): Thing {
    return this.#oldest!;
  }

  /** It has one thing more. */
  add(thing: Thing): void {
    this.count++;
    thing.older = this.#newest;
    if (this.#newest) this.#newest.newer = thing;
    else this.#oldest = thing;
    this.#newest = thing;
  }

  /** It has one thing less. */
  remove(thing: Thing): void {
    this.count--;
    const { older, newer } = thing;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    thing.older = thing.newer = undefined;
  }
}

/** All owners that have something; the one that has the most is known at any time. */
export class Owners<Thing extends Owned<Thing>> {
  readonly #owners = new NameMap<Owner<Thing>>();
  /** A heap: the owner at place n has at least as much as those at 2n + 1 and 2n + 2. */
  readonly #heap: Owner<Thing>[] = [];

  /** The owner with a name, perhaps one who has nothing yet. */
  of(name: string): Owner<Thing> {
    return this.#owners.get(name) ?? new Owner(name);
  }

  /** The one that has the most; there must be one. */
  get largest(): Owner<Thing> {
    return this.#heap[0]!;
  }

  /** Gives an owner something. */
  give(owner: Owner<Thing>, thing: Thing): void {
    if (owner.count === 0) {
      this.#owners.set(owner.name, owner);
      owner.place = this.#heap.push(owner) - 1;
    }
    owner.add(thing);
    this.#rise(owner);
  }

  /** Takes something from its owner. */
  take(owner: Owner<Thing>, thing: Thing): void {
    owner.remove(thing);
    this.#sink(owner);
    if (owner.count > 0) return;
    this.#owners.delete(owner.name);
    // An owner with nothing has sunk to a leaf: the last one takes its place, and rises from there.
    const last = this.#heap.pop()!;
    if (last === owner) return;
    this.#put(last, owner.place);
    this.#rise(last);
  }

  #rise(owner: Owner<Thing>): void {
    for (let { place } = owner; place > 0; place = owner.place) {
      const above = this.#heap[(place - 1) >> 1]!;
      if (above.count >= owner.count) return;
      this.#put(above, place);
      this.#put(owner, (place - 1) >> 1);
    }
  }

  #sink(owner: Owner<Thing>): void {
    for (;;) {
      const { place } = owner;
      const [one, other] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]];
      const larger = other && other.count > one!.count ? other : one;
      if (!larger || larger.count <= owner.count) return;
      const below = larger.place;
      this.#put(larger, place);
      this.#put(owner, below);
    }
  }

  #put(owner: Owner<Thing>, place: number): void {
    this.#heap[place] = owner;
    owner.place = place;
  }
}
