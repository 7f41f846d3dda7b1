/**
 * When the network is looked at.
 *
 * @module
 */

/**
 * As long as Deno has something to do, and a callback of `setImmediate` is something, it looks at the network at every
 * 61st opportunity. To have so many takes less than 0.1 ms; a timer, for which it has to rest, takes 2 ms.
 */
const IMMEDIATES = 70;

/**
 * Calls back once the network was looked at. Who has much to do and goes on after each `setImmediate` keeps out
 * whatever arrives meanwhile, for 60 times as long as each part of it takes.
 *
 * @param callback is called once
 */
export function afterNetworkPoll(callback: () => void): void {
  let remaining = IMMEDIATES;
  const next = () => --remaining > 0 ? void setImmediate(next) : callback();
  next();
}
