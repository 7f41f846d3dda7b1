/**
 * The different names of the fields of a frame.
 *
 * @module
 */

import { NameSet } from "./name_map.ts";

/** How many different names the fields of a frame may have, and how many characters each. */
const [MAX_NAMES, MAX_NAME_LENGTH] = [256, 128];

/**
 * The names of fields in a frame. V8 makes a new hidden class for each object with a new name: a few names in many objects cost
 * little, many names in a few objects cost much.
 */
export class FieldNames {
  readonly #text: string;
  readonly #names = new NameSet();
  /** The last names, by a simple hash: mostly one of them comes again. */
  readonly #recent: string[] = [];

  /** Has seen no names of a text yet. */
  constructor(text: string) {
    this.#text = text;
  }

  /** Whether the name between two positions is within the limit of different names. */
  accepts(begin: number, end: number): boolean {
    const text = this.#text;
    const length = end - begin;
    const hash = 31 * length + text.charCodeAt(begin) + 7 * text.charCodeAt(end - 1) & 255;
    const last = this.#recent[hash];
    if (last?.length === length && text.startsWith(last, begin)) return true;
    if (this.#names.size >= MAX_NAMES || length > MAX_NAME_LENGTH) return false;
    const name = text.slice(begin, end);
    this.#recent[hash] = name;
    this.#names.add(name);
    return true;
  }
}
