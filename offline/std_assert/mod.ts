/**
 * Stands in for `@std/assert` in a checkout: the names that the tests use, over `node:assert`.
 *
 * @module
 */

import nodeAssert from "node:assert/strict";

/** What a failed assertion throws. */
export const AssertionError = nodeAssert.AssertionError;

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Asserts that the value is true, or as good as true. */
export function assert(expr: unknown, msg = ""): asserts expr {
  nodeAssert.ok(expr, msg || undefined);
}

/** Asserts that the two are equal to their last leaf. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  try {
    nodeAssert.deepStrictEqual(actual, expected);
  } catch (error) {
    throw msg === undefined ? error : new Error(`${(error as Error).message}: ${msg}`);
  }
}

/** Asserts that the two differ. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, msg);
}

/** Asserts that the text matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  nodeAssert.match(actual, expected, msg);
}

/** Asserts that the text contains the other. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  nodeAssert.ok(
    actual.includes(expected),
    msg ?? `Expected ${JSON.stringify(actual)} to contain ${JSON.stringify(expected)}`,
  );
}

/** Asserts that the value is of the class. */
export function assertInstanceOf<E extends abstract new (...args: never[]) => unknown>(
  actual: unknown,
  expectedType: E,
  msg?: string,
): asserts actual is InstanceType<E> {
  nodeAssert.ok(
    actual instanceof expectedType,
    msg ?? `Expected an instance of ${expectedType.name}, got ${String(actual)}`,
  );
}

/** Asserts that the function throws, and returns what it threw. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes = "",
  msg?: string,
): E {
  try {
    fn();
  } catch (error) {
    return checked(error, ErrorClass, msgIncludes, msg);
  }
  throw new AssertionError({ message: msg ?? "Expected function to throw" });
}

/** Asserts that the promise rejects, and returns what it rejected with. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes = "",
  msg?: string,
): Promise<E> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    throw new Error(msg ?? "Function throws when expected to reject", { cause: error });
  }
  try {
    await promise;
  } catch (error) {
    return checked(error, ErrorClass, msgIncludes, msg);
  }
  throw new AssertionError({ message: msg ?? "Expected function to reject" });
}

function checked<E extends Error>(
  error: unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes: string,
  msg?: string,
): E {
  assertInstanceOf(error, ErrorClass, msg);
  assertStringIncludes(error.message, msgIncludes, msg);
  return error;
}
