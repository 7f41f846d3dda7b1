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
