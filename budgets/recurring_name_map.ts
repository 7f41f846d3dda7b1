/**
 * Values by names that come and go again and again.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";

/** So many names are remembered that have no value any more. */
const MAX_IDLE = 256;

/** What is remembered of a name. */
interface Entry<Value> {
  readonly name: string;
  /** `undefined` while it has none. */
  value: Value | undefined;
  /** It is among the idle ones, or was and has a value again. */
  isQueued: boolean;
}

/**
 * A {@linkcode NameMap} for names that lose their value and get another one all the time, such as a topic that one reader
 * after another waits for. A `Map` finds a key the more slowly the more often that key was deleted: beside 10,000 others
 * each time takes some 60 µs (Deno 2.9.6). So the last names without a value stay in it.
 *
 * Values are not `undefined`. A name that comes back while it is remembered has its old place in their order.
 */
export class RecurringNameMap<Value> {
  readonly #entries = new NameMap<Entry<Value>>();
  /** Entries that had no value when they came here, and the place of the next one. */
  readonly #idle: Entry<Value>[] = [];
  #next = 0;
  #size = 0;

  /** How many names have a value. */
  get size(): number {
    return this.#size;
  }

  /** The value of a name. */
  get(name: string): Value | undefined {
    return this.#entries.get(name)?.value;
  }

  /** Sets the value of a name. */
  set(name: string, value: Value): void {
    const entry = this.#entries.get(name);
    if (entry?.value === undefined) this.#size++;
    if (entry) entry.value = value;
    else this.#entries.set(name, { name, value, isQueued: false });
  }

  /** Removes a name; returns whether it was there. */
  delete(name: string): boolean {
    const entry = this.#entries.get(name);
    if (entry?.value === undefined) return false;
    entry.value = undefined;
    this.#size--;
    if (!entry.isQueued) this.#queue(entry);
    return true;
  }

  /** The values alone. */
  *values(): Generator<Value> {
    for (const { value } of this.#entries.values()) if (value !== undefined) yield value;
  }

  /** A name has no value any more: the one that came here first is forgotten for it, unless it has one again. */
  #queue(entry: Entry<Value>): void {
    const oldest = this.#idle[this.#next];
    this.#idle[this.#next] = entry;
    this.#next = (this.#next + 1) % MAX_IDLE;
    entry.isQueued = true;
    if (!oldest) return;
    oldest.isQueued = false;
    if (oldest.value === undefined) this.#entries.delete(oldest.name);
  }
}
