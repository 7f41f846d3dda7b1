/**
 * Reads frames of a client, part by part.
 *
 * @module
 */

import { bodyEncoderFor, type EncodeBody } from "./body.ts";
import { decodeRequest } from "./decode_requests.ts";
import type { WireError } from "./errors.ts";
import { FrameScan } from "./frame_scan.ts";
import { toStrictJson } from "./json_text.ts";
import { hasLegacyScalar, withScalarsAsText } from "./legacy_values.ts";
import type { Limits } from "./client_limits.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { refuseRequest } from "./request_fields.ts";
import type { HeartbeatRequest, RefusedRequest, WireRequest } from "./requests.ts";
import {
  decodeScannedRequest,
  type FrameCutoff,
  parseLegacyRequests,
  refuseScannedRequest,
  type RequestFrame,
  ScannedFrame,
} from "./scanned_frame.ts";

/** A frame of requests that are decoded already. */
export class DecodedFrame implements RequestFrame {
  readonly maxCount = 0;
  readonly batched: boolean;
  readonly #requests: readonly WireRequest[];

  /** Wraps the requests. */
  constructor(batched: boolean, requests: readonly WireRequest[]) {
    this.batched = batched;
    this.#requests = requests;
  }

  get length(): number {
    return this.#requests.length;
  }

  requests(begin: number, end: number): readonly WireRequest[] {
    return this.#requests.slice(begin, end);
  }

  countFrom(): number {
    return 0;
  }
}

/** Frames up to this many characters are parsed as a whole, which takes some milliseconds with any contents. */
export const MAX_PARSED_AT_ONCE = 72 * 1024;

/**
 * Scans a frame for its requests.
 *
 * @param data the data of a frame
 * @param maxCount the scan stops where the requests count for more
 * @returns the scan; `undefined` if the frame cannot be read
 */
export function scanFrame(data: unknown, maxCount: number): FrameScan | undefined {
  return typeof data === "string" ? FrameScan.scan(data, maxCount) : undefined;
}

/**
 * Reads a frame. Never throws: what is invalid becomes a rejected request.
 *
 * @param data the text of a frame; anything else is rejected
 * @param limits the limits that apply
 * @param cutoff where a frame ends that is too much for its connection
 * @param scan the scan, if the frame was scanned
 * @returns the frame
 */
export function readRequestFrame(
  data: unknown,
  limits: Limits,
  cutoff?: FrameCutoff,
  scan?: FrameScan,
): RequestFrame {
  if (typeof data !== "string") return unreadableFrame("it is binary, not text");
  if (scan && !scan.isValid) return unreadableFrame("it is not JSON");
  if (data.length <= MAX_PARSED_AT_ONCE && !scan) {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      // Python's `json` writes some values that JSON does not have.
      if (toStrictJson(data) !== data) scan = FrameScan.scan(data, Infinity);
      if (!scan || !parseLegacyRequests(scan, 0, scan.length)) {
        return unreadableFrame("it is not JSON");
      }
    }
    if (!scan) {
      const frame = new ParsedFrame(value, data, limits);
      if (frame.maxCount <= Math.min(limits.frameRequests, cutoff?.after ?? Infinity)) return frame;
    }
  }
  scan ??= FrameScan.scan(data, Infinity);
  return scan ? new ScannedFrame(scan, limits, cutoff) : unreadableFrame("it is not JSON");
}

/**
 * Rejects the requests of a frame that need work, and forgets the rest. Control requests are not rejected.
 *
 * @param scan the scan; `undefined` if the frame cannot be read
 * @param limits the limits that apply
 * @param error the error
 * @returns whether it was an array, the requests that are still to be done or answered, and those without an answer
 */
export function refuseFrame(scan: FrameScan | undefined, limits: Limits, error: WireError): {
  readonly batched: boolean;
  readonly remaining: readonly WireRequest[];
  readonly unanswered: readonly RefusedRequest[];
} {
  if (!scan) {
    return { batched: false, remaining: [], unanswered: [unreadableRequest("it is not JSON")] };
  }
  const remaining: WireRequest[] = [];
  const unanswered: RefusedRequest[] = [];
  for (let index = 0; index < scan.length; index++) {
    const request =
      (scan.kind(index) === "control" ? decodeScannedRequest(scan, index, limits) : undefined) ??
        refuseScannedRequest(scan, index, error);
    const hasAnswer = request.action !== "refused" || request.id !== undefined ||
      request.needsReply;
    if (hasAnswer) remaining.push(request);
    else unanswered.push(request);
  }
  return { batched: scan.batched, remaining, unanswered };
}

const HEARTBEAT_START = '{"action":"heartbeat"';

/** Whether a frame looks like a single heartbeat. */
export function isHeartbeatFrame(data: unknown): data is string {
  return typeof data === "string" && data.length <= 64 && data.startsWith(HEARTBEAT_START);
}

/**
 * Reads a single heartbeat that has no answer: it counts when it arrives, not in its turn.
 *
 * @param data the data of a frame
 * @returns the heartbeat; `undefined` if it is anything else
 */
export function parseHeartbeat(data: unknown): HeartbeatRequest | undefined {
  if (!isHeartbeatFrame(data)) return undefined;
  try {
    const request = decodeRequest(JSON.parse(data), DEFAULT_LIMITS, bodyEncoderFor(data));
    return request.action === "heartbeat" && request.id === undefined ? request : undefined;
  } catch {
    return undefined;
  }
}

/** A frame that was parsed as a whole. */
class ParsedFrame implements RequestFrame {
  readonly batched: boolean;
  readonly length: number;
  readonly maxCount: number;
  readonly #items: readonly unknown[];
  readonly #source: string;
  readonly #limits: Limits;
  readonly #encode: EncodeBody;
  #scan: FrameScan | undefined;

  constructor(value: unknown, source: string, limits: Limits) {
    this.batched = Array.isArray(value);
    this.#items = this.batched ? value as unknown[] : [value];
    this.length = this.#items.length;
    this.maxCount = countRequests(this.#items);
    this.#source = source;
    this.#limits = limits;
    this.#encode = bodyEncoderFor(source);
  }

  requests(begin: number, end: number): readonly WireRequest[] {
    return this.#items.slice(begin, end).map((item, i) =>
      decodeRequest(
        hasLegacyScalar(item)
          ? withScalarsAsText(item, this.#lazyScan.sliceText(begin + i, begin + i + 1))
          : item,
        this.#limits,
        this.#encode,
      )
    );
  }

  countFrom(begin: number): number {
    const scan = this.#lazyScan;
    return scan.countedRequests - scan.countBefore(begin);
  }

  /** Made when it is needed, which is rare. */
  get #lazyScan(): FrameScan {
    // JSON can always be scanned.
    return this.#scan ??= FrameScan.scan(this.#source, Infinity)!;
  }
}

/** How much requests count for at most. */
function countRequests(items: readonly unknown[]): number {
  let size = items.length;
  for (const item of items) {
    const bodies = (item as { bodies?: unknown } | null)?.bodies;
    if (Array.isArray(bodies) && bodies.length > 1) size += bodies.length - 1;
  }
  return size;
}

function unreadableFrame(reason: string): RequestFrame {
  return new DecodedFrame(false, [unreadableRequest(reason)]);
}

function unreadableRequest(reason: string): RefusedRequest {
  return refuseRequest({}, "bad_request", `Invalid frame: ${reason}`);
}
