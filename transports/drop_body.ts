/**
 * What comes of a body that nobody wants: the rest of one that is too large, or one whose request was refused unread.
 *
 * @module
 */

import { networkPolled } from "../budgets/after_network_poll.ts";

/**
 * Reads and drops what comes of a body, for as long as it comes: some clients read their response only once they have sent it.
 *
 * Deno would drop it, too, if nobody had read it, or it was cancelled. But then `shutdown()` of its server waits for clients
 * that have sent a part and send nothing more; if the body is being read, it does not.
 *
 * @param body the body, which nobody else reads any more
 * @returns when it has ended; never rejects
 */
export async function dropBody(body: ReadableStream<Uint8Array>): Promise<void> {
  try {
    // One part at a time: there are clients that send it byte by byte.
    for await (const _ of body) await networkPolled();
  } catch {
    // Its client has left, or its server has ended.
  }
}

/** How long a refusal over HTTP/2 waits for the end of its request, in milliseconds. */
const HTTP2_TIMEOUT = 1000;

/**
 * Has a refusal wait for the end of its request, though not for long, if it goes over HTTP/2: a response that comes before is
 * followed by a reset of the request there, and some clients, such as curl, then show the reset alone.
 *
 * @param request the request
 * @param dropped resolves when its body has ended
 */
export async function http2BodyEnded(request: Request, dropped: Promise<void>): Promise<void> {
  // Only HTTP/1.1 has a Host.
  if (request.headers.get("host") !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, HTTP2_TIMEOUT);
  await Promise.race([dropped, promise]);
  clearTimeout(timer);
}

/**
 * The same for a response to a request whose body nobody may have read.
 *
 * @param request the request
 * @param response its response
 * @returns the response, at once if it does not go over HTTP/2
 */
export function afterHttp2Body(
  request: Request,
  response: Response | Promise<Response>,
): Response | Promise<Response> {
  if (request.method === "GET" || request.headers.get("host") !== null) return response;
  return whenEnded(request, response);
}

async function whenEnded(
  request: Request,
  responding: Response | Promise<Response>,
): Promise<Response> {
  const response = await responding;
  if (!request.bodyUsed) await http2BodyEnded(request, dropUnreadBody(request));
  return response;
}

/**
 * Drops the body of a request if nobody has looked at it.
 *
 * @param request the request, which has a response that was not sent yet: later Deno does not give its body
 * @returns when it has ended; never rejects
 */
export async function dropUnreadBody(request: Request): Promise<void> {
  // Of GET and HEAD Deno gives none, even if there is one.
  if (request.method === "GET" || request.bodyUsed || !request.body) return;
  await dropBody(request.body);
}
