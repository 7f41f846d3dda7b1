/**
 * Indexes of puts, and turns in which they change.
 *
 * @module
 */

import { DedupIndex } from "../../stores/dedup_index.ts";
import type { DroppedRuns } from "../../stores/dedup_session.ts";

export const MINUTE = 60_000;

export function remember(max: number, window = 1000): { puts: DedupIndex; dropped: DroppedRuns[] } {
  const dropped: DroppedRuns[] = [];
  const puts = new DedupIndex(
    { window, retention: MINUTE, maxRuns: max },
    (run) => dropped.push(run),
  );
  return { puts, dropped };
}

/** Ends a turn, and what was noted in it holds. */
export function commit(puts: DedupIndex): void {
  puts.settle();
  puts.commit();
}
