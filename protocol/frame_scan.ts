/**
 * What stands in a frame, found out without making objects of it: where each request begins, what it counts for, and
 * what it would cost to read. That takes time in proportion to the length, whatever stands there.
 *
 * A scan trusts in nothing but quotes and brackets. Where a part of the text is JSON, it has seen it as `JSON.parse` does;
 * where it is not, `JSON.parse` says so when that part is read.
 *
 * @module
 */

import { isCount } from "./fields.ts";
import { afterSpace } from "./json_text.ts";
import { type Excess, type Kind, RequestScan } from "./request_scan.ts";

/** What is read at once takes some milliseconds: so many marks, or messages, or characters, or some of each. */
const PART = { marks: 16_384, messages: 2048, characters: 1024 * 1024 };

/** The requests of a frame, by their places in it. */
export class FrameScan {
  /** The frame is an array. */
  readonly batched: boolean;
  /** What the requests count for together: a list of messages as many as it has, any other one. */
  counting = 0;
  /** How many control requests there are, and how many puts of dsmq 1.x: these do not count. */
  controls = 0;
  plainPuts = 0;
  /** It would count for more than it was scanned for, and was not scanned to its end. */
  tooMany = false;
  readonly #text: string;
  /** Where each begins, and one more would. */
  readonly #begins: number[] = [];
  /** What those before each count for, and cost to read. */
  readonly #counts: number[] = [0];
  readonly #costs: number[] = [0];
  readonly #kinds: Kind[] = [];
  /** Where its `id` begins; 0 if it has none. */
  readonly #ids: number[] = [];
  #excesses: Excess[] | undefined;

  readonly #most: number;
  readonly #request: RequestScan;
  /** Up to here it was scanned; it is done, and is JSON as far as was seen. */
  #at: number;
  #done = false;
  #good = false;

  /**
   * Begins to scan a frame; nothing but its first bracket was seen.
   *
   * @param text its text
   * @param most where its requests count for more, it is not scanned to its end
   */
  constructor(text: string, most: number) {
    let at = afterSpace(text, 0);
    this.#text = text;
    this.#most = most;
    this.batched = text[at] === "[";
    if (this.batched) at = afterSpace(text, at + 1);
    this.#begins.push(at);
    this.#request = new RequestScan(text);
    this.#at = at;
    if (this.batched && text[at] === "]") this.#end(isSpaceFrom(text, at + 1));
  }

  /**
   * Scans a frame.
   *
   * @param text its text
   * @param most where its requests count for more, it is not scanned to its end
   * @returns what was seen; `undefined` if it is not JSON
   */
  static of(text: string, most: number): FrameScan | undefined {
    const scan = new FrameScan(text, most);
    while (scan.goOn(Infinity));
    return scan.good ? scan : undefined;
  }

  /** It is JSON, as far as was seen. */
  get good(): boolean {
    return this.#good;
  }

  /**
   * Scans on, for about so many characters: to the end of a string where they are over.
   *
   * @param characters how many
   * @returns whether there is more
   */
  goOn(characters: number): boolean {
    const text = this.#text;
    const to = this.#at + characters;
    while (!this.#done && this.#at < to) {
      const end = this.#request.read(this.#at, to);
      if (end === undefined) return this.#end(false);
      if (this.#request.isWithin) {
        this.#at = end;
        break;
      }
      this.#add(this.#request, end);
      if (this.counting > this.#most) {
        this.tooMany = true;
        return this.#end(true);
      }
      this.#at = end + 1;
      if (!this.batched) return this.#end(end === text.length);
      if (text[end] === "]") return this.#end(isSpaceFrom(text, this.#at));
      if (text[end] !== ",") return this.#end(false);
    }
    return !this.#done;
  }

  #end(good: boolean): false {
    this.#done = true;
    this.#good = good;
    return false;
  }

  /** How many requests there are. */
  get length(): number {
    return this.#kinds.length;
  }

  /** How a request counts. */
  kind(place: number): Kind {
    return this.#kinds[place]!;
  }

  /** Why a request is too much to be read, if it is. */
  excess(place: number): Excess | undefined {
    return this.#excesses?.[place];
  }

  /** What the requests before a place count for. */
  countBefore(place: number): number {
    return this.#counts[place]!;
  }

  /** What the first requests count for, as many as count for no more than `most` together. */
  countWithin(most: number): number {
    if (most >= this.counting) return this.counting;
    let low = 0;
    for (let high = this.length; low < high;) {
      const middle = (low + high + 1) >> 1;
      if (this.#counts[middle]! <= most) low = middle;
      else high = middle - 1;
    }
    return this.#counts[low]!;
  }

  /** The `id` of a request; `null` if it is invalid. */
  id(place: number): number | null | undefined {
    const begin = this.#ids[place]!;
    if (begin === 0) return undefined;
    const id = Number(numberAt(this.#text, begin) || NaN);
    return isCount(id) ? id : null;
  }

  /** Where the part ends that begins at a place and can be read at once: before `most`, but after one request at least. */
  endOfPart(begin: number, most: number): number {
    const cost = this.#costs[begin]! + 1;
    let end = begin + 1;
    while (end < most && this.#costs[end + 1]! <= cost) end++;
    return end;
  }

  /** The text of some requests, as an array. */
  slice(begin: number, end: number): string {
    return `[${this.#text.slice(this.#begins[begin]!, this.#begins[end]! - 1)}]`;
  }

  #add(request: RequestScan, end: number): void {
    const { kind, messages, excess, marks } = request;
    const place = this.#kinds.length;
    const size = Math.max(1, messages);
    const cost = marks / PART.marks + size / PART.messages +
      (end - this.#begins[place]!) / PART.characters;
    if (kind === "control") this.controls++;
    else if (kind === "plain put") this.plainPuts++;
    else this.counting += size;
    this.#kinds.push(kind);
    this.#ids.push(request.id);
    this.#counts.push(this.counting);
    this.#costs.push(this.#costs[place]! + cost);
    this.#begins.push(end + 1);
    if (excess) (this.#excesses ??= [])[place] = excess;
  }
}

function isSpaceFrom(text: string, at: number): boolean {
  return afterSpace(text, at) === text.length;
}

const NUMBER = /[-+.eE\d]*/y;

/** The number that begins at a place, as it is written; `""` if none does. */
function numberAt(text: string, begin: number): string {
  NUMBER.lastIndex = begin;
  return NUMBER.exec(text)![0];
}
