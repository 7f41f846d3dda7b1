/**
 * Answers of a server that falls behind its log meanwhile, and perhaps goes on in another epoch: none that is not true any more.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { HttpCall } from "./http_call.ts";
import { HttpProblem } from "./problem.ts";
import type { RouteHandler } from "./resource.ts";

const OTHER_HISTORY: WireError = {
  code: "behind",
  message: "Cannot read: another epoch has begun meanwhile",
};

const UNKNOWN: WireError = {
  code: "unknown_outcome",
  message: "Cannot tell whether it is done: the server has lost touch with its log meanwhile",
};

/**
 * Has a handler answer.
 *
 * @param call the request
 * @param handler answers it
 * @returns the response
 * @throws {HttpProblem} `behind`, if what it read may be old; `unknown_outcome`, if what it did may be lost
 */
export async function presentAnswer(call: HttpCall, handler: RouteHandler): Promise<Response> {
  const { request: { method }, context } = call;
  const { store } = context.shared.queue;
  const { epoch } = store;
  const isRead = method === "GET" || method === "HEAD";
  // What is stored has its position in the epoch in which it is.
  const isPresent = () => !context.behind && (!isRead || store.epoch === epoch);
  try {
    const response = await handler(call);
    if (isPresent()) return response;
    await response.body?.cancel();
  } catch (error) {
    // That something is gone, say, need not be so.
    if (!isRead || isPresent()) throw error;
  }
  throw new HttpProblem(isRead ? context.behind ?? OTHER_HISTORY : UNKNOWN);
}
