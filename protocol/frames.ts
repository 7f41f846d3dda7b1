/**
 * What one frame of a client says, understood part by part.
 *
 * @module
 */

import { type Encode, encoderFor } from "./body.ts";
import { decodeRequest } from "./decode_requests.ts";
import type { WireError } from "./errors.ts";
import { refuse } from "./fields.ts";
import { FrameScan } from "./frame_scan.ts";
import { strictJson } from "./json_text.ts";
import { type Limits, USUAL_LIMITS } from "./limits.ts";
import { hasScalar, withTexts } from "./plain_values.ts";
import type { HeartbeatRequest, RefusedRequest, Request } from "./requests.ts";
import { type Cut, parsedOf1x, readOne, refuseScanned, ScannedFrame } from "./scanned_frame.ts";

/** What one frame says. */
export interface Frame {
  /** The frame was an array, and is answered with arrays. */
  readonly batched: boolean;
  /** How many requests it has. */
  readonly length: number;
  /**
   * Understands some of them: one at least, and no more than can be understood without a pause. Of those beyond a limit
   * nothing is looked at but how they are answered.
   */
  requests(begin: number, end: number): readonly Request[];
  /** They count for no more than that together. */
  readonly most: number;
  /** What those from a place on count for among the requests that wait to be done, without those that are refused. */
  counting(begin: number): number;
}

/** Requests that are understood already. */
export class KnownFrame implements Frame {
  readonly most = 0;
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

/** Up to so many characters a frame is read as a whole: whatever stands in it, that takes some milliseconds. */
export const AT_ONCE = 72 * 1024;

/**
 * Scans a frame for what it asks.
 *
 * @param data the data of a frame
 * @param most where its requests count for more, it is not scanned to its end
 * @returns what was seen; `undefined` if it cannot be read
 */
export function scanFrame(data: unknown, most: number): FrameScan | undefined {
  return typeof data === "string" ? FrameScan.of(data, most) : undefined;
}

/**
 * Reads what a socket said. Never throws: what is wrong comes back as a refused request.
 *
 * @param data the text of a frame; anything else is refused
 * @param limits the limits that requests are held to
 * @param cut where a frame that is too much for its connection has its end
 * @param scan what was seen in it, if it was scanned
 * @returns the frame
 */
export function readFrame(data: unknown, limits: Limits, cut?: Cut, scan?: FrameScan): Frame {
  if (typeof data !== "string") return unreadable("it is binary, not text");
  if (scan && !scan.good) return unreadable("it is not JSON");
  if (data.length <= AT_ONCE && !scan) {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      // Most of what is not JSON is not Python's either, and is not looked at any further.
      if (strictJson(data) !== data) scan = FrameScan.of(data, Infinity);
      if (!scan || !parsedOf1x(scan, 0, scan.length)) return unreadable("it is not JSON");
    }
    if (!scan) {
      const frame = new ParsedFrame(value, data, limits);
      if (frame.most <= Math.min(limits.frameRequests, cut?.after ?? Infinity)) return frame;
    }
  }
  scan ??= FrameScan.of(data, Infinity);
  return scan ? new ScannedFrame(scan, limits, cut) : unreadable("it is not JSON");
}

/**
 * Refuses what asks for work in a frame: nothing else of it is kept. Control requests are not refused.
 *
 * @param scan what was seen in it; `undefined` if it cannot be read
 * @param limits the limits that requests are held to
 * @param error why it is refused
 * @returns whether it was an array, those that are still to be done or answered, and those that have no answer
 */
export function refuseFrame(scan: FrameScan | undefined, limits: Limits, error: WireError): {
  readonly batched: boolean;
  readonly left: readonly Request[];
  readonly unanswered: readonly RefusedRequest[];
} {
  if (!scan) return { batched: false, left: [], unanswered: [unreadableFrame("it is not JSON")] };
  const left: Request[] = [];
  const unanswered: RefusedRequest[] = [];
  for (let place = 0; place < scan.length; place++) {
    const request = (scan.kind(place) === "control" ? readOne(scan, place, limits) : undefined) ??
      refuseScanned(scan, place, error);
    const { action, id } = request;
    if (action !== "refused" || id !== undefined || request.awaited) left.push(request);
    else unanswered.push(request);
  }
  return { batched: scan.batched, left, unanswered };
}

const HEARTBEAT = '{"action":"heartbeat"';

/** Whether a frame begins as a heartbeat that stands alone, and is no longer than one. */
export function isHeartbeat(data: unknown): data is string {
  return typeof data === "string" && data.length <= 64 && data.startsWith(HEARTBEAT);
}

/**
 * Understands a heartbeat that stands alone and has no answer: it counts when it arrives, not in its turn.
 *
 * @param data the data of a frame
 * @returns the heartbeat; `undefined` if it is anything else
 */
export function readHeartbeat(data: unknown): HeartbeatRequest | undefined {
  if (!isHeartbeat(data)) return undefined;
  try {
    const request = decodeRequest(JSON.parse(data), USUAL_LIMITS, encoderFor(data));
    return request.action === "heartbeat" && request.id === undefined ? request : undefined;
  } catch {
    return undefined;
  }
}

/** A frame that was read as a whole. */
class ParsedFrame implements Frame {
  readonly batched: boolean;
  readonly length: number;
  readonly most: number;
  readonly #items: readonly unknown[];
  readonly #source: string;
  readonly #limits: Limits;
  readonly #encode: Encode;
  #scan: FrameScan | undefined;

  constructor(value: unknown, source: string, limits: Limits) {
    this.batched = Array.isArray(value);
    this.#items = this.batched ? value as unknown[] : [value];
    this.length = this.#items.length;
    this.most = sizeOf(this.#items);
    this.#source = source;
    this.#limits = limits;
    this.#encode = encoderFor(source);
  }

  requests(begin: number, end: number): readonly Request[] {
    return this.#items.slice(begin, end).map((item, i) =>
      decodeRequest(
        hasScalar(item) ? withTexts(item, this.#scanned.slice(begin + i, begin + i + 1)) : item,
        this.#limits,
        this.#encode,
      )
    );
  }

  counting(begin: number): number {
    const scan = this.#scanned;
    return scan.counting - scan.countBefore(begin);
  }

  /** Seldom needed. */
  get #scanned(): FrameScan {
    // What is JSON can be scanned.
    return this.#scan ??= FrameScan.of(this.#source, Infinity)!;
  }
}

/** What requests count for, if all of them do. */
function sizeOf(items: readonly unknown[]): number {
  let size = items.length;
  for (const item of items) {
    const messages = (item as { messages?: unknown } | null)?.messages;
    if (Array.isArray(messages) && messages.length > 1) size += messages.length - 1;
  }
  return size;
}

function unreadable(why: string): Frame {
  return new KnownFrame(false, [unreadableFrame(why)]);
}

function unreadableFrame(why: string): RefusedRequest {
  return refuse({}, "bad_request", `Cannot read frame: ${why}`);
}
