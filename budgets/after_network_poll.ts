/**
 * Waits until the event loop has polled the network.
 *
 * @module
 */

/**
 * While Deno has work, and a `setImmediate` callback is work, it polls the network on every 61st turn. This many turns take
 * less than 0.1 ms; a timer, for which it has to become idle, takes 2 ms.
 */
const IMMEDIATES = 70;

/**
 * Calls back once the network has been polled. Long work that continues after a single `setImmediate` delays new input by
 * 60 times the duration of each part.
 *
 * @param callback is called once
 */
export function afterNetworkPoll(callback: () => void): void {
  let remaining = IMMEDIATES;
  const next = () => --remaining > 0 ? void setImmediate(next) : callback();
  next();
}

let polled: Promise<void> | undefined;

/**
 * Waits until the network has been polled.
 *
 * @returns the poll, which is not free: all who call this in one turn share it
 */
export function networkPolled(): Promise<void> {
  if (!polled) {
    polled = new Promise<void>((resolve) => afterNetworkPoll(resolve));
    // For one that comes later the network may have been polled before it came.
    setImmediate(() => polled = undefined);
  }
  return polled;
}
