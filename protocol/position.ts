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
