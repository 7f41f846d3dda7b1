/**
 * How deep a JSON text is nested, and how many values and names it holds: found out before anything is made of it.
 *
 * To parse a text costs up to a hundred times as much for each character as to look at it, and many times the memory.
 *
 * @module
 */

/** How much a text may hold. */
export interface JsonBounds {
  /** How many arrays and objects may lie within each other. */
  readonly depth: number;
  /** How many values there may be, within all arrays and objects. */
  readonly values: number;
  /** How many fields there may be in all objects: each may have another name, and that costs most. */
  readonly names: number;
}

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Whether a text holds no more than it may. What is not JSON is looked at as if it were.
 *
 * @param text the text
 * @param bounds how much it may hold
 * @returns `false` if it is nested deeper, or holds more
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

/** The place of the quote that ends a string; -1 if there is none. By search at once: most strings of a server are messages. */
function findStringEnd(text: string, begin: number): number {
  for (let end = begin;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return -1;
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}
