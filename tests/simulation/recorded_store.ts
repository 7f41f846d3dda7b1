/**
 * Records what a store holds when it is opened, and what it stores.
 *
 * @module
 */

import type { Store, TopicMessage } from "../../stores/store.ts";
import type { History, StoredMessage } from "./history.ts";
import type { Process } from "./process.ts";
import { recordGroups } from "./recorded_groups.ts";

const EVERYTHING = { prefix: "", after: 0, count: 1_000_000, bytes: 1e9 };

/** What is known of an opening beforehand. */
export interface OpeningPlan {
  readonly opening: number;
  /** Openings of one file are one lineage. */
  readonly lineage: string;
  readonly retention: number;
}

/**
 * Records a store from now on, until its process dies.
 *
 * @param store the store, before anybody else uses it
 * @param process its process
 * @param history where to record it
 * @param plan which opening it is
 * @returns tells the clock by which leases end, in milliseconds since it was opened
 */
export async function recordStore(
  store: Store,
  process: Process,
  history: History,
  plan: OpeningPlan,
): Promise<() => number> {
  const [page] = await store.read([EVERYTHING]);
  const messages = page!.messages.map(toStored);
  const { epoch } = store;
  const { last, time } = await store.bounds();
  history.add({ kind: "opened", ...plan, epoch, time, last, messages });
  const { opening } = plan;
  const clock = recordGroups(store, process, history, opening);
  await store.follow({
    stored(batch) {
      if (process.isDead) return;
      for (const message of batch) history.add({ kind: "stored", opening, ...toStored(message) });
    },
    lost() {
      if (process.isDead) return;
      history.add({ kind: "fault", what: `opening ${opening} has lost its feed` });
    },
  });
  return clock;
}

/** A message, as a history has it. */
export function toStored({ seq, time, topic, body, attributes }: TopicMessage): StoredMessage {
  const { key, delay } = attributes === undefined
    ? {}
    : JSON.parse(attributes) as { key?: string; delay?: number };
  return {
    ...{ seq, time, topic, body: JSON.parse(body) as string },
    ...(key !== undefined && { key }),
    ...(delay !== undefined && { delay }),
  };
}
