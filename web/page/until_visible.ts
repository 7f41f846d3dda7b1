/**
 * Waiting until somebody looks.
 *
 * @module
 */

import { delay } from "./delay.ts";
import type { StatusClock } from "./status_reader.ts";
import type { TailClock } from "./tail_source.ts";

/** Resolves once somebody can see the page, since what is hidden asks for nothing; or when the signal aborts. */
export function untilVisible(signal?: AbortSignal): Promise<void> {
  if (document.visibilityState === "visible" || signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      document.removeEventListener("visibilitychange", look);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const look = () => {
      if (document.visibilityState === "visible") end();
    };
    document.addEventListener("visibilitychange", look);
    signal?.addEventListener("abort", end);
  });
}

/** The time of what is read: as long as nobody looks, it takes nothing. */
export const pageClock: TailClock & StatusClock = {
  now: () => performance.now(),
  pause: delay,
  seen: untilVisible,
};
