/**
 * Where a server runs: on a Deno that has what it uses, and does it right.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";

/** The oldest Deno on which the tests of servers pass. */
export const OLDEST_DENO = "2.9";

/**
 * Says what is needed, before something fails in other words.
 *
 * @param version of Deno. Default: of this one
 * @throws {DsmqError} `module_unavailable`, if it is too old
 */
export function requireDeno(version: string = Deno.version.deno): void {
  if (number(version) >= number(OLDEST_DENO)) return;
  throw new DsmqError(
    "module_unavailable",
    `Cannot serve: a server needs Deno ${OLDEST_DENO} or later, and this is ${version}`,
  );
}

function number(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 1000 + minor;
}
