/**
 * Scans one request of a frame without making objects of it.
 *
 * @module
 */

import { MAX_ATTRIBUTE_FIELDS } from "./attributes.ts";
import { FieldNames } from "./field_names.ts";
import { MAX_CLAIMS, MAX_OUTCOMES } from "./group_limits.ts";
import { skipWhitespace, stringEnd, stringEquals } from "./json_text.ts";

/**
 * How a request counts. A read of dsmq 1.x is answered although it has no id. Control requests cost next to nothing and may
 * have no answer: they do not count. Nor does a put of dsmq 1.x: nobody would learn that it was rejected, so only its bytes
 * count.
 */
export type RequestKind = "counted" | "legacy read" | "control" | "legacy put";

/** What makes a request too large to be decoded: its depth, or the number of its fields, of those of its attributes, or of its jobs. */
export type RequestExcess = "depth" | "fields" | "attributes" | "jobs";

/** No valid request is nested deeper: a position is one level within it. */
export const MAX_DEPTH = 8;

/** How many fields a request may have, or items in lists other than its `bodies`, besides its `attributes`. */
export const MAX_FIELDS = 64;

/** A control request with more fields counts like any other request. */
const MAX_CONTROL_FIELDS = 12;

/** How an action counts; `read` and `put` only without an id, and `credit` as a control request. */
type ActionKind = "control" | "credit" | "put" | "read";

const ACTION_KINDS: readonly (readonly [action: string, kind: ActionKind])[] = [
  ["put", "put"],
  ["get", "read"],
  ["get_latest", "read"],
  ["cancel", "control"],
  ["credit", "credit"],
  ["unsubscribe", "control"],
  ["heartbeat", "control"],
  ["close", "control"],
];

/** The fields that matter for a scan. */
const FIELD_NAMES = [
  ...["id", "action", "bodies", "sub", "attributes"] as const,
  ...["done", "outcomes", "claims", "holding"] as const,
] as const;

/** The lists of jobs of a request have at most this many commas, colons and opening brackets: an outcome has nine. */
const MAX_JOB_MARKS = MAX_CLAIMS + 9 * MAX_OUTCOMES + 8;

const [QUOTE, COMMA, COLON] = [34, 44, 58];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];

/** The state of a scan within a request. */
interface ScanState {
  /** The position of the last string. */
  readonly start: number;
  readonly last: number;
  readonly marks: number;
  readonly depth: number;
  readonly deepest: number;
  /** The present field, if it matters, and whether its name or its value comes next. */
  readonly name: typeof FIELD_NAMES[number] | undefined;
  readonly isObject: boolean;
  readonly nameIsNext: boolean;
  readonly valueIsNext: boolean;
  /** The depth of the list of bodies, and where it begins. */
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

/** Scans the requests of a frame one after another. */
export class RequestScan {
  readonly #text: string;
  readonly #names: FieldNames;
  /** A field has a name beyond the limit. */
  #hasTooManyNames = false;
  /** Where its `id` begins; 0 if it has none. */
  id = 0;
  /** The number of bodies in its list. */
  bodies = 0;
  /** The number of its commas, colons and opening brackets. */
  marks = 0;
  /** The same in its `attributes`, how many names these have, and what the marks were where they began. */
  #attributeMarks = 0;
  #attributeFields = 0;
  /** The same marks in its lists of jobs. */
  #jobMarks = 0;
  /** What the marks were where the present field began, if its own are counted apart; and whether it is `attributes`. */
  #asideFrom = -1;
  #isAttributes = false;
  #action: ActionKind | undefined;
  /** Where its `sub` begins; 0 if it has none. */
  #sub = 0;
  #depth = 0;
  #state: ScanState | undefined;

  /** Begins with nothing scanned. */
  constructor(text: string) {
    this.#text = text;
    this.#names = new FieldNames(text);
  }

  /** How it counts. */
  get kind(): RequestKind {
    switch (this.#action) {
      case "control":
      case "credit":
        return this.marks > 2 * MAX_CONTROL_FIELDS ? "counted" : "control";
      case "put":
        return this.id === 0 && this.bodies === 0 ? "legacy put" : "counted";
      case "read":
        return this.id === 0 ? "legacy read" : "counted";
    }
    return "counted";
  }

  /** Where the `sub` of a `credit` without an id begins, which names the stream that ends if this is refused; else 0. */
  get creditSub(): number {
    return this.#action === "credit" && this.id === 0 ? this.#sub : 0;
  }

  /** Why it is too large to be decoded, if it is. */
  get excess(): RequestExcess | undefined {
    if (this.#depth > MAX_DEPTH) return "depth";
    const [attributeMarks, jobMarks] = [this.#attributeMarks, this.#jobMarks];
    const ownMarks = this.marks - this.bodies - attributeMarks - jobMarks;
    if (this.#hasTooManyNames || ownMarks > 2 * MAX_FIELDS) return "fields";
    if (jobMarks > MAX_JOB_MARKS) return "jobs";
    if (attributeMarks === 0) return undefined;
    // For each message a comma and two brackets, and for each field a colon and a comma.
    const maxMarks = 3 * (this.bodies + 1) + 2 * MAX_ATTRIBUTE_FIELDS;
    return this.#attributeFields > MAX_ATTRIBUTE_FIELDS || attributeMarks > maxMarks
      ? "attributes"
      : undefined;
  }

  /** A part of a request is scanned. */
  get isPartial(): boolean {
    return this.#state !== undefined;
  }

  /**
   * Scans the request that begins at a position, or the rest of the present one.
   *
   * @param begin where to begin
   * @param limit where to stop; a string is scanned to its end, which takes little time
   * @returns the position: within the request; or at its end, which is a comma, a bracket that closes more than it opened, or
   *   the end of the text; `undefined` if it is not JSON
   */
  scan(begin: number, limit: number): number | undefined {
    const text = this.#text;
    if (!this.#state) {
      this.id = this.bodies = this.#sub = 0;
      this.#attributeMarks = this.#attributeFields = this.#jobMarks = 0;
      this.#asideFrom = -1;
      this.#action = undefined;
      this.#hasTooManyNames = false;
    }
    // Local variables are several times as fast as fields.
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
        else if (name === "sub") this.#sub = at;
        else if (name === "action") this.#action = undefined;
        else if (name === "bodies") {
          this.bodies = 0;
          if (unit === OPEN_LIST) {
            list = depth + 1;
            first = at + 1;
          }
        } else if (name !== undefined) {
          this.#asideFrom = marks;
          this.#isAttributes = name === "attributes";
        }
      }
      switch (unit) {
        case QUOTE: {
          start = at + 1;
          at = last = stringEnd(text, start);
          if (at < 0) return undefined;
          if (depth !== 1 || !isObject) break;
          if (nameIsNext) {
            if (this.#asideFrom >= 0) this.#endAside(marks);
            name = nameAt(text, start, at);
          } else if (name === "action") this.#action = actionKindAt(text, start, at);
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
            if (this.bodies > 0 || skipWhitespace(text, first) < at) this.bodies++;
            list = 0;
          }
          depth--;
          break;
        case COMMA:
          if (depth === 0) return this.#finish(at, marks, deepest);
          marks++;
          if (depth === list) this.bodies++;
          else if (depth === 1) nameIsNext = isObject;
          break;
        case COLON:
          marks++;
          if (depth > 1 && name === "attributes") this.#attributeFields++;
          else if (!this.#names.accepts(start, last)) this.#hasTooManyNames = true;
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

  #endAside(marks: number): void {
    if (this.#isAttributes) this.#attributeMarks += marks - this.#asideFrom;
    else this.#jobMarks += marks - this.#asideFrom;
    this.#asideFrom = -1;
  }

  #finish(at: number, marks: number, deepest: number): number {
    if (this.#asideFrom >= 0) this.#endAside(marks);
    this.marks = marks;
    this.#depth = deepest;
    return at;
  }
}

/** The name of a field, if it matters. */
function nameAt(text: string, begin: number, end: number): typeof FIELD_NAMES[number] | undefined {
  for (const name of FIELD_NAMES) if (stringEquals(text, begin, end, name)) return name;
}

/** How the action between two positions counts. */
function actionKindAt(text: string, begin: number, end: number): ActionKind | undefined {
  for (const [action, kind] of ACTION_KINDS) {
    if (stringEquals(text, begin, end, action)) return kind;
  }
}
