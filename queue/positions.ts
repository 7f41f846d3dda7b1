/**
 * Where a reader may start, and what it means that it cannot.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { WireSince } from "../protocol/requests.ts";
import type { Store } from "../stores/store.ts";

/** A position in the store, and whether messages that it promises are missing. */
export interface Position {
  /** Read what comes after; inside the bounds of the store. */
  readonly after: number;
  readonly gap: WireError | undefined;
}

/**
 * Finds the position that a client asked for.
 *
 * @param store whose messages are to be read
 * @param since from where
 * @returns the position; with a gap it is the nearest one from which reading can go on
 */
export async function locate(store: Store, since: WireSince): Promise<Position> {
  const time = typeof since === "object" && "time" in since && !("after" in since)
    ? since.time
    : undefined;
  const at = time === undefined ? undefined : await store.positionAt(time);
  const { floor, last } = await store.bounds();
  if (since === "now") return { after: last, gap: undefined };
  if (since === "start") return { after: floor, gap: undefined };
  if (at !== undefined) return { after: Math.max(at, floor), gap: undefined };
  const { after } = since as { after: number };
  if (after < floor) return { after: floor, gap: trimmed(after, floor, last) };
  if (after > last) return { after: last, gap: ahead(after, floor, last) };
  return { after, gap: undefined };
}

/** Words the loss of messages between a position and the floor. */
export function trimmed(position: number, floor: number, last: number): WireError {
  const message = `Cannot read on from ${position}: messages up to ${floor} are gone`;
  return { code: "trimmed", message, position, floor, last };
}

function ahead(position: number, floor: number, last: number): WireError {
  const message = `Cannot read on from ${position}: the last message is ${last}`;
  return { code: "ahead", message, position, floor, last };
}
