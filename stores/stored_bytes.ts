/**
 * How many bytes are stored, of all that may be.
 *
 * @module
 */

import type { RunSizes } from "./run_sizes.ts";
import type { Span } from "./span.ts";
import type { Tail } from "./tail.ts";

/** Counts messages in as they come, and out as they go: that comes before they are deleted. */
export class StoredBytes {
  readonly #span: Span;
  readonly #tail: Tail;
  readonly #sizes: RunSizes;
  /** What is stored, some of which may have expired: all messages after `#counted`. Whoever adds a message adds its size. */
  total = 0;
  /** It trails behind the floor. */
  #counted: number;

  /**
   * Counts what is in the database.
   *
   * @param span which messages there are
   * @param tail the newest of them, which are not in the database
   * @param sizes what those take that are
   */
  constructor(span: Span, tail: Tail, sizes: RunSizes) {
    this.#span = span;
    this.#tail = tail;
    this.#sizes = sizes;
    const { floor, last } = span;
    this.#counted = floor;
    if (floor < last) this.total = sizes.size(floor, last);
  }

  /** Messages up to here are gone. */
  countOut(upTo: number): void {
    if (upTo <= this.#counted) return;
    const moved = this.#lastMoved;
    if (this.#counted < moved) {
      this.total -= this.#sizes.size(this.#counted, Math.min(upTo, moved));
    }
    this.total -= this.#tail.size(Math.max(this.#counted, moved), upTo);
    this.#counted = upTo;
  }

  /** Counts out what has expired, as far as needed until so much is stored. */
  countOutExpired(most: number): void {
    const { floor } = this.#span;
    if (this.#counted >= floor) return;
    this.countOut(Math.min(floor, this.reach(this.#counted, this.total - most)));
  }

  /** The number up to which the messages after one take so much together, or all of them. */
  reach(after: number, size: number): number {
    const moved = this.#lastMoved;
    if (after >= moved) return this.#tail.reach(after, size);
    const { upTo, lacking } = this.#sizes.reach(after, size);
    return lacking > 0 ? this.#tail.reach(moved, lacking) : upTo;
  }

  /** Remembers how it is now; what comes back makes it so again. */
  mark(): () => void {
    const [total, counted] = [this.total, this.#counted];
    return () => {
      [this.total, this.#counted] = [total, counted];
    };
  }

  /** The last message that is in the database. */
  get #lastMoved(): number {
    return this.#span.last - this.#tail.messages.length;
  }
}
