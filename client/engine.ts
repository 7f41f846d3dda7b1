/**
 * Where the client runs: on engines that have what it uses.
 *
 * @module
 */

/** The oldest engines that do. `tests/runtimes_test.ts` keeps newer functions out. */
const OLDEST = "Safari 16.4, Chrome 111, Firefox 119, Node 20, Deno 2 or Bun 1";

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
