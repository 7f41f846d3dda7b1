/**
 * How many bytes are stored, of those that may be.
 *
 * @module
 */

import type { SegmentSizes } from "./segment_sizes.ts";
import type { SeqRange } from "./seq_range.ts";
import type { WriteBuffer } from "./write_buffer.ts";

/** Adds messages as they are stored, and subtracts them when they are gone, before they are deleted. */
export class StoredBytes {
  readonly #range: SeqRange;
  readonly #buffer: WriteBuffer;
  readonly #segmentSizes: SegmentSizes;
  /**
   * The bytes of all messages after `#subtractedTo`, some of which may have expired. The code that adds a message adds
   * its size.
   */
  total = 0;
  /** At or below the floor. */
  #subtractedTo: number;

  /**
   * Begins with what is in the database.
   *
   * @param range which messages there are
   * @param buffer the newest of them, which are not in the database
   * @param segmentSizes the sizes of those in the database
   * @param total the size of those in the database, without expired ones
   */
  constructor(range: SeqRange, buffer: WriteBuffer, segmentSizes: SegmentSizes, total: number) {
    this.#range = range;
    this.#buffer = buffer;
    this.#segmentSizes = segmentSizes;
    this.#subtractedTo = range.floor;
    this.total = total;
  }

  /** Messages up to here are gone. */
  subtractUpTo(upTo: number): void {
    if (upTo <= this.#subtractedTo) return;
    const lastFlushed = this.#lastFlushed;
    if (this.#subtractedTo < lastFlushed) {
      this.total -= this.#segmentSizes.sizeBetween(this.#subtractedTo, Math.min(upTo, lastFlushed));
    }
    this.total -= this.#buffer.sizeBetween(Math.max(this.#subtractedTo, lastFlushed), upTo);
    this.#subtractedTo = upTo;
  }

  /** Subtracts expired messages, as many as it takes until at most so much is stored. */
  subtractExpired(max: number): void {
    const { floor } = this.#range;
    if (this.#subtractedTo >= floor) return;
    this.subtractUpTo(Math.min(floor, this.seqCovering(this.#subtractedTo, this.total - max)));
  }

  /** The number up to which the messages after another one have a total size, or the last message. */
  seqCovering(after: number, size: number): number {
    const lastFlushed = this.#lastFlushed;
    if (after >= lastFlushed) return this.#buffer.seqCovering(after, size);
    const { upTo, missing } = this.#segmentSizes.seqCovering(after, size);
    return missing > 0 ? this.#buffer.seqCovering(lastFlushed, missing) : upTo;
  }

  /** Saves the state; the result restores it. */
  savepoint(): () => void {
    const [total, subtractedTo] = [this.total, this.#subtractedTo];
    return () => {
      [this.total, this.#subtractedTo] = [total, subtractedTo];
    };
  }

  /** The last message in the database. */
  get #lastFlushed(): number {
    return this.#range.last - this.#buffer.messages.length;
  }
}
