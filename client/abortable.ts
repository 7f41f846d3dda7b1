/**
 * Waits for a promise until a signal aborts.
 *
 * @module
 */

import { deferred } from "./deferred.ts";

/**
 * Waits for a promise until the signal aborts.
 *
 * @param promise the promise
 * @param signal the signal
 * @returns its value; rejects with the signal's reason
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = deferred<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
