/**
 * Maps of what comes and soon goes again, such as requests.
 *
 * @module
 */

/** It is renewed once this many more entries were removed than it has. */
const RENEW_AFTER = 64;

/**
 * A `Map` that is copied now and then.
 *
 * V8 gives a `Map` another table after every few changes, and the old table refers to the new one. Once an old table is in the old
 * generation, it keeps all later ones alive, and all that they had, until the whole heap is collected: that takes longer than all
 * the work for a request. Nothing refers to the table of a copy. See `OrderedHashTable::Rehash` in V8's
 * `src/objects/ordered-hash-table.cc`.
 */
export class RenewedMap<Key, Value> {
  #map = new Map<Key, Value>();
  #removed = 0;

  /** How many entries there are. */
  get size(): number {
    return this.#map.size;
  }

  /** The value that was set first of those that are there. */
  get first(): Value | undefined {
    return this.#map.values().next().value;
  }

  /** The value of a key. */
  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  /** Sets the value of a key. */
  set(key: Key, value: Value): void {
    this.#map.set(key, value);
  }

  /** Removes a key, if it is there. */
  delete(key: Key): void {
    if (!this.#map.delete(key) || ++this.#removed < this.size + RENEW_AFTER) return;
    this.#map = new Map(this.#map);
    this.#removed = 0;
  }

  /** The values, in the order in which their keys were set first. */
  get values(): Value[] {
    return [...this.#map.values()];
  }

  /** Keys and values, in the same order. What is added or removed meanwhile may be missing, or still there. */
  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.#map[Symbol.iterator]();
  }
}
