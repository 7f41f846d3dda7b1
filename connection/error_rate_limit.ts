/**
 * How many requests of a connection may fail before it is closed.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { ServerContext } from "./server_context.ts";

const MINUTE = 60_000;

/** Failures with these codes are not the client's fault. */
const NOT_CLIENT_FAULT: ReadonlySet<WireError["code"]> = new Set([
  "full",
  "unavailable",
  "busy",
  "behind",
  "unknown_outcome",
  "shutting_down",
]);

/**
 * The same context for one connection, with a count of its failures.
 *
 * @param context what all connections share
 * @param from the address of the connection
 * @param onExceeded called once, when more requests have failed within a minute than the limit allows
 * @returns a context that counts, if there is a limit
 */
export function withErrorRateLimit(
  context: ServerContext,
  from: string,
  onExceeded: () => void,
): ServerContext {
  const { errorsPerMinute, queue: { clock } } = context;
  if (errorsPerMinute === Infinity) {
    return { ...context, onRefused: (error) => context.onRefused(error, from) };
  }
  /** The times of the last failures, as many as are allowed, and the index of the first of them. */
  const times: number[] = [];
  let first = 0;
  let withinLimit = true;
  const onRefused = (error: WireError) => {
    context.onRefused(error, from);
    if (!withinLimit || NOT_CLIENT_FAULT.has(error.code)) return;
    const now = clock.monotonic?.() ?? clock.now();
    const time = times[first] ?? -Infinity;
    times[first] = now;
    first = (first + 1) % errorsPerMinute;
    withinLimit = time <= now - MINUTE;
    if (!withinLimit) onExceeded();
  };
  return { ...context, onRefused };
}
