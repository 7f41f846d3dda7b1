/**
 * Assertions over `node:assert`: testing a store with these loads no other package.
 *
 * @module
 */

import nodeAssert from "node:assert/strict";

/** Asserts that a value is true, or as good as true. */
export function assert(actual: unknown, message?: string): asserts actual {
  nodeAssert.ok(actual, message);
}

/** Asserts that two values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  try {
    nodeAssert.deepStrictEqual(actual, expected);
  } catch (error) {
    throw message === undefined ? error : new Error(`${(error as Error).message}: ${message}`);
  }
}

/** Asserts that two values differ. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, message);
}

/** Asserts that a promise rejects with an error of a class, and returns the error. */
export async function assertRejects<E extends Error>(
  fn: () => Promise<unknown>,
  ErrorClass: abstract new (...args: never[]) => E,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    assert(error instanceof ErrorClass, `an error of another class: ${error}`);
    return error;
  }
  throw new nodeAssert.AssertionError({ message: "the promise does not reject" });
}
