/**
 * What one frame of a client says, understood part by part.
 *
 * @module
 */

import { type Encode, encoderFor } from "./body.ts";
import type { WireError } from "./errors.ts";
import { type Fields, refuse, refuseWith, tooMany } from "./fields.ts";
import type { Limits } from "./limits.ts";
import { withNumbersAsText } from "./numbers.ts";
import { decodeRequest, type RefusedRequest, type Request } from "./requests.ts";

/** What one frame says. */
export interface Frame {
  /** The frame was an array, and is answered with arrays. */
  readonly batched: boolean;
  /** How many requests it has. */
  readonly length: number;
  /** Understands some of them. Of those beyond a limit nothing is looked at but how they are answered. */
  requests(begin: number, end: number): readonly Request[];
}

/** Requests that are understood already. */
export class KnownFrame implements Frame {
  readonly batched: boolean;
  readonly #requests: readonly Request[];

  /** Wraps them. */
  constructor(batched: boolean, requests: readonly Request[]) {
    this.batched = batched;
    this.#requests = requests;
  }

  get length(): number {
    return this.#requests.length;
  }

  requests(begin: number, end: number): readonly Request[] {
    return this.#requests.slice(begin, end);
  }
}

/** Of how many requests of a frame those that follow are refused, and with what. */
export interface Cut {
  readonly after: number;
  readonly error: WireError;
}

/**
 * Reads what a socket said. Never throws: what is wrong comes back as a refused request.
 *
 * @param data the text of a frame; anything else is refused
 * @param limits the limits that requests are held to
 * @param cut where a frame that is too much for its connection has its end
 * @returns the frame
 */
export function readFrame(data: unknown, limits: Limits, cut?: Cut): Frame {
  if (typeof data !== "string") return unreadable("it is binary, not text");
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return unreadable("it is not JSON");
  }
  const batched = Array.isArray(value);
  const items = batched ? value as unknown[] : [value];
  return new ReadFrame(batched, items, data, limits, cut);
}

/**
 * Reads what a socket said and refuses all of it: nothing else of it is kept.
 *
 * @param data the text of a frame
 * @param limits the limits that requests are held to
 * @param error why it is refused
 * @returns whether it was an array, those that have an answer, and those that have none
 */
export function refuseFrame(data: unknown, limits: Limits, error: WireError): {
  readonly batched: boolean;
  readonly answered: readonly RefusedRequest[];
  readonly unanswered: readonly RefusedRequest[];
} {
  const frame = readFrame(data, limits, { after: 0, error });
  const refused = frame.requests(0, frame.length) as readonly RefusedRequest[];
  const hasAnswer = ({ id, awaited }: RefusedRequest) => id !== undefined || awaited;
  return {
    batched: frame.batched,
    answered: refused.filter(hasAnswer),
    unanswered: refused.filter((request) => !hasAnswer(request)),
  };
}

/**
 * Understands all that a socket said at once.
 *
 * @param data the text of a frame; anything else is refused
 * @param limits the limits that requests are held to
 * @returns the requests of the frame, in order
 */
export function decodeFrame(
  data: unknown,
  limits: Limits,
): { readonly batched: boolean; readonly requests: readonly Request[] } {
  const frame = readFrame(data, limits);
  return { batched: frame.batched, requests: frame.requests(0, frame.length) };
}

class ReadFrame implements Frame {
  readonly batched: boolean;
  readonly length: number;
  readonly #items: readonly unknown[];
  readonly #limits: Limits;
  readonly #encode: Encode;
  readonly #cut: Cut;
  readonly #exact: boolean;

  constructor(
    batched: boolean,
    items: readonly unknown[],
    source: string,
    limits: Limits,
    cut: Cut | undefined,
  ) {
    this.batched = batched;
    this.length = items.length;
    this.#limits = limits;
    const { frameRequests } = limits;
    this.#cut = cut && cut.after < frameRequests ? cut : {
      after: frameRequests,
      error: tooMany("do request", frameRequests, `its frame has ${items.length} requests`),
    };
    // How numbers were written is found out by reading all again, which a frame that is too long is not worth.
    this.#exact = items.length <= frameRequests && this.#cut.after > 0;
    this.#items = this.#exact ? withNumbersAsText(items, source) : items;
    this.#encode = encoderFor(source);
  }

  requests(begin: number, end: number): readonly Request[] {
    const { after, error } = this.#cut;
    const taken = this.#items.slice(begin, Math.min(end, Math.max(begin, after)));
    const good = (this.#exact ? taken : withNumbersAsText(taken))
      .map((item) => decodeRequest(item, this.#limits, this.#encode));
    const beyond = this.#items.slice(Math.max(begin, after), Math.max(end, after))
      .map((item) => refuseWith(isObject(item) ? item : {}, error));
    return beyond.length === 0 ? good : [...good, ...beyond];
  }
}

function isObject(item: unknown): item is Fields {
  return item !== null && typeof item === "object" && !Array.isArray(item);
}

function unreadable(why: string): Frame {
  return new KnownFrame(false, [refuse({}, "bad_request", `Cannot read frame: ${why}`)]);
}
