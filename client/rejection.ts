/**
 * Errors with the stack of the caller that waits for the failed call.
 *
 * A failure is found where a frame of the server is read, and the caller is not on that stack. Recording the stack of each
 * call would cost as much as the call itself. But an engine adds the functions that await a promise to a stack that is taken
 * in a job of that promise: so the error is made in such a job, and only failed calls pay for it.
 *
 * @module
 */

import { withCurrentStack } from "../protocol/errors.ts";

/**
 * Rejects a promise. A `DsmqError` is copied, with the functions on its stack that await the promise; any other error belongs
 * to the caller and is passed on unchanged.
 *
 * @param resolve resolves the promise, which must be pending
 * @param error why it is rejected
 */
export function rejectWithCallerStack<T>(
  resolve: (value: T | PromiseLike<T>) => void,
  error: unknown,
): void {
  resolve(rejecting(error));
}

/**
 * What rejects a promise that is resolved with it, with the functions on the stack that await that promise.
 *
 * @param error why
 */
export function rejecting(error: unknown): PromiseLike<never> {
  const then = (_: unknown, rejectThen: (error: unknown) => void) =>
    rejectThen(withCurrentStack(error));
  return { then } as PromiseLike<never>;
}

/**
 * Makes a rejected promise, with the stack of this call.
 *
 * @param error why
 * @returns the promise
 */
export function rejectedWithCallerStack(error: unknown): Promise<never> {
  return Promise.reject(withCurrentStack(error));
}
