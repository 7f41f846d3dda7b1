/**
 * What is said of a tail as a whole.
 *
 * @module
 */

import type { TailState } from "./tail_state.ts";

/** What it does. */
export function tailText(
  { mode, isPaused, isSampling, isLoading, hasMore, error }: TailState,
): string {
  if (error !== undefined) return "Nothing comes now";
  if (isPaused) return "Paused";
  if (isSampling) return "Live, a sample: more arrive than can be shown";
  if (mode === "live") return "Live";
  if (isLoading) return "Replay";
  return hasMore ? "Replay: scroll down for more" : "Replayed to the end, now live";
}

/** Why it shows no rows. */
export function emptyText(
  { isLoading, isPaused, hasMore, error }: TailState,
  filter: string,
): string {
  if (error !== undefined) return "";
  if (!isPaused && (isLoading || hasMore)) return "Loading…";
  // What was there before the filter has been cut by then.
  if (filter !== "") {
    return "None of the messages here (of large ones the beginning) has this in it.";
  }
  return isPaused ? "Paused." : "Waiting for messages.";
}
