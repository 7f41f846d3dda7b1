/**
 * A position as a text, `EPOCH:SEQ`: what people, programs and commands save of it. On the wire it is an object.
 *
 * @module
 */

/** The form of an epoch: a random name, long enough that a word or a time of day before a colon is none. */
const EPOCH_PATTERN = /^[\w-]{16,128}$/;

/** What a text must be, for errors. */
export const POSITION_FORM = "a message's position (EPOCH:SEQ)";

/** A position that was read from a text. */
export interface ParsedPosition {
  readonly epoch: string;
  readonly seq: number;
}

/**
 * Reads a position.
 *
 * @param text the text
 * @returns the position; a string, which follows "must be …", says what is wrong with it
 */
export function parsePosition(text: string): ParsedPosition | string {
  const colon = text.lastIndexOf(":");
  const epoch = text.slice(0, Math.max(0, colon));
  const digits = text.slice(colon + 1);
  if (!EPOCH_PATTERN.test(epoch)) {
    return `${POSITION_FORM}, whose epoch is 16 to 128 letters, digits, - and _`;
  }
  const seq = Number(digits);
  if (!/^(0|[1-9]\d*)$/.test(digits) || !Number.isSafeInteger(seq)) {
    return `${POSITION_FORM}, whose number is whole, from 0 to ${Number.MAX_SAFE_INTEGER}`;
  }
  return { epoch, seq };
}

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
