/**
 * Values by prefixes of topics: those of all prefixes that a topic begins with are found.
 *
 * @module
 */

import { RecurringNameMap } from "../budgets/recurring_name_map.ts";

/** Finds the prefixes of a topic by looking up its beginnings, not by walking over all prefixes. */
export class PrefixMap<Value> {
  readonly #values = new RecurringNameMap<Value>();
  /** How many prefixes have each length: only beginnings of these lengths are looked up. */
  readonly #counts: number[] = [];
  /** These lengths, the shortest first. */
  #lengths: readonly number[] = [];

  /** How many prefixes have a value. */
  get size(): number {
    return this.#values.size;
  }

  /** The value of a prefix. */
  get(prefix: string): Value | undefined {
    return this.#values.get(prefix);
  }

  /** Sets the value of a prefix. */
  set(prefix: string, value: Value): void {
    if (this.#values.get(prefix) === undefined) this.#count(prefix, 1);
    this.#values.set(prefix, value);
  }

  /** Removes a prefix. */
  delete(prefix: string): void {
    if (this.#values.delete(prefix)) this.#count(prefix, -1);
  }

  /** The values. */
  values(): Generator<Value> {
    return this.#values.values();
  }

  /**
   * Calls back with the prefixes that a topic begins with, the shortest first.
   *
   * @param topic the topic
   * @param found is called with each
   * @param longerThan only those that have more characters than this. Default: all
   * @returns how many of its beginnings were looked up
   */
  forEachOf(
    topic: string,
    found: (value: Value, prefix: string) => void,
    longerThan: number = -1,
  ): number {
    let lookUps = 0;
    for (const length of this.#lengths) {
      if (length <= longerThan) continue;
      if (length > topic.length) break;
      lookUps++;
      const beginning = topic.slice(0, length);
      const value = this.#values.get(beginning);
      if (value !== undefined) found(value, beginning);
    }
    return lookUps;
  }

  #count({ length }: string, change: number): void {
    const count = this.#counts[length] = (this.#counts[length] ?? 0) + change;
    if (count > 0 && count !== change) return;
    this.#lengths = Object.keys(this.#counts).map(Number).filter((one) => this.#counts[one]! > 0);
  }
}
