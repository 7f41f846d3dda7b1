/**
 * Where the client runs: on engines that have what it uses.
 *
 * @module
 */

/** The oldest engines that do. `tests/client/runtimes_test.ts` keeps newer functions out. */
const MIN_RUNTIMES = "Safari 16.4, Chrome 111, Firefox 119, Node 20, Deno 2 or Bun 1.2.22";

/** Bun before that takes the answer to two subprotocols for a fault. */
const MIN_BUN_VERSION = [1, 2, 22];

/**
 * Says what is needed, before something fails that is not there.
 *
 * @throws {Error} if the engine is too old
 */
export function requireRuntime(): void {
  // The newest function that is used: an engine that has it has the others.
  if (typeof String.prototype.isWellFormed === "function") return;
  throw new Error(
    `Cannot connect: this engine is too old, it has no String.prototype.isWellFormed: the client needs ${MIN_RUNTIMES}, or a later one`,
  );
}

/**
 * The same where more than one subprotocol is offered, as is with a token.
 *
 * @param version of Bun. Default: that of this one, if it is Bun
 * @throws {Error} if the engine is too old for that
 */
export function requireSubprotocols(
  version: string | undefined = (globalThis as { Bun?: { version: string } }).Bun?.version,
): void {
  const numbers = version?.split(".").map((number) => parseInt(number)) ?? MIN_BUN_VERSION;
  const firstDifference = MIN_BUN_VERSION.findIndex((number, i) => number !== numbers[i]);
  if (firstDifference < 0 || numbers[firstDifference]! > MIN_BUN_VERSION[firstDifference]!) return;
  throw new Error(
    `Cannot connect: to bring a token the client needs Bun ${
      MIN_BUN_VERSION.join(".")
    } or later, and this is ${version}`,
  );
}
