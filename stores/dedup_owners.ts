/**
 * How much of the deduplication index each owner has.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { type Aged, AgeList } from "./age_list.ts";

/** An owner, with what is remembered for it. */
export class DedupOwner<Item extends Aged<Item>> {
  readonly name: string;
  /** What it has, and may lose. */
  readonly items: AgeList<Item> = new AgeList();
  /** How many items it has. */
  count = 0;
  /** Its index in the heap of all owners. */
  heapIndex = 0;

  /** It has nothing yet. */
  constructor(name: string) {
    this.name = name;
  }

  /** Whether it has more than another one. Of two with the same number, it is the one whose name comes first. */
  hasMoreThan({ name, count }: DedupOwner<Item>): boolean {
    return this.count > count || (this.count === count && this.name < name);
  }
}

/** All owners that have something. The one that has the most is always known. */
export class DedupOwners<Item extends Aged<Item>> {
  readonly #owners = new NameMap<DedupOwner<Item>>();
  /** A heap: the owner at index n has more than those at 2n + 1 and 2n + 2. */
  readonly #heap: DedupOwner<Item>[] = [];

  /** The owner with a name, perhaps one that has nothing yet: it gets something before anything else changes. */
  get(name: string): DedupOwner<Item> {
    let owner = this.#owners.get(name);
    if (!owner) this.#owners.set(name, owner = new DedupOwner(name));
    return owner;
  }

  /** The one that has the most; there must be one. */
  get largest(): DedupOwner<Item> {
    return this.#heap[0]!;
  }

  /** All items: by the names of their owners, and of each owner the oldest first. */
  *items(): Generator<Item> {
    const owners = [...this.#owners.values()];
    owners.sort((one, other) => one.name < other.name ? -1 : 1);
    for (const { items } of owners) yield* items;
  }

  /** Gives an owner an item, as its newest one. */
  addItem(owner: DedupOwner<Item>, item: Item): void {
    this.putBackItem(owner, item, owner.items.newest);
  }

  /** Gives an owner an item behind an older one that it has; without one it becomes its oldest. */
  putBackItem(owner: DedupOwner<Item>, item: Item, older: Item | undefined): void {
    if (owner.count === 0) {
      this.#owners.set(owner.name, owner);
      owner.heapIndex = this.#heap.push(owner) - 1;
    }
    owner.items.insertAfter(older, item);
    owner.count++;
    this.#siftUp(owner);
  }

  /** Takes an item from its owner. */
  removeItem(owner: DedupOwner<Item>, item: Item): void {
    owner.items.remove(item);
    owner.count--;
    this.#siftDown(owner);
    if (owner.count > 0) return;
    this.#owners.delete(owner.name);
    // An owner with nothing has sunk to a leaf: the last one takes its place, and rises from there.
    const last = this.#heap.pop()!;
    if (last === owner) return;
    this.#place(last, owner.heapIndex);
    this.#siftUp(last);
  }

  #siftUp(owner: DedupOwner<Item>): void {
    for (let { heapIndex } = owner; heapIndex > 0; heapIndex = owner.heapIndex) {
      const parent = this.#heap[(heapIndex - 1) >> 1]!;
      if (!owner.hasMoreThan(parent)) return;
      this.#place(parent, heapIndex);
      this.#place(owner, (heapIndex - 1) >> 1);
    }
  }

  #siftDown(owner: DedupOwner<Item>): void {
    for (;;) {
      const { heapIndex } = owner;
      const [one, other] = [this.#heap[2 * heapIndex + 1], this.#heap[2 * heapIndex + 2]];
      const larger = other?.hasMoreThan(one!) ? other : one;
      if (!larger?.hasMoreThan(owner)) return;
      const childIndex = larger.heapIndex;
      this.#place(larger, heapIndex);
      this.#place(owner, childIndex);
    }
  }

  #place(owner: DedupOwner<Item>, heapIndex: number): void {
    this.#heap[heapIndex] = owner;
    owner.heapIndex = heapIndex;
  }
}
