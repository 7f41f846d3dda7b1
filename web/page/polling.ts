/**
 * Asks the server again and again, as long as somebody looks.
 *
 * @module
 */

import { useEffect, useRef } from "preact/hooks";
import { delay } from "./delay.ts";
import { HttpError } from "./server_api.ts";
import { untilVisible } from "./until_visible.ts";

/**
 * Calls a function at once, and then again and again while its component is shown and the page can be seen.
 *
 * @param poll asks; returns after how many milliseconds to ask again. If it fails, it is called again after a second
 * @param inputs what it depends on: it begins anew when one of them changes
 */
export function usePolling(
  poll: (signal: AbortSignal) => Promise<number>,
  inputs: readonly unknown[],
): void {
  const latest = useRef(poll);
  latest.current = poll;
  useEffect(() => {
    const ending = new AbortController();
    void (async () => {
      while (!ending.signal.aborted) {
        await untilVisible(ending.signal);
        if (ending.signal.aborted) return;
        const interval = await latest.current(ending.signal).catch((error) =>
          (error instanceof HttpError && error.retryAfter) || 1000
        );
        await delay(interval, ending.signal);
      }
    })();
    return () => ending.abort();
  }, inputs);
}
