/**
 * A frame that is read part by part, because it is large, or because not all of it is done.
 *
 * @module
 */

import { type Encode, encoderFor } from "./body.ts";
import { decodeRequest } from "./decode_requests.ts";
import type { WireError } from "./errors.ts";
import { tooMany } from "./fields.ts";
import type { FrameScan } from "./frame_scan.ts";
import type { Frame } from "./frames.ts";
import { strictJson } from "./json_text.ts";
import type { Limits } from "./limits.ts";
import { hasScalar, withTexts } from "./plain_values.ts";
import { type Excess, MAX_DEPTH, MAX_FIELDS } from "./request_scan.ts";
import type { RefusedRequest, Request } from "./requests.ts";

/** Where a frame counts for more than that, the rest of it is refused, and with what. */
export interface Cut {
  readonly after: number;
  readonly error: WireError;
  /** Puts of dsmq 1.x are refused as well, though they do not count. */
  readonly all?: boolean;
}

const EXCESS: Readonly<Record<Excess, WireError>> = {
  depth: {
    code: "bad_request",
    message: `Cannot read request: it is nested deeper than ${MAX_DEPTH} levels`,
  },
  fields: tooMany(
    "read request",
    MAX_FIELDS,
    "it has more fields, or its frame more names for them",
  ),
};

const NOT_JSON: WireError = {
  code: "bad_request",
  message: "Cannot read request: its frame is not JSON",
};

/** Reads the requests of a frame as their turn comes. */
export class ScannedFrame implements Frame {
  readonly batched: boolean;
  readonly length: number;
  /** What those count for that are not beyond the cut. */
  readonly most: number;
  readonly #scan: FrameScan;
  readonly #limits: Limits;
  readonly #cut: Cut;
  /** From here on it is not JSON. */
  #broken = Infinity;

  /** Has read nothing; what is beyond a cut, or beyond what a frame may hold, is refused. */
  constructor(scan: FrameScan, limits: Limits, cut?: Cut) {
    this.batched = scan.batched;
    this.length = scan.length;
    this.#scan = scan;
    this.#limits = limits;
    const { frameRequests } = limits;
    this.#cut = cut && cut.after < frameRequests ? cut : {
      after: frameRequests,
      error: tooMany("do request", frameRequests, `its frame has ${scan.counting} requests`),
    };
    this.most = scan.countWithin(this.#cut.after);
  }

  requests(begin: number, most: number): readonly Request[] {
    const scan = this.#scan;
    let end = begin;
    const refused: Request[] = [];
    for (let error; end < most && (error = this.#error(end)); end++) {
      refused.push(refuseScanned(scan, end, error));
    }
    if (end > begin) return refused;
    end++;
    while (end < most && !this.#error(end)) end++;
    end = scan.endOfPart(begin, end);
    const source = scan.slice(begin, end);
    const items = parsed(source) ?? parsedOf1x(scan, begin, end);
    if (items?.length !== end - begin) {
      this.#broken = begin;
      return this.requests(begin, most);
    }
    const encode = encoderFor(source);
    return items.map((item, i) => readItem(item, scan, begin + i, this.#limits, encode));
  }

  counting(begin: number): number {
    return Math.max(0, this.most - this.#scan.countBefore(begin));
  }

  /** Why a request is not done. */
  #error(place: number): WireError | undefined {
    if (place >= this.#broken) return NOT_JSON;
    const kind = this.#scan.kind(place);
    const { after, error, all } = this.#cut;
    const isRefused = kind === "plain put" ? all : this.#scan.countBefore(place + 1) > after;
    if (isRefused && kind !== "control") return error;
    const excess = this.#scan.excess(place);
    return excess && EXCESS[excess];
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
export function parsedOf1x(scan: FrameScan, begin: number, end: number): unknown[] | undefined {
  const source = scan.slice(begin, end);
  const strict = strictJson(source);
  if (strict === source) return undefined;
  for (let place = begin; place < end; place++) {
    if (scan.id(place) === undefined) continue;
    const own = scan.slice(place, place + 1);
    if (strictJson(own) !== own) return undefined;
  }
  return parsed(strict);
}

/** Understands one request; `undefined` if it cannot be read. */
export function readOne(scan: FrameScan, place: number, limits: Limits): Request | undefined {
  const source = scan.slice(place, place + 1);
  const items = scan.excess(place) ? undefined : parsed(source);
  return items?.length === 1
    ? readItem(items[0], scan, place, limits, encoderFor(source))
    : undefined;
}

/** Refuses a request that is not read. */
export function refuseScanned(scan: FrameScan, place: number, error: WireError): RefusedRequest {
  const awaited = scan.kind(place) === "plain read";
  return { action: "refused", id: scan.id(place), awaited, error };
}

function readItem(
  item: unknown,
  scan: FrameScan,
  place: number,
  limits: Limits,
  encode: Encode,
): Request {
  const texts = hasScalar(item) ? withTexts(item, scan.slice(place, place + 1)) : item;
  return decodeRequest(texts, limits, encode);
}

function parsed(json: string): unknown[] | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
