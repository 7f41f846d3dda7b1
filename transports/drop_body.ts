/**
 * What comes of a body that nobody wants: the rest of one that is too large, or one whose request was refused unread.
 *
 * Deno would drop it, too, if nobody had read it, or it was cancelled. But then `shutdown()` of its server waits for clients
 * that have sent a part and send nothing more; if the body is being read, it does not. On the other hand, what is read with
 * pauses takes memory that Deno does not give back, half as much as is sent. So a part is read, and then it is ended.
 *
 * @module
 */

import { networkPolled } from "../budgets/after_network_poll.ts";

/** So much of a body is read and dropped, in bytes: some clients read their response only once they have sent what they wanted to. */
const MAX_DROPPED = 1024 * 1024;

/**
 * How long it is read and dropped over HTTP/2, in milliseconds: a response that comes before its end is followed by a reset of
 * the request there, and some clients, such as curl, then show the reset alone.
 */
const HTTP2_TIMEOUT = 1000;

/**
 * Reads and drops what comes of a body, and ends it if it is long.
 *
 * @param request its request
 * @param body the body, which nobody else reads any more
 * @returns when the response may be sent: at once, over HTTP/2 after the body, or its time; never rejects
 */
export async function dropBody(
  request: Request,
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  if (!isHttp2(request)) return void readUntil(body, (bytes) => bytes > MAX_DROPPED);
  const { promise: timeout, resolve } = Promise.withResolvers<void>();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    resolve();
  }, HTTP2_TIMEOUT);
  await Promise.race([readUntil(body, () => isLate), timeout]);
  clearTimeout(timer);
}

/** The same for the body of a request that may have one, which nobody may have looked at. */
export async function dropUnreadBody(request: Request): Promise<void> {
  // Of GET and HEAD Deno gives none, even if there is one. Once the response was sent, it gives none at all.
  if (request.method === "GET" || request.bodyUsed || !request.body) return;
  await dropBody(request, request.body);
}

/**
 * Has a response wait for a body that nobody has looked at, if it goes over HTTP/2.
 *
 * @param request the request
 * @param response its response
 * @returns the response, at once if it does not go over HTTP/2
 */
export function afterHttp2Body(
  request: Request,
  response: Response | Promise<Response>,
): Response | Promise<Response> {
  return request.method !== "GET" && isHttp2(request) ? afterBody(request, response) : response;
}

async function afterBody(
  request: Request,
  responding: Response | Promise<Response>,
): Promise<Response> {
  const response = await responding;
  await dropUnreadBody(request);
  return response;
}

/** Only HTTP/1.1 has a Host. */
function isHttp2({ headers }: Request): boolean {
  return headers.get("host") === null;
}

/** Reads a body until that is enough, by the bytes that were read, and ends it then. */
async function readUntil(
  body: ReadableStream<Uint8Array>,
  isEnough: (bytes: number) => boolean,
): Promise<void> {
  let bytes = 0;
  try {
    for await (const { length } of body) {
      bytes += length;
      if (isEnough(bytes)) break;
      // One part at a time: there are clients that send it byte by byte.
      await networkPolled();
    }
  } catch {
    // Its client has left, or its server has ended.
  }
}
