/**
 * Purges topics, however many messages they hold.
 *
 * @module
 */

import type { PurgeRequest } from "../protocol/admin_requests.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicFilter } from "../protocol/requests.ts";
import { type Purge, StoreError } from "../stores/store.ts";
import { boundsOfPositions } from "./position_bounds.ts";
import type { PurgeUnderWay, Queue } from "./queue.ts";
import { storeErrorToWire } from "./store_failure.ts";

/** So many messages are purged in one go, fewer if they are large: if each is alone in its row, that takes some 20 milliseconds. */
const PART = 4096;

/**
 * Purges a topic. When it resolves, nothing of what was purged can be read, and its text is not in the store any more. Many
 * messages are purged in parts. Each part is gone once it is removed, and not before: if a later one fails, it is still
 * there. Streams wait for the last one ({@linkcode whenRemoved}), so that they are told once.
 *
 * @param queue the queue
 * @param request which messages
 * @param pause lets others have their turn
 * @returns how many were purged; or why they could not be, or not all of them
 */
export async function purgeTopic(
  queue: Pick<Queue, "apply" | "delivered" | "store" | "purges">,
  { topic, before }: PurgeRequest,
  pause: () => Promise<void> | undefined,
): Promise<number | WireError> {
  if (before && "seq" in before) {
    const refusal = await positionRefusal(queue, "purge", before, 1);
    if (refusal) return refusal;
  }
  let purged = 0;
  let rest = before && "ago" in before ? { time: queue.store.now() - before.ago } : before;
  const { promise: removed, resolve } = Promise.withResolvers<void>();
  const underWay: PurgeUnderWay = { topic, end: Infinity, removed };
  queue.purges.add(underWay);
  try {
    for (let more = true; more; await pause()) {
      const purge: Purge = { type: "purge", topic, before: rest, max: PART };
      const [result] = await queue.apply([purge]);
      if (result instanceof StoreError) return storeErrorToWire(result);
      purged += result!.purged;
      more = result!.more;
      underWay.end = result!.end;
      rest = { seq: result!.end };
    }
  } finally {
    queue.purges.delete(underWay);
    resolve();
  }
  // Thousands of listeners are notified one after another, and some of them may not have got these messages yet.
  await queue.delivered();
  await queue.store.erase?.();
  return purged;
}

/**
 * Resolves when the purges that are under way have removed what they are to remove of a topic or a prefix.
 *
 * @param queue the queue
 * @param filter the topic or the prefix
 * @param after only what comes after this number matters
 * @returns when; `undefined` if there is no such purge
 */
export function whenRemoved(
  { purges }: Pick<Queue, "purges">,
  { topic, prefix }: TopicFilter,
  after: number,
): Promise<unknown> | undefined {
  if (purges.size === 0) return undefined;
  const found = [...purges].filter((purge) =>
    purge.end > after + 1 &&
    (prefix === undefined ? purge.topic === topic : purge.topic.startsWith(prefix))
  );
  return found.length === 0 ? undefined : Promise.all(found.map(({ removed }) => removed));
}

/**
 * Why there is no such position here.
 *
 * @param queue the queue of the store
 * @param what what was asked for, for the error
 * @param position a number, and its epoch
 * @param beyond how far it may be beyond the end
 * @returns the error, if there is one
 */
export async function positionRefusal(
  { store }: Pick<Queue, "store">,
  what: string,
  { seq, epoch }: { readonly seq: number; readonly epoch?: string | undefined },
  beyond = 0,
): Promise<WireError | undefined> {
  const position = { after: seq - beyond, epoch };
  const [bounds] = await boundsOfPositions(store, () => [{ epoch }], [position]);
  const { end, floor, last } = bounds!;
  const details = { after: seq, floor, last };
  if (end === undefined) {
    const reason = `number ${seq} is of a history that the server does not have`;
    return { code: "epoch_changed", message: `Cannot ${what}: ${reason}`, ...details };
  }
  if (seq <= end + beyond) return undefined;
  const reason = `number ${seq} is beyond the last message of that history, ${end}`;
  return { code: "ahead", message: `Cannot ${what}: ${reason}`, ...details };
}
