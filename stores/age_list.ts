/**
 * A list by age, from which an item can be taken and put back.
 *
 * @module
 */

/** What is in a list. Each item knows its neighbours. */
export interface Aged<Item> {
  older: Item | undefined;
  newer: Item | undefined;
}

/** Items in the order in which they were added. */
export class AgeList<Item extends Aged<Item>> {
  #oldest: Item | undefined;
  #newest: Item | undefined;

  /** The first item that was added; `undefined` if there is none. */
  get oldest(): Item | undefined {
    return this.#oldest;
  }

  /** The last item that was added; `undefined` if there is none. */
  get newest(): Item | undefined {
    return this.#newest;
  }

  /** Adds an item as the newest. */
  add(item: Item): void {
    this.insertAfter(this.#newest, item);
  }

  /** Puts an item behind another one; without one it becomes the oldest. */
  insertAfter(older: Item | undefined, item: Item): void {
    const newer = older ? older.newer : this.#oldest;
    item.older = older;
    item.newer = newer;
    if (older) older.newer = item;
    else this.#oldest = item;
    if (newer) newer.older = item;
    else this.#newest = item;
  }

  /** Removes an item. */
  remove(item: Item): void {
    const { older, newer } = item;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    if (newer) newer.older = older;
    else this.#newest = older;
    item.older = item.newer = undefined;
  }

  /** All items, the oldest first. Meanwhile nothing may change. */
  *[Symbol.iterator](): Generator<Item> {
    for (let item = this.#oldest; item; item = item.newer) yield item;
  }
}
