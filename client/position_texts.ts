/**
 * The positions of messages as texts, many a millisecond.
 *
 * @module
 */

/** The last three digits of a number from 1000 on. */
const TAILS: readonly string[] = Array.from({ length: 1000 }, (_, n) => `${n}`.padStart(3, "0"));

/**
 * Makes the texts of positions in the order of their numbers. To turn each number into text would cost a stream up to a
 * twentieth of its speed, so all but the last three digits are kept from one to the next.
 */
export class PositionTexts {
  #epoch = "";
  #thousands = -1;
  /** All but the last three digits. */
  #head = "";

  /**
   * The text of a position.
   *
   * @param epoch its epoch
   * @param seq its sequence number
   */
  of(epoch: string, seq: number): string {
    const thousands = Math.floor(seq / 1000);
    if (thousands !== this.#thousands || epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#thousands = thousands;
      this.#head = thousands === 0 ? `${epoch}:` : `${epoch}:${thousands}`;
    }
    return thousands === 0 ? this.#head + seq : this.#head + TAILS[seq - 1000 * thousands];
  }
}
