/**
 * Scans a frame without making objects of it: where each request begins, what it counts for, and what it would cost to
 * decode. That takes time in proportion to the length, regardless of its contents.
 *
 * A scan relies only on quotes and brackets. Where the text is JSON, it sees the same as `JSON.parse`; where it is not,
 * `JSON.parse` fails when that part is decoded.
 *
 * @module
 */

import { skipWhitespace } from "./json_text.ts";
import { isCount } from "./request_fields.ts";
import { type RequestExcess, type RequestKind, RequestScan } from "./request_scan.ts";

/** A part that is decoded at once takes a few milliseconds: this many marks, bodies or characters, or some of each. */
const PART_BUDGET = { marks: 16_384, bodies: 2048, characters: 1024 * 1024 };

/** The requests of a frame, by index. */
export class FrameScan {
  /** The frame is an array. */
  readonly batched: boolean;
  /** What the requests count for together: a list of bodies counts each body, any other request one. */
  countedRequests = 0;
  /** The numbers of control requests and of puts of dsmq 1.x, which do not count. */
  controlRequests = 0;
  legacyPuts = 0;
  /** It counts for more than the maximum, and was not scanned to its end. */
  isOverLimit = false;
  readonly #text: string;
  /** Where each request begins, and where the next one would. */
  readonly #begins: number[] = [];
  /** What the requests before each one count for, and cost to decode. */
  readonly #counts: number[] = [0];
  readonly #costs: number[] = [0];
  readonly #kinds: RequestKind[] = [];
  /** Where its `id` begins; 0 if it has none. */
  readonly #ids: number[] = [];
  /** Where the `sub` of a `credit` without an id begins. */
  #creditSubs: number[] | undefined;
  #excesses: RequestExcess[] | undefined;

  readonly #maxCount: number;
  readonly #request: RequestScan;
  /** How far it was scanned; whether that is all; whether it is JSON so far. */
  #at: number;
  #isDone = false;
  #isValid = false;

  /**
   * Begins to scan a frame, with its first bracket.
   *
   * @param text its text
   * @param maxCount the scan stops where the requests count for more
   */
  constructor(text: string, maxCount: number) {
    let at = skipWhitespace(text, 0);
    this.#text = text;
    this.#maxCount = maxCount;
    this.batched = text[at] === "[";
    if (this.batched) at = skipWhitespace(text, at + 1);
    this.#begins.push(at);
    this.#request = new RequestScan(text);
    this.#at = at;
    if (this.batched && text[at] === "]") this.#finish(isBlankFrom(text, at + 1));
  }

  /**
   * Scans a frame.
   *
   * @param text its text
   * @param maxCount the scan stops where the requests count for more
   * @returns the scan; `undefined` if it is not JSON
   */
  static scan(text: string, maxCount: number): FrameScan | undefined {
    const scan = new FrameScan(text, maxCount);
    while (scan.scanMore(Infinity));
    return scan.isValid ? scan : undefined;
  }

  /** It is JSON, as far as it was scanned. */
  get isValid(): boolean {
    return this.#isValid;
  }

  /**
   * Continues for about this many characters, up to the end of the last string.
   *
   * @param characters how many
   * @returns whether there is more
   */
  scanMore(characters: number): boolean {
    const text = this.#text;
    const limit = this.#at + characters;
    while (!this.#isDone && this.#at < limit) {
      const end = this.#request.scan(this.#at, limit);
      if (end === undefined) return this.#finish(false);
      if (this.#request.isPartial) {
        this.#at = end;
        break;
      }
      this.#addRequest(this.#request, end);
      if (this.countedRequests > this.#maxCount) {
        this.isOverLimit = true;
        return this.#finish(true);
      }
      this.#at = end + 1;
      if (!this.batched) return this.#finish(end === text.length);
      if (text[end] === "]") return this.#finish(isBlankFrom(text, this.#at));
      if (text[end] !== ",") return this.#finish(false);
    }
    return !this.#isDone;
  }

  #finish(isValid: boolean): false {
    this.#isDone = true;
    this.#isValid = isValid;
    return false;
  }

  /** How many requests there are. */
  get length(): number {
    return this.#kinds.length;
  }

  /** How a request counts. */
  kind(index: number): RequestKind {
    return this.#kinds[index]!;
  }

  /** Why a request is too large to be decoded, if it is. */
  excess(index: number): RequestExcess | undefined {
    return this.#excesses?.[index];
  }

  /** What the requests before an index count for. */
  countBefore(index: number): number {
    return this.#counts[index]!;
  }

  /** What the first requests count for that count for at most `most` together. */
  countUpTo(maxCount: number): number {
    if (maxCount >= this.countedRequests) return this.countedRequests;
    let low = 0;
    for (let high = this.length; low < high;) {
      const middle = (low + high + 1) >> 1;
      if (this.#counts[middle]! <= maxCount) low = middle;
      else high = middle - 1;
    }
    return this.#counts[low]!;
  }

  /** The `id` of a request; `null` if it is invalid. */
  id(index: number): number | null | undefined {
    const begin = this.#ids[index]!;
    return begin === 0 ? undefined : this.#countAt(begin) ?? null;
  }

  /** The stream that a request names, if it is a `credit` without an id; `undefined` if it names none. */
  creditStream(index: number): number | undefined {
    const begin = this.#creditSubs?.[index];
    return begin === undefined ? undefined : this.#countAt(begin);
  }

  /** The end of the part that begins at an index and can be decoded at once: at most `most`, but at least one request. */
  endOfPart(begin: number, maxIndex: number): number {
    const cost = this.#costs[begin]! + 1;
    let end = begin + 1;
    while (end < maxIndex && this.#costs[end + 1]! <= cost) end++;
    return end;
  }

  /** The text of some requests, as an array. */
  sliceText(begin: number, end: number): string {
    return `[${this.#text.slice(this.#begins[begin]!, this.#begins[end]! - 1)}]`;
  }

  /** The whole number that begins at a position; `undefined` if something else does. */
  #countAt(begin: number): number | undefined {
    const number = Number(numberAt(this.#text, begin) || NaN);
    return isCount(number) ? number : undefined;
  }

  #addRequest(request: RequestScan, end: number): void {
    const { kind, bodies, excess, marks, creditSub } = request;
    const index = this.#kinds.length;
    const size = Math.max(1, bodies);
    const cost = marks / PART_BUDGET.marks + size / PART_BUDGET.bodies +
      (end - this.#begins[index]!) / PART_BUDGET.characters;
    if (kind === "control") this.controlRequests++;
    else if (kind === "legacy put") this.legacyPuts++;
    else this.countedRequests += size;
    this.#kinds.push(kind);
    this.#ids.push(request.id);
    this.#counts.push(this.countedRequests);
    this.#costs.push(this.#costs[index]! + cost);
    this.#begins.push(end + 1);
    if (creditSub > 0) (this.#creditSubs ??= [])[index] = creditSub;
    if (excess) (this.#excesses ??= [])[index] = excess;
  }
}

function isBlankFrom(text: string, at: number): boolean {
  return skipWhitespace(text, at) === text.length;
}

const NUMBER = /[-+.eE\d]*/y;

/** The number that begins at a position, as it is written; `""` if there is none. */
function numberAt(text: string, begin: number): string {
  NUMBER.lastIndex = begin;
  return NUMBER.exec(text)![0];
}
