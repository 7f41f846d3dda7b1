/**
 * A value that changes, and tells who shows it.
 *
 * @module
 */

/** A value whose changes can be followed. */
export class Observable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  /** Begins with a value. */
  constructor(value: T) {
    this.#value = value;
  }

  /** The present value. */
  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back after each change; returns what ends that. */
  follow(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
