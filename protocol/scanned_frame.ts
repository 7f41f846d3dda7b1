/**
 * A frame that is read part by part, because it is large, or because not all of it is done.
 *
 * @module
 */

import { MAX_ATTRIBUTE_FIELDS } from "./attributes.ts";
import { bodyEncoderFor, type EncodeBody } from "./body.ts";
import { decodeRequest } from "./decode_requests.ts";
import type { WireError } from "./errors.ts";
import type { FrameScan } from "./frame_scan.ts";
import { MAX_CLAIMS } from "./group_limits.ts";
import { toStrictJson } from "./json_text.ts";
import { hasLegacyScalar, withScalarsAsText } from "./legacy_values.ts";
import type { Limits } from "./client_limits.ts";
import { limitExceeded } from "./request_fields.ts";
import { MAX_DEPTH, MAX_FIELDS, type RequestExcess } from "./request_scan.ts";
import type { CreditRequest, RefusedRequest, WireRequest } from "./requests.ts";

/** One frame of a client. */
export interface RequestFrame {
  /** The frame was an array, and is answered with arrays. */
  readonly batched: boolean;
  /** The number of requests. */
  readonly length: number;
  /**
   * Decodes some of them: at least one, and not more than can be decoded without a pause. Those beyond a limit are only
   * looked at for how they are answered.
   */
  requests(begin: number, end: number): readonly WireRequest[];
  /** An upper bound of what they count for together. */
  readonly maxCount: number;
  /** What the requests from an index on count for among those that wait, without rejected ones. */
  countFrom(begin: number): number;
}

/** Where a frame is cut: the rest of it is rejected, with this error. */
export interface FrameCutoff {
  readonly after: number;
  readonly error: WireError;
  /** Puts of dsmq 1.x are rejected as well, although they do not count. */
  readonly includesLegacyPuts?: boolean;
}

const EXCESS_ERRORS: Readonly<Record<RequestExcess, WireError>> = {
  depth: {
    code: "bad_request",
    message: `Invalid request: it is nested deeper than ${MAX_DEPTH} levels`,
  },
  fields: limitExceeded(
    "read request",
    MAX_FIELDS,
    "it has more fields, or its frame more names for them",
  ),
  attributes: limitExceeded(
    "put messages",
    MAX_ATTRIBUTE_FIELDS,
    "the attributes of a request have more fields together",
  ),
  jobs: limitExceeded("read request", MAX_CLAIMS, "its lists name more claims"),
};

const NOT_JSON: WireError = {
  code: "bad_request",
  message: "Invalid request: its frame is not JSON",
};

/** Reads the requests of a frame as their turn comes. */
export class ScannedFrame implements RequestFrame {
  readonly batched: boolean;
  readonly length: number;
  /** What those count for that are not beyond the cut. */
  readonly maxCount: number;
  readonly #scan: FrameScan;
  readonly #limits: Limits;
  readonly #cutoff: FrameCutoff;
  /** From here on it is not JSON. */
  #invalidFrom = Infinity;

  /** Has read nothing; what is beyond a cut, or beyond what a frame may hold, is refused. */
  constructor(scan: FrameScan, limits: Limits, cutoff?: FrameCutoff) {
    this.batched = scan.batched;
    this.length = scan.length;
    this.#scan = scan;
    this.#limits = limits;
    const { frameRequests } = limits;
    this.#cutoff = cutoff && cutoff.after < frameRequests ? cutoff : {
      after: frameRequests,
      error: limitExceeded(
        "handle request",
        frameRequests,
        `its frame has ${scan.countedRequests} requests`,
      ),
    };
    this.maxCount = scan.countUpTo(this.#cutoff.after);
  }

  requests(begin: number, maxCount: number): readonly WireRequest[] {
    const scan = this.#scan;
    let end = begin;
    const refused: WireRequest[] = [];
    for (let error; end < maxCount && (error = this.#errorAt(end)); end++) {
      refused.push(refuseScannedRequest(scan, end, error));
    }
    if (end > begin) return refused;
    end++;
    while (end < maxCount && !this.#errorAt(end)) end++;
    end = scan.endOfPart(begin, end);
    const source = scan.sliceText(begin, end);
    const items = parseArray(source) ?? parseLegacyRequests(scan, begin, end);
    if (items?.length !== end - begin) {
      this.#invalidFrom = begin;
      return this.requests(begin, maxCount);
    }
    const encode = bodyEncoderFor(source);
    return items.map((item, i) => decodeItem(item, scan, begin + i, this.#limits, encode));
  }

  countFrom(begin: number): number {
    return Math.max(0, this.maxCount - this.#scan.countBefore(begin));
  }

  /** Why a request is not done. */
  #errorAt(index: number): WireError | undefined {
    if (index >= this.#invalidFrom) return NOT_JSON;
    const kind = this.#scan.kind(index);
    const { after, error, includesLegacyPuts } = this.#cutoff;
    const isRefused = kind === "legacy put"
      ? includesLegacyPuts
      : this.#scan.countBefore(index + 1) > after;
    if (isRefused && kind !== "control") return error;
    const excess = this.#scan.excess(index);
    return excess && EXCESS_ERRORS[excess];
  }
}

/**
 * Parses requests that are what Python takes for JSON: of dsmq 1.x, for with an id they have to be JSON.
 *
 * @param scan what was seen in a frame that is not JSON
 * @param begin the first request to parse
 * @param end the place after the last one
 * @returns the requests; `undefined` if it is nothing of the kind
 */
export function parseLegacyRequests(
  scan: FrameScan,
  begin: number,
  end: number,
): unknown[] | undefined {
  const source = scan.sliceText(begin, end);
  const strictText = toStrictJson(source);
  if (strictText === source) return undefined;
  for (let index = begin; index < end; index++) {
    if (scan.id(index) === undefined) continue;
    const ownText = scan.sliceText(index, index + 1);
    if (toStrictJson(ownText) !== ownText) return undefined;
  }
  return parseArray(strictText);
}

/** Understands one request; `undefined` if it cannot be read. */
export function decodeScannedRequest(
  scan: FrameScan,
  index: number,
  limits: Limits,
): WireRequest | undefined {
  const source = scan.sliceText(index, index + 1);
  const items = scan.excess(index) ? undefined : parseArray(source);
  return items?.length === 1
    ? decodeItem(items[0], scan, index, limits, bodyEncoderFor(source))
    : undefined;
}

/** Refuses a request that is not read. A `credit` without a reply ends its stream: so it stays what it is. */
export function refuseScannedRequest(
  scan: FrameScan,
  index: number,
  error: WireError,
): RefusedRequest | CreditRequest {
  const sub = scan.creditStream(index);
  if (sub !== undefined) {
    return { action: "credit", id: undefined, sub, refusal: error, messages: 0, bytes: 0 };
  }
  const needsReply = scan.kind(index) === "legacy read";
  return { action: "refused", id: scan.id(index), needsReply, error };
}

function decodeItem(
  item: unknown,
  scan: FrameScan,
  index: number,
  limits: Limits,
  encode: EncodeBody,
): WireRequest {
  const texts = hasLegacyScalar(item)
    ? withScalarsAsText(item, scan.sliceText(index, index + 1))
    : item;
  return decodeRequest(texts, limits, encode);
}

function parseArray(json: string): unknown[] | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
