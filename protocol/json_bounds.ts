/**
 * Measures a JSON text before it is parsed: its depth, and the number of its values and names.
 *
 * For each character, parsing costs up to a hundred times as much as scanning, and many times the memory.
 *
 * @module
 */

/** The limits of a text. */
export interface JsonBounds {
  /** How deep arrays and objects may be nested. */
  readonly depth: number;
  /** How many values all arrays and objects may hold. */
  readonly values: number;
  /** How many fields all objects may have: each may have another name, which costs most. */
  readonly names: number;
}

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Whether a text is within the limits. Text that is not JSON is scanned as if it were.
 *
 * @param text the text
 * @param bounds the limits
 * @returns `false` if it is deeper, or holds more
 */
export function isWithinBounds(text: string, { depth, values, names }: JsonBounds): boolean {
  let depthNow = 0;
  let count = 1;
  let nameCount = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = findStringEnd(text, i);
        if (i < 0) return true;
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depthNow > depth || ++count > values) return false;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depthNow--;
        break;
      case COMMA:
        if (++count > values) return false;
        break;
      case COLON:
        if (++nameCount > names) return false;
    }
  }
  return true;
}

/** The position of the quote that ends a string; -1 if there is none. Most strings of a server are messages, so it searches at once. */
function findStringEnd(text: string, begin: number): number {
  for (let end = begin;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return -1;
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}
