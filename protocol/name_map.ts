/**
 * Maps whose keys come from outside: topics, sessions, ids.
 *
 * V8 hashes a string that looks like an array index (up to ten digits) without its random seed, and numbers likewise. An
 * attacker can choose thousands that fall into one bucket, and each lookup then walks all of them. A string that begins with
 * another character is hashed with the secret seed.
 * See `StringHasher` and `ComputeUnseededHash` in V8's `src/strings/string-hasher-inl.h` and `src/utils/utils.h`.
 *
 * @module
 */

const KEY_PREFIX = "#";
const [FIRST, LAST] = [KEY_PREFIX.charCodeAt(0), "9".charCodeAt(0)];

/**
 * The key under which a `Map` or a `Set` may hold a name from outside: the name itself, unless it begins with a digit, or
 * with one of the characters from `#` up to the digits.
 *
 * @param name any text
 * @returns a different key for each name; none looks like a number
 */
export function nameKey(name: string): string {
  const first = name.charCodeAt(0);
  return first >= FIRST && first <= LAST ? KEY_PREFIX + name : name;
}

/** The name of a key. */
function nameOfKey(key: string): string {
  return key.charCodeAt(0) === FIRST ? key.slice(1) : key;
}

/** A `Map` by names from outside, in the order in which they were set first. */
export class NameMap<Value> {
  #map = new Map<string, Value>();

  /** How many there are. */
  get size(): number {
    return this.#map.size;
  }

  /** The name that was set first of those that are there. */
  get first(): string | undefined {
    const key = this.#map.keys().next().value;
    return key === undefined ? undefined : nameOfKey(key);
  }

  /** The value of a name. */
  get(name: string): Value | undefined {
    return this.#map.get(nameKey(name));
  }

  /** Whether a name has a value. */
  has(name: string): boolean {
    return this.#map.has(nameKey(name));
  }

  /** Sets the value of a name. */
  set(name: string, value: Value): void {
    this.#map.set(nameKey(name), value);
  }

  /** Removes a name; returns whether it was there. */
  delete(name: string): boolean {
    return this.#map.delete(nameKey(name));
  }

  /** Removes all. An iteration that is under way continues over the old entries. */
  clear(): void {
    // Not `clear`: in V8 the old table refers to the new one, so that once it is in the old generation it keeps all later ones alive.
    if (this.#map.size > 0) this.#map = new Map();
  }

  /** The values alone. */
  values(): MapIterator<Value> {
    return this.#map.values();
  }

  /** Names and values. */
  *[Symbol.iterator](): Generator<[name: string, value: Value]> {
    for (const [key, value] of this.#map) yield [nameOfKey(key), value];
  }
}

/** A `Set` of names from outside, in the order in which they were added first. */
export class NameSet {
  readonly #set = new Set<string>();

  /** How many there are. */
  get size(): number {
    return this.#set.size;
  }

  /** Whether a name is in it. */
  has(name: string): boolean {
    return this.#set.has(nameKey(name));
  }

  /** Adds a name. */
  add(name: string): void {
    this.#set.add(nameKey(name));
  }

  /** Removes a name; returns whether it was there. */
  delete(name: string): boolean {
    return this.#set.delete(nameKey(name));
  }

  /** Removes all. */
  clear(): void {
    this.#set.clear();
  }

  /** The names. */
  *[Symbol.iterator](): Generator<string> {
    for (const key of this.#set) yield nameOfKey(key);
  }
}

/** A `Map` by ids from outside, which are whole numbers. */
export class IdMap<Value> {
  readonly #map = new Map<string, Value>();

  /** How many there are. */
  get size(): number {
    return this.#map.size;
  }

  /** The value of an id. */
  get(id: number): Value | undefined {
    return this.#map.get(KEY_PREFIX + id);
  }

  /** Whether an id has a value. */
  has(id: number): boolean {
    return this.#map.has(KEY_PREFIX + id);
  }

  /** Sets the value of an id. */
  set(id: number, value: Value): void {
    this.#map.set(KEY_PREFIX + id, value);
  }

  /** Removes an id; returns whether it was there. */
  delete(id: number): boolean {
    return this.#map.delete(KEY_PREFIX + id);
  }

  /** Removes all. */
  clear(): void {
    this.#map.clear();
  }

  /** The values, in the order in which their ids were set first. */
  values(): MapIterator<Value> {
    return this.#map.values();
  }
}
