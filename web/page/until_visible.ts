/**
 * Waiting until somebody looks.
 *
 * @module
 */

import { delay } from "./delay.ts";
import type { TailClock } from "./tail.ts";

/** Resolves once somebody can see the page: what is hidden asks for nothing. */
export function untilVisible(): Promise<void> {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.visibilityState !== "visible") return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
  });
}

/** The time of a tail: as long as nobody looks, it takes nothing. */
export const pageClock: TailClock = {
  now: () => performance.now(),
  pause: delay,
  seen: untilVisible,
};
