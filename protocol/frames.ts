/**
 * What one frame of a client says, understood part by part.
 *
 * @module
 */

import { type Encode, encoderFor } from "./body.ts";
import type { WireError } from "./errors.ts";
import { type Fields, refuse, refuseWith, tooMany } from "./fields.ts";
import { type Limits, USUAL_LIMITS } from "./limits.ts";
import { withNumbersAsText } from "./numbers.ts";
import {
  decodeRequest,
  type HeartbeatRequest,
  type RefusedRequest,
  type Request,
} from "./requests.ts";

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
 * Reads what a socket said and refuses what asks for work: nothing else of it is kept. Control requests are not
 * refused.
 *
 * @param data the text of a frame
 * @param limits the limits that requests are held to
 * @param error why it is refused
 * @returns whether it was an array, those that are still to be done or answered, and those that have no answer
 */
export function refuseFrame(data: unknown, limits: Limits, error: WireError): {
  readonly batched: boolean;
  readonly left: readonly Request[];
  readonly unanswered: readonly RefusedRequest[];
} {
  const frame = readFrame(data, limits, { after: 0, error });
  const left: Request[] = [];
  const unanswered: RefusedRequest[] = [];
  for (const request of frame.requests(0, frame.length)) {
    const { action, id } = request;
    if (action !== "refused" || id !== undefined || request.awaited) left.push(request);
    else unanswered.push(request);
  }
  return { batched: frame.batched, left, unanswered };
}

/** They cost next to nothing, and may have no answer: so they are done even where there is no room for more. */
const CONTROLS: ReadonlySet<unknown> = new Set([
  "cancel",
  "credit",
  "unsubscribe",
  "heartbeat",
  "close",
]);

/** In the text of a frame each request that asks for something has this once. */
const ACTION = /"action":("(?:cancel|credit|unsubscribe|heartbeat|close)")?/g;

/**
 * How many requests of a frame count among those that wait to be done: at least one, for a frame that asks for nothing
 * costs something, too; but none for control requests, nor for a put of dsmq 1.x: nobody would learn that it was
 * refused, so its bytes have to do.
 *
 * @param data the text of a frame
 */
export function countRequests(data: unknown): number {
  if (typeof data !== "string") return 1;
  if (data.startsWith("{") && data.includes('"put"') && !data.includes('"id":')) return 0;
  let [requests, controls] = [0, 0];
  for (const [, control] of data.matchAll(ACTION)) control ? controls++ : requests++;
  return controls > 0 ? requests : Math.max(1, requests);
}

const HEARTBEAT = '{"action":"heartbeat"';

/**
 * Understands a heartbeat that stands alone and has no answer: it counts when it arrives, not in its turn.
 *
 * @param data the data of a frame
 * @returns the heartbeat; `undefined` if it is anything else
 */
export function readHeartbeat(data: unknown): HeartbeatRequest | undefined {
  if (typeof data !== "string" || data.length > 64 || !data.startsWith(HEARTBEAT)) return undefined;
  try {
    const request = decodeRequest(JSON.parse(data), USUAL_LIMITS, encoderFor(data));
    return request.action === "heartbeat" && request.id === undefined ? request : undefined;
  } catch {
    return undefined;
  }
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
      .map((item) =>
        isControl(item)
          ? decodeRequest(item, this.#limits, this.#encode)
          : refuseWith(isObject(item) ? item : {}, error)
      );
    return beyond.length === 0 ? good : [...good, ...beyond];
  }
}

function isControl(item: unknown): boolean {
  return isObject(item) && CONTROLS.has(item.action);
}

function isObject(item: unknown): item is Fields {
  return item !== null && typeof item === "object" && !Array.isArray(item);
}

function unreadable(why: string): Frame {
  return new KnownFrame(false, [refuse({}, "bad_request", `Cannot read frame: ${why}`)]);
}
