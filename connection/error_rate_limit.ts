/**
 * How many failures of a connection a server bears with.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { ServerContext } from "./server_context.ts";

const MINUTE = 60_000;

/** What fails with these is not the client's doing. */
const NOT_CLIENT_FAULT: ReadonlySet<WireError["code"]> = new Set([
  "full",
  "unavailable",
  "unknown_outcome",
  "shutting_down",
]);

/**
 * The same host for one connection, whose failures are counted.
 *
 * @param context what all have in common
 * @param from the address that the connection comes from
 * @param onExceeded called once, when more have failed within a minute than may
 * @returns a host that counts, if there is a limit
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
  /** When the last ones failed, as many as may, and which of them is the first. */
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
