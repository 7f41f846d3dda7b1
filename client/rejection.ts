/**
 * Errors with the stack of whoever waits for what failed.
 *
 * A failure is found where a frame of the server is read, and nothing of its caller is on the stack there. To note the
 * stack of each call would cost as much as the call. But while a job of the promise runs that somebody awaits, an engine
 * adds the functions that await it: so the error is made in such a job, and only calls that fail pay for it.
 *
 * @module
 */

import { withCurrentStack } from "../protocol/errors.ts";

/**
 * Rejects a promise. A `DsmqError` is made anew, with the functions on its stack that await the promise;
 * anything else belongs to the caller, and is passed on as it is.
 *
 * @param resolve resolves the promise, which must be pending
 * @param error why it is rejected
 */
export function rejectWithCallerStack<T>(
  resolve: (value: T | PromiseLike<T>) => void,
  error: unknown,
): void {
  const thenable = {
    then: (_: unknown, rejectThen: (error: unknown) => void) => rejectThen(withCurrentStack(error)),
  };
  resolve(thenable as PromiseLike<T>);
}

/**
 * Makes a promise that is rejected with the stack of who calls this.
 *
 * @param error why
 * @returns the promise
 */
export function rejectedWithCallerStack(error: unknown): Promise<never> {
  return Promise.reject(withCurrentStack(error));
}
