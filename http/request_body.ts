/**
 * The body of a request: bounded in size, in memory and in time.
 *
 * @module
 */

import { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { MIN_PEER_SPEED } from "../protocol/heartbeat.ts";
import type { WireError } from "../protocol/errors.ts";
import type { HeapTimer } from "../queue/timer_heap.ts";
import { dropBody } from "../transports/drop_body.ts";
import { mediaTypeOf } from "./accept.ts";
import { joinBytes } from "./bytes.ts";
import type { HttpCall } from "./http_call.ts";
import type { Unfinished } from "./http_readers.ts";
import { badRequest, HttpProblem } from "./problem.ts";

/** How long a body may take to arrive, in milliseconds, besides what its size takes on a slow line. */
const BODY_TIMEOUT = 10_000;

/** Up to this size a body is charged to nobody, in bytes: there is at most one for each connection. */
const SMALL_BYTES = 16 * 1024;

const NOTHING = new Uint8Array();

/** Reads the bytes of a body; it may stop once they are too late. */
type ReadBytes = (isLate: () => boolean) => Promise<Uint8Array>;

/**
 * Reads the body of a request.
 *
 * @param call the request
 * @param limit the largest body, in bytes
 * @param tooLarge the problem of a larger one, which is found before the body is read if the client says how large it is
 * @returns the bytes
 * @throws {HttpProblem} 408, 411, 413, 415, or 429 if bodies take too much memory
 */
export async function readBody(
  call: HttpCall,
  limit: number,
  tooLarge: (bytes: number) => HttpProblem,
): Promise<Uint8Array> {
  const { request } = call;
  const { headers } = request;
  refuseEncodings(headers);
  const length = headers.get("content-length");
  const declared = length === null ? undefined : Number(length);
  if (declared === undefined && !mayHaveBody(request)) {
    throw badRequest("The length of the body is missing: send Content-Length, 0 if it is empty", {
      status: 411,
    });
  }
  if (declared !== undefined && declared > limit) throw tooLarge(declared);
  if (declared === 0) return NOTHING;
  const size = declared ?? limit;
  const read: ReadBytes = (isLate) =>
    declared === undefined ? readChunks(request, limit, tooLarge, isLate) : request.bytes();
  return await (size <= SMALL_BYTES ? inTime(call, size, read) : inBudget(call, size, read));
}

/** Reads a body of this size, if there is memory for it. */
async function inBudget(call: HttpCall, size: number, read: ReadBytes): Promise<Uint8Array> {
  const budgets = new ConnectionBudgets(call.context.shared.budgets, call.holder);
  try {
    if (!budgets.of("totalInFlightBytes").take(size)) {
      throw new HttpProblem(budgets.budgetError("totalInFlightBytes", "read the body"));
    }
    return await inTime(call, size, read);
  } finally {
    budgets.close();
  }
}

const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i;

/** What is stored is text: a body that is compressed, or in another encoding than UTF-8, would be taken for something else. */
function refuseEncodings(headers: Headers): void {
  const coding = headers.get("content-encoding");
  if (coding !== null && coding.trim().toLowerCase() !== "identity") {
    throw badRequest(`The body must not be compressed, got Content-Encoding: ${coding}`, {
      status: 415,
      headers: { "accept-encoding": "identity" },
    });
  }
  const transfer = headers.get("transfer-encoding");
  if (transfer !== null && transfer.trim().toLowerCase() !== "chunked") {
    throw badRequest(`The body must be in chunks or as it is, got Transfer-Encoding: ${transfer}`, {
      status: 415,
    });
  }
  const type = headers.get("content-type");
  const charset = type?.includes(";") ? CHARSET.exec(type)?.[1] : undefined;
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw badRequest(`The body must be UTF-8, got charset=${charset}`, { status: 415 });
  }
}

/** Whether there can be a body, though its length is not said: it comes in chunks, or by HTTP/2, which has no such header. */
function mayHaveBody({ headers, body }: Request): boolean {
  if (headers.get("transfer-encoding") !== null) return true;
  return headers.get("host") === null && body !== null;
}

/** Reads a body whose size is not known before. */
async function readChunks(
  request: Request,
  limit: number,
  tooLarge: (bytes: number) => HttpProblem,
  isLate: () => boolean,
): Promise<Uint8Array> {
  const { body } = request;
  if (!body) return NOTHING;
  const chunks: Uint8Array[] = [];
  let size = 0;
  let isRefused = false;
  for await (const chunk of body.values({ preventCancel: true })) {
    size += chunk.length;
    isRefused = isLate() || size > limit;
    if (isRefused) break;
    // A copy: Deno gives each part a buffer of 64 KiB, also if it is one byte.
    chunks.push(chunk.slice());
  }
  if (!isRefused) return joinBytes(chunks);
  await dropBody(request, body);
  // If it is late, that was said before.
  throw new HttpProblem(tooLarge(size).error, { headers: CLOSE });
}

/** Reads a body of this size, unless that takes too long, or its client leaves. */
function inTime(
  { readers: { unfinished }, context: { shared: { queue: { timers } } } }: HttpCall,
  size: number,
  read: ReadBytes,
): Promise<Uint8Array> {
  // Not a race of two promises, which would take as long as to store the message.
  return new Promise((resolve, reject) => {
    let isLate = false;
    const end = (problem: HttpProblem) => {
      isLate = true;
      stopTimer();
      reject(problem);
    };
    const timer: HeapTimer & Unfinished = {
      due: 0,
      index: -1,
      onTimeout() {
        end(badRequest("The body did not arrive in time", { status: 408, headers: CLOSE }));
      },
      abandon: () => end(new HttpProblem(STOPPED, { headers: CLOSE })),
    };
    const stopTimer = () => {
      unfinished.delete(timer);
      if (timer.index >= 0) timers.remove(timer);
    };
    unfinished.add(timer);
    timers.add(timer, BODY_TIMEOUT + 1000 * size / MIN_PEER_SPEED);
    read(() => isLate).then((bytes) => {
      stopTimer();
      resolve(bytes);
    }, (error) => {
      stopTimer();
      // Its client has left, or what it sent is no body: as a rule nobody gets this.
      const ended = () =>
        badRequest("The body ended before all of it had arrived", { headers: CLOSE });
      reject(error instanceof HttpProblem ? error : ended());
    });
  });
}

const STOPPED: WireError = {
  code: "shutting_down",
  message: "Cannot read the body: the server has stopped before all of it had arrived",
};

const CLOSE = { connection: "close" };

/** ASCII of up to this size is decoded here: to ask the platform takes longer than to store the message. */
const SHORT_BYTES = 256;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes UTF-8 exactly.
 *
 * @param bytes what was sent
 * @returns the text; `undefined` if the bytes are ill-formed
 */
export function decodeBody(bytes: Uint8Array): string | undefined {
  if (bytes.length <= SHORT_BYTES && isAsciiBytes(bytes)) {
    return Reflect.apply(String.fromCharCode, undefined, bytes);
  }
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

function isAsciiBytes(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 127) return false;
  return true;
}

/** Whether the body of a request has this media type. */
export function hasType({ headers }: Request, type: string): boolean {
  return mediaTypeOf(headers.get("content-type")) === type;
}
