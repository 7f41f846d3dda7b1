/**
 * How much a tail takes of what arrives.
 *
 * @module
 */

/** A second's worth: more is more than a person can look at, and than a page should read. */
const PER_SECOND = { messages: 1000, characters: 2 * 1024 * 1024 } as const;

/** Lets so much pass in a second on average, and at most as much at once (a token bucket). */
export class FlowLimit {
  readonly #now: () => number;
  #messages: number = PER_SECOND.messages;
  #characters: number = PER_SECOND.characters;
  #at: number;

  /** Begins full. `now` tells the time in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#at = now();
  }

  /** Takes a message with so many characters; returns whether more may come. */
  take(characters: number): boolean {
    const now = this.#now();
    const elapsed = (now - this.#at) / 1000;
    this.#at = now;
    const { messages, characters: size } = PER_SECOND;
    this.#messages = Math.min(messages, this.#messages + elapsed * messages) - 1;
    this.#characters = Math.min(size, this.#characters + elapsed * size) - characters;
    return this.#messages > 0 && this.#characters > 0;
  }
}
