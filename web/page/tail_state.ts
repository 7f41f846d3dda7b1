/**
 * What the page shows of a topic's messages.
 *
 * @module
 */

import type { TailRow } from "./tail_rows.ts";

/** What is shown of a topic. */
export interface TailState {
  readonly mode: "live" | "replay";
  /** How often the tail was begun: what it shows after that has nothing to do with what it showed before. */
  readonly run: number;
  /** The rows that the filter shows. */
  readonly rows: readonly TailRow[];
  /** Nothing is taken from the server until it goes on. */
  readonly isPaused: boolean;
  /** Some messages are left out, since too many arrive. */
  readonly isSampling: boolean;
  /** A replay has more to show. */
  readonly hasMore: boolean;
  /** What was asked for has not come yet. */
  readonly isLoading: boolean;
  /** Why nothing comes. */
  readonly error: string | undefined;
}

/** A tail that is about to begin. */
export const BEGINNING: TailState = {
  mode: "live",
  run: 0,
  rows: [],
  isPaused: false,
  isSampling: false,
  hasMore: false,
  isLoading: true,
  error: undefined,
};
