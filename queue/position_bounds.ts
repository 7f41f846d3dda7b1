/**
 * What a store has, as it concerns the positions that clients ask for. Several servers may share a log: then a client may know more
 * than this one.
 *
 * @module
 */

import type { WirePosition, WireSince } from "../protocol/requests.ts";
import type { Store, TopicBounds, TopicBoundsQuery } from "../stores/store.ts";

/** What is read: a store, and what a reader passes before it is told what is there now, if it has to. */
export interface ReadSource {
  readonly store: Store;
  /** As `fence` of a queue. */
  readonly fence?: (() => Promise<void>) | undefined;
}

/**
 * Asks for bounds. If a client knows more than this store has, another server may have told it: the answer is that once this one has
 * come so far.
 *
 * @param store the store
 * @param queries makes the queries: the epoch may change meanwhile
 * @param positions the position that each query is for, if it is for one
 */
export async function boundsOfPositions(
  store: Store,
  queries: () => readonly TopicBoundsQuery[],
  positions: readonly (WirePosition | undefined)[],
): Promise<readonly TopicBounds[]> {
  const found = await store.topicBounds(queries());
  if (!store.fence) return found;
  const isBeyond = positions.some((position, i) => {
    const { end = -1 } = found[i]!;
    return position && (position.ahead ?? position.after) > end;
  });
  if (!isBeyond) return found;
  await store.fence();
  return await store.topicBounds(queries());
}

/** Whether what was stored last counts: what anybody was told of before comes before it. */
export function startsFromNow(since: WireSince): boolean {
  return since !== "start" && !toPosition(since);
}

/** A position within an epoch; `undefined` if it is given in another way. */
export function toPosition(since: WireSince): WirePosition | undefined {
  return typeof since === "object" && "after" in since ? since : undefined;
}
