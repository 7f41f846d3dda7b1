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
  /** How many of those from a place on count among the requests that wait to be done, and are not refused. */
  counting(begin: number): number;
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

  counting(): number {
    return 0;
  }
}

/** After how many requests of a frame that count the others are refused, and with what. */
export interface Cut {
  readonly after: number;
  readonly error: WireError;
  /** Those that do not count are refused, too, but for control requests. */
  readonly whole?: boolean;
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
  const value = parsed(data);
  if (value === undefined) return unreadable("it is not JSON");
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
  const frame = readFrame(data, limits, { after: 0, error, whole: true });
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

/**
 * Counts the requests of a frame.
 *
 * @param data the data of a frame
 * @returns how many count among those that wait to be done: at least one, for a frame that asks for nothing costs
 * something, too, unless it has nothing but control requests and puts of dsmq 1.x; and how many are such puts
 */
export function countRequests(
  data: unknown,
): { readonly counting: number; readonly plainPuts: number } {
  const value = typeof data === "string" ? parsed(data) : undefined;
  const items: readonly unknown[] = Array.isArray(value) && value.length > 0 ? value : [value];
  return { counting: items.filter(counts).length, plainPuts: items.filter(isPlainPut).length };
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
  readonly #error: WireError;
  /** Which are refused, if any are. */
  readonly #refused: readonly boolean[] | undefined;
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
    const { after, error, whole = false } = cut && cut.after < frameRequests ? cut : {
      after: frameRequests,
      error: tooMany("do request", frameRequests, `its frame has ${items.length} requests`),
    };
    this.#error = error;
    let counted = 0;
    if (items.length > after) {
      this.#refused = items.map((item) =>
        whole ? !isControl(item) : counts(item) && ++counted > after
      );
    }
    // How numbers were written is found out by reading all again, which a frame that is too long is not worth.
    this.#exact = items.length <= frameRequests && after > 0;
    this.#items = this.#exact ? withNumbersAsText(items, source) : items;
    this.#encode = encoderFor(source);
  }

  requests(begin: number, end: number): readonly Request[] {
    const items = this.#items.slice(begin, end);
    return (this.#exact ? items : withNumbersAsText(items)).map((item, i) =>
      this.#refused?.[begin + i]
        ? refuseWith(isObject(item) ? item : {}, this.#error)
        : decodeRequest(item, this.#limits, this.#encode)
    );
  }

  counting(begin: number): number {
    let counting = 0;
    for (let i = begin; i < this.length; i++) {
      if (!this.#refused?.[i] && counts(this.#items[i])) counting++;
    }
    return counting;
  }
}

/**
 * Whether a request counts among those that wait to be done. Control requests do not. Nor does a put of dsmq 1.x: nobody
 * would learn that it was refused, so its bytes have to do.
 */
function counts(item: unknown): boolean {
  return !isControl(item) && !isPlainPut(item);
}

function isControl(item: unknown): boolean {
  return isObject(item) && CONTROLS.has(item.action);
}

function isPlainPut(item: unknown): boolean {
  return isObject(item) && item.action === "put" && item.id === undefined;
}

/** What a JSON text says; `undefined` if it is none. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isObject(item: unknown): item is Fields {
  return item !== null && typeof item === "object" && !Array.isArray(item);
}

function unreadable(why: string): Frame {
  return new KnownFrame(false, [refuse({}, "bad_request", `Cannot read frame: ${why}`)]);
}
