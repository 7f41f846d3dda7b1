/**
 * Waiting until somebody looks.
 *
 * @module
 */

import { delay } from "./delay.ts";

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

/** Waits for so many milliseconds, and then until somebody can see the page. */
export async function delayWhileVisible(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, signal);
  await untilVisible();
}
