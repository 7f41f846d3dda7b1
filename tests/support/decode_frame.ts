/**
 * Frames, decoded as a whole.
 *
 * @module
 */

import { readRequestFrame } from "../../protocol/request_frame.ts";
import type { Limits } from "../../protocol/client_limits.ts";
import type { WireRequest } from "../../protocol/requests.ts";

/**
 * Decodes all requests of a frame at once.
 *
 * @param data the text of a frame; anything else is refused
 * @param limits the limits of requests
 * @returns the requests of the frame, in order
 */
export function decodeFrame(
  data: unknown,
  limits: Limits,
): { readonly batched: boolean; readonly requests: readonly WireRequest[] } {
  const frame = readRequestFrame(data, limits);
  const requests: WireRequest[] = [];
  while (requests.length < frame.length) {
    for (const request of frame.requests(requests.length, frame.length)) requests.push(request);
  }
  return { batched: frame.batched, requests };
}
