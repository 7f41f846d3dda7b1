/**
 * The requests that servers of this process get.
 *
 * @module
 */

import { withTimeout } from "./with_timeout.ts";

/** The requests that arrive at servers of this process, as long as it is not disposed of. */
export function serverRequests(): Disposable & {
  until(action: string, ms?: number): Promise<void>;
} {
  const { upgradeWebSocket } = Deno;
  const arrivals = new EventTarget();
  Deno.upgradeWebSocket = (...args) => {
    const upgrade = upgradeWebSocket(...args);
    upgrade.socket.addEventListener("message", ({ data }) => {
      for (const { action } of [JSON.parse(data)].flat()) arrivals.dispatchEvent(new Event(action));
    });
    return upgrade;
  };
  return {
    until: (action, ms) =>
      withTimeout(
        new Promise((resolve) =>
          arrivals.addEventListener(action, () => resolve(), { once: true })
        ),
        ms,
      ),
    [Symbol.dispose]: () => void (Deno.upgradeWebSocket = upgradeWebSocket),
  };
}
