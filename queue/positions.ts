/**
 * Where a reader may start, and what it means that it cannot.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { WireSince } from "../protocol/requests.ts";
import type { Bounds, Store } from "../stores/store.ts";

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
  const { after, time, epoch }: { after?: number; time?: number; epoch?: string | undefined } =
    Object(since);
  const at = after === undefined && time !== undefined ? await store.positionAt(time) : undefined;
  const bounds = await store.bounds();
  const { floor, last } = bounds;
  if (isLost(store, epoch)) return lost(after, bounds);
  if (after !== undefined) return placed(after, bounds);
  if (since === "now") return { after: last, gap: undefined };
  return { after: Math.max(at ?? floor, floor), gap: undefined };
}

/**
 * Finds the positions of many topics.
 *
 * @param store whose messages are to be read
 * @param positions how far each topic is read
 * @param epoch the history that this is of, if the client names it
 * @returns the same, inside the bounds of the store
 */
export async function locateAll(
  store: Store,
  positions: ReadonlyMap<string, number>,
  epoch: string | undefined,
): Promise<ReadonlyMap<string, Position>> {
  const bounds = await store.bounds();
  const place = isLost(store, epoch)
    ? (after: number) => lost(after, bounds)
    : (after: number) => placed(after, bounds);
  return new Map([...positions].map(([topic, after]) => [topic, place(after)]));
}

/** Words the loss of messages between a position and the floor. */
export function trimmed(position: number, floor: number, last: number): WireError {
  const message = `Cannot read on from ${position}: messages up to ${floor} are gone`;
  return { code: "trimmed", message, position, floor, last };
}

function isLost(store: Store, epoch: string | undefined): boolean {
  return epoch !== undefined && epoch !== store.epoch;
}

function placed(after: number, { floor, last }: Bounds): Position {
  if (after < floor) return { after: floor, gap: trimmed(after, floor, last) };
  if (after <= last) return { after, gap: undefined };
  const message = `Cannot read on from ${after}: the last message is ${last}`;
  return { after: last, gap: { code: "ahead", message, position: after, floor, last } };
}

/** All of the new history comes after the position in the old one. */
function lost(after: number | undefined, { floor, last }: Bounds): Position {
  const from = after === undefined ? "" : ` from ${after}`;
  const message = `Cannot read on${from}: the server has lost that history and begun a new one`;
  const position = after === undefined ? {} : { position: after };
  return { after: floor, gap: { code: "epoch_changed", message, ...position, floor, last } };
}
