/**
 * How many failures of a connection a server bears with.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { Host } from "./host.ts";

const MINUTE = 60_000;

/** What fails with these is not the client's doing. */
const NOT_THEIRS: ReadonlySet<WireError["code"]> = new Set([
  "full",
  "unavailable",
  "unknown_outcome",
  "stopping",
]);

/**
 * The same host for one connection, whose failures are counted.
 *
 * @param host what all have in common
 * @param from the address that the connection comes from
 * @param lost called once, when more have failed within a minute than may
 * @returns a host that counts, if there is a limit
 */
export function withPatience(host: Host, from: string, lost: () => void): Host {
  const { errorsPerMinute, queue: { clock } } = host;
  if (errorsPerMinute === Infinity) {
    return { ...host, refused: (error) => host.refused(error, from) };
  }
  /** When the last ones failed, as many as may, and which of them is the first. */
  const times: number[] = [];
  let first = 0;
  let patient = true;
  const refused = (error: WireError) => {
    host.refused(error, from);
    if (!patient || NOT_THEIRS.has(error.code)) return;
    const now = clock.monotonic?.() ?? clock.now();
    const time = times[first] ?? -Infinity;
    times[first] = now;
    first = (first + 1) % errorsPerMinute;
    patient = time <= now - MINUTE;
    if (!patient) lost();
  };
  return { ...host, refused };
}
