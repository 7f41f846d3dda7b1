/**
 * Indexes of puts, and turns in which they change.
 *
 * @module
 */

import { DedupIndex } from "../../stores/dedup_index.ts";
import { PendingDrops } from "../../stores/pending_drops.ts";

export const MINUTE = 60_000;

export function remember(max: number, window = 1000): { puts: DedupIndex; drops: PendingDrops } {
  const drops = new PendingDrops();
  return { puts: new DedupIndex({ window, retention: MINUTE, maxRuns: max }, drops), drops };
}

/** Ends a turn, and what was noted in it holds. */
export function commit(puts: DedupIndex): void {
  puts.settle();
  puts.commit();
}
