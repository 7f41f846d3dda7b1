/**
 * Checks that a server runs on a Deno that has what it needs, and that this can load more.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";

/** The oldest Deno on which the tests of servers pass. */
export const MIN_DENO_VERSION = "2.9";

/**
 * Explains what is missing before something fails with another error.
 *
 * @param version of Deno. Default: of this one, if it is Deno
 * @param action what cannot be done without it. Default: `serve`
 * @param needs what that needs Deno for
 * @throws {DsmqError} `module_unavailable`, if it is too old, or not Deno
 */
export function requireDeno(
  version: string | undefined = currentVersion(),
  action = "serve",
  needs = "a server needs",
): void {
  if (version !== undefined && toNumber(version) >= toNumber(MIN_DENO_VERSION)) return;
  const what = version === undefined
    ? "this is not Deno (the client, connect, does not need it)"
    : `this is ${version}`;
  throw new DsmqError(
    "module_unavailable",
    `Cannot ${action}: ${needs} Deno ${MIN_DENO_VERSION} or later, and ${what}`,
  );
}

function currentVersion(): string | undefined {
  const { Deno } = globalThis as { Deno?: { version: { deno: string } } };
  return Deno?.version.deno;
}

function toNumber(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 1000 + minor;
}

/** On Linux Deno opens a file to tell that, needs no permission for it, and says 0 if it cannot: always, where there is no `/proc`. */
function tellsMemory(): boolean {
  const { Deno } = globalThis as { Deno?: { memoryUsage?(): { rss: number } } };
  return (Deno?.memoryUsage?.().rss ?? 0) > 0;
}

/** While this is loaded there is a descriptor. */
const COULD_TELL = tellsMemory();

/**
 * To call before a module is loaded while clients may have taken all file descriptors: Deno (2.9.6) then ends with a panic, and
 * a module that could not be loaded once cannot be loaded later. One descriptor is enough.
 *
 * @param action what cannot be done without it
 * @throws {DsmqError} `unavailable`, if there is none
 */
export function requireDescriptor(action: string): void {
  // Elsewhere than on Linux it can always tell, and there is no panic.
  if (!COULD_TELL || tellsMemory()) return;
  throw new DsmqError(
    "unavailable",
    `Cannot ${action}: this process has too many open files to load what that needs`,
  );
}
