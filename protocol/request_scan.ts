/**
 * What stands in one request of a frame, found out without making objects of it.
 *
 * @module
 */

import { skipWhitespace, stringEnd, stringEquals } from "./json_text.ts";
import { NameSet } from "./name_map.ts";

/**
 * How a request counts: a read of dsmq 1.x is answered though it has no id. Control requests cost next to nothing, and
 * may have no answer: they do not count. Nor does a put of dsmq 1.x: nobody would learn that it was refused, so its bytes
 * have to do.
 */
export type RequestKind = "counted" | "legacy read" | "control" | "legacy put";

/** What makes a request too much to be read: how deep it is nested, or how many fields it has. */
export type RequestExcess = "depth" | "fields";

/** Nothing in a request is nested deeper; a position is nested in it once. */
export const MAX_DEPTH = 8;

/** How many fields a request may have, or items in lists other than its messages. */
export const MAX_FIELDS = 64;

/** How many different names the fields of a frame may have, and how many characters each. */
const [MAX_NAMES, MAX_NAME_LENGTH] = [256, 128];

/** A control request that has more of them counts as any other. */
const MAX_CONTROL_FIELDS = 12;

/** How the actions count that matter here; `read` and `put` only without an id. */
const ACTION_COUNTS: readonly (readonly [action: string, counts: "control" | "put" | "read"])[] = [
  ["put", "put"],
  ["get", "read"],
  ["get_latest", "read"],
  ["cancel", "control"],
  ["credit", "control"],
  ["unsubscribe", "control"],
  ["heartbeat", "control"],
  ["close", "control"],
];

/** The names of the fields that matter here. */
const FIELD_NAMES = ["id", "action", "messages"] as const;

const [QUOTE, COMMA, COLON] = [34, 44, 58];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];

/**
 * The names of fields in a frame. V8 makes a description of its own for each object with a name that it has not met there:
 * a few names in many objects cost little, and many names in a few objects much.
 */
class FieldNames {
  readonly #text: string;
  readonly #names = new NameSet();
  /** Those that were met last, by a simple hash: mostly one of them comes again. */
  readonly #recent: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Whether the name between two places is one of those that there may be. */
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

/** Where a scan is within a request. */
interface ScanState {
  /** Where the last string is. */
  readonly start: number;
  readonly last: number;
  readonly marks: number;
  readonly depth: number;
  readonly deepest: number;
  /** The field of the request that is read, if it matters; and whether its name comes next, or its value. */
  readonly name: typeof FIELD_NAMES[number] | undefined;
  readonly isObject: boolean;
  readonly nameIsNext: boolean;
  readonly valueIsNext: boolean;
  /** How deep the list of messages is that is read, and where it begins. */
  readonly list: number;
  readonly first: number;
}

const INITIAL_STATE: ScanState = {
  start: 0,
  last: 0,
  marks: 0,
  depth: 0,
  deepest: 0,
  name: undefined,
  isObject: false,
  nameIsNext: false,
  valueIsNext: false,
  list: 0,
  first: 0,
};

/** Looks at one request of a frame after another. */
export class RequestScan {
  readonly #text: string;
  readonly #names: FieldNames;
  /** A field has a name that is one too many. */
  #hasTooManyNames = false;
  /** Where its `id` begins; 0 if it has none. */
  id = 0;
  /** How many its list of messages has. */
  messages = 0;
  /** How many commas, colons and opening brackets it has. */
  marks = 0;
  #action: "control" | "put" | "read" | undefined;
  #depth = 0;
  #state: ScanState | undefined;

  /** Has not looked at anything. */
  constructor(text: string) {
    this.#text = text;
    this.#names = new FieldNames(text);
  }

  /** How it counts. */
  get kind(): RequestKind {
    switch (this.#action) {
      case "control":
        return this.marks > 2 * MAX_CONTROL_FIELDS ? "counted" : "control";
      case "put":
        return this.id === 0 && this.messages === 0 ? "legacy put" : "counted";
      case "read":
        return this.id === 0 ? "legacy read" : "counted";
    }
    return "counted";
  }

  /** Why it is too much to be read. */
  get excess(): RequestExcess | undefined {
    if (this.#depth > MAX_DEPTH) return "depth";
    return this.#hasTooManyNames || this.marks - this.messages > 2 * MAX_FIELDS
      ? "fields"
      : undefined;
  }

  /** It has looked at a part of a request. */
  get isPartial(): boolean {
    return this.#state !== undefined;
  }

  /**
   * Looks at the request that begins at a place, or at the rest of the one that it is within.
   *
   * @param begin where to look on
   * @param limit from here on it looks no further; but to the end of a string, which takes little time
   * @returns where it is: within the request; or at its end, at a comma, at a bracket that closes more than it has, or at
   * the end of the text; or `undefined` if it is not JSON
   */
  scan(begin: number, limit: number): number | undefined {
    const text = this.#text;
    if (!this.#state) {
      this.id = this.messages = 0;
      this.#action = undefined;
      this.#hasTooManyNames = false;
    }
    // Variables, and not fields: that is several times as fast.
    let {
      start,
      last,
      marks,
      depth,
      deepest,
      name,
      isObject,
      nameIsNext,
      valueIsNext,
      list,
      first,
    } = this.#state ?? INITIAL_STATE;
    this.#state = undefined;
    const end = Math.min(limit, text.length);
    let at = begin;
    for (; at < end; at++) {
      const unit = text.charCodeAt(at);
      if (unit > COLON && unit < OPEN_LIST) continue;
      if (unit === 32 || unit === 10 || unit === 13 || unit === 9) continue;
      if (valueIsNext) {
        valueIsNext = false;
        if (name === "id") this.id = at;
        else if (name === "action") this.#action = undefined;
        else if (name === "messages") {
          this.messages = 0;
          if (unit === OPEN_LIST) {
            list = depth + 1;
            first = at + 1;
          }
        }
      }
      switch (unit) {
        case QUOTE: {
          start = at + 1;
          at = last = stringEnd(text, start);
          if (at < 0) return undefined;
          if (depth !== 1 || !isObject) break;
          if (nameIsNext) name = nameAt(text, start, at);
          else if (name === "action") this.#action = actionAt(text, start, at);
          nameIsNext = false;
          break;
        }
        case OPEN:
        case OPEN_LIST:
          if (depth === 0) isObject = nameIsNext = unit === OPEN;
          marks++;
          if (++depth > deepest) deepest = depth;
          break;
        case CLOSE:
        case CLOSE_LIST:
          if (depth === 0) return this.#finish(at, marks, deepest);
          if (depth === list) {
            if (this.messages > 0 || skipWhitespace(text, first) < at) this.messages++;
            list = 0;
          }
          depth--;
          break;
        case COMMA:
          if (depth === 0) return this.#finish(at, marks, deepest);
          marks++;
          if (depth === list) this.messages++;
          else if (depth === 1) nameIsNext = isObject;
          break;
        case COLON:
          marks++;
          if (!this.#names.accepts(start, last)) this.#hasTooManyNames = true;
          if (depth === 1) valueIsNext = isObject;
      }
    }
    if (at < text.length) {
      this.#state = {
        start,
        last,
        marks,
        depth,
        deepest,
        name,
        isObject,
        nameIsNext,
        valueIsNext,
        list,
        first,
      };
      return at;
    }
    return depth === 0 ? this.#finish(at, marks, deepest) : undefined;
  }

  #finish(at: number, marks: number, deepest: number): number {
    this.marks = marks;
    this.#depth = deepest;
    return at;
  }
}

/** The name of a field, if it is one that matters. */
function nameAt(text: string, begin: number, end: number): typeof FIELD_NAMES[number] | undefined {
  for (const name of FIELD_NAMES) if (stringEquals(text, begin, end, name)) return name;
}

/** How the action counts that stands between two places. */
function actionAt(
  text: string,
  begin: number,
  end: number,
): "control" | "put" | "read" | undefined {
  for (const [action, counts] of ACTION_COUNTS) {
    if (stringEquals(text, begin, end, action)) return counts;
  }
}
