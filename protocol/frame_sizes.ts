/**
 * How large messages and frames may be, under the limits of a server.
 *
 * @module
 */

import type { Limits } from "./client_limits.ts";

const MIB = 1024 * 1024;

/** The largest frame of a client in bytes, unless a single message is larger. */
export const CLIENT_FRAME_BYTES = 3 * 1024 * 1024;

/** What a peer may send before it is admitted, in frames and in bytes (in characters, where bytes are not counted). */
export const PREAUTH_FRAMES = 8;
/** See {@linkcode PREAUTH_FRAMES}. */
export const PREAUTH_BYTES = 32 * 1024;

/** The largest frame that a client may send, in bytes; not every transport can enforce it. */
export function maxRequestFrameBytes({ messageBytes }: Pick<Limits, "messageBytes">): number {
  // Beside a message there is room for the requests before it in the same frame.
  return Math.max(CLIENT_FRAME_BYTES, messageBytes + 512 * 1024);
}

/** The largest frame of a server up to the reply to `hello`, in bytes. */
export const MAX_WELCOME_BYTES = 64 * 1024;

/** The largest message that a server with these limits sends, in bytes. */
export function largestMessage(
  { messageBytes, largestMessageBytes = messageBytes }: Limits,
): number {
  return largestMessageBytes;
}

/** The largest frame of a server after that reply, in bytes: far more than its longest list has. */
export function maxReplyFrameBytes(limits: Limits): number {
  return Math.max(16 * MIB, largestMessage(limits) + 512 * 1024);
}

/** The limits that clients need to know, without those of the whole server. No stored message has more than `largestBytes`. */
export function clientLimits(all: Limits, largestBytes: number = 0): Limits {
  const { messageBytes, topicBytes, frameRequests, inFlight, inFlightBytes } = all;
  const { waits, subscriptions, cursors, creditMessages, creditBytes } = all;
  const { heldJobs, attempts, lease, jobTimeout } = all;
  const ofRequests = { messageBytes, topicBytes, frameRequests, inFlight, inFlightBytes };
  const ofReading = { waits, subscriptions, cursors, creditMessages, creditBytes };
  const limits = { ...ofRequests, ...ofReading, heldJobs, attempts, lease, jobTimeout };
  if (largestBytes <= messageBytes) return limits;
  // A stream must be granted enough for it.
  const credit = Math.max(creditBytes, largestBytes);
  return { ...limits, creditBytes: credit, largestMessageBytes: largestBytes };
}
