/**
 * How much of the deduplication index each owner has.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";

/** What an owner has, and may lose. Each item knows those that the same owner got before and after it. */
export interface Owned<Item> {
  older: Item | undefined;
  newer: Item | undefined;
}

/** An owner, with what is remembered for it. */
export class DedupOwner<Item extends Owned<Item>> {
  readonly name: string;
  /** How many items it has. */
  count = 0;
  /** Its index in the heap of all owners. */
  heapIndex = 0;
  #oldest: Item | undefined;
  #newest: Item | undefined;

  /** It has nothing yet. */
  constructor(name: string) {
    this.name = name;
  }

  /** Its oldest item; it must have one. */
  get oldest(): Item {
    return this.#oldest!;
  }

  /** Adds an item. */
  add(item: Item): void {
    this.count++;
    item.older = this.#newest;
    if (this.#newest) this.#newest.newer = item;
    else this.#oldest = item;
    this.#newest = item;
  }

  /** Removes an item. */
  remove(item: Item): void {
    this.count--;
    const { older, newer } = item;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    item.older = item.newer = undefined;
  }
}

/** All owners that have something. The one that has the most is always known. */
export class DedupOwners<Item extends Owned<Item>> {
  readonly #owners = new NameMap<DedupOwner<Item>>();
  /** A heap: the owner at index n has at least as much as those at 2n + 1 and 2n + 2. */
  readonly #heap: DedupOwner<Item>[] = [];

  /** The owner with a name, perhaps one that has nothing yet. */
  get(name: string): DedupOwner<Item> {
    return this.#owners.get(name) ?? new DedupOwner(name);
  }

  /** The one that has the most; there must be one. */
  get largest(): DedupOwner<Item> {
    return this.#heap[0]!;
  }

  /** Gives an owner an item. */
  addItem(owner: DedupOwner<Item>, item: Item): void {
    if (owner.count === 0) {
      this.#owners.set(owner.name, owner);
      owner.heapIndex = this.#heap.push(owner) - 1;
    }
    owner.add(item);
    this.#siftUp(owner);
  }

  /** Takes an item from its owner. */
  removeItem(owner: DedupOwner<Item>, item: Item): void {
    owner.remove(item);
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
      if (parent.count >= owner.count) return;
      this.#place(parent, heapIndex);
      this.#place(owner, (heapIndex - 1) >> 1);
    }
  }

  #siftDown(owner: DedupOwner<Item>): void {
    for (;;) {
      const { heapIndex } = owner;
      const [one, other] = [this.#heap[2 * heapIndex + 1], this.#heap[2 * heapIndex + 2]];
      const larger = other && other.count > one!.count ? other : one;
      if (!larger || larger.count <= owner.count) return;
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
