/**
 * Checks that the JavaScript runtime has what the client needs.
 *
 * @module
 */

/** The oldest runtimes that have it. `tests/client/runtimes_test.ts` keeps newer functions out, and `web/build/` newer syntax. */
export const MIN_RUNTIMES = "Safari 16.4, Chrome 111, Firefox 119, Node 20, Deno 2 or Bun 1.2.22";

/** Older versions of Bun reject the response to a request with two subprotocols. */
const MIN_BUN_VERSION = [1, 2, 22];

/**
 * Checks the runtime.
 *
 * @throws {Error} if it is too old
 */
export function requireRuntime(): void {
  // The newest function that is used: a runtime that has it has the others, too.
  if (typeof String.prototype.isWellFormed === "function") return;
  throw new Error(
    `Cannot connect: this JavaScript runtime is too old, it has no String.prototype.isWellFormed: the client needs ${MIN_RUNTIMES}, or a later one`,
  );
}

/**
 * Checks that more than one subprotocol can be offered, as a token needs.
 *
 * @param version the version of Bun. Default: that of this runtime, if it is Bun
 * @throws {Error} if it is too old for that
 */
export function requireSubprotocols(
  version: string | undefined = (globalThis as { Bun?: { version: string } }).Bun?.version,
): void {
  const numbers = version?.split(".").map((number) => parseInt(number)) ?? MIN_BUN_VERSION;
  const firstDifference = MIN_BUN_VERSION.findIndex((number, i) => number !== numbers[i]);
  if (firstDifference < 0 || numbers[firstDifference]! > MIN_BUN_VERSION[firstDifference]!) return;
  throw new Error(
    `Cannot connect: to send a token the client needs Bun ${
      MIN_BUN_VERSION.join(".")
    } or later, and this is ${version}`,
  );
}
