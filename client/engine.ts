/**
 * Where the client runs: on engines that have what it uses.
 *
 * @module
 */

/** The oldest engines that do. `tests/runtimes_test.ts` keeps newer functions out. */
const OLDEST = "Safari 16.4, Chrome 111, Firefox 119, Node 20, Deno 2 or Bun 1.2.22";

/** Bun before that takes the answer to two subprotocols for a fault. */
const BUN = [1, 2, 22];

/**
 * Says what is needed, before something fails that is not there.
 *
 * @throws {Error} if the engine is too old
 */
export function requireEngine(): void {
  // The newest function that is used: an engine that has it has the others.
  if (typeof String.prototype.isWellFormed === "function") return;
  throw new Error(
    `Cannot connect: this engine is too old, it has no String.prototype.isWellFormed: the client needs ${OLDEST}, or a later one`,
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
  const numbers = version?.split(".").map((number) => parseInt(number)) ?? BUN;
  const different = BUN.findIndex((number, i) => number !== numbers[i]);
  if (different < 0 || numbers[different]! > BUN[different]!) return;
  throw new Error(
    `Cannot connect: to bring a token the client needs Bun ${
      BUN.join(".")
    } or later, and this is ${version}`,
  );
}
