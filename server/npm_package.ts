/**
 * Packages of npm, loaded only when they are needed.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { requireDescriptor } from "./runtime.ts";

/** How long one may take to load, in milliseconds. */
const LOAD_TIMEOUT = 10_000;

/** A package, and what it is for. */
export interface NpmPackage {
  /** Its name, such as `npm:jose`. */
  readonly name: string;
  /** What is imported: the name with a version. */
  readonly specifier: string;
  /** What cannot be done without it, such as "use JSON Web Tokens". */
  readonly action: string;
}

/**
 * Loads a package.
 *
 * @param wanted which one, and what for
 * @param stop ends waiting for it
 * @returns its exports; nothing checks that they are what the caller takes them for
 * @throws {DsmqError} `module_unavailable`; `unavailable`, if no file descriptor is left to load it
 */
export async function loadNpmPackage<Exports>(
  { name, specifier, action }: NpmPackage,
  stop?: AbortSignal,
): Promise<Exports> {
  requireDescriptor(action);
  const timeout = Promise.withResolvers<never>();
  const reason = `nothing came within ${LOAD_TIMEOUT / 1000} s`;
  const timer = setTimeout(() => timeout.reject(new Error(reason)), LOAD_TIMEOUT);
  const onStop = () => timeout.reject(stop?.reason);
  stop?.addEventListener("abort", onStop);
  // It may have aborted before: then there is no event.
  if (stop?.aborted) onStop();
  try {
    // Under a name that tools cannot read: otherwise programs that do not need it would wait for its registry, too.
    return await Promise.race([import(specifier), timeout.promise]);
  } catch (cause) {
    stop?.throwIfAborted();
    // The first of several lines, or the innermost cause if they are numbered.
    const lines = (cause as Error).message.trim().split("\n");
    const causes = lines.filter((line) => /^\s*\d+: /.test(line));
    const why = (causes.at(-1) ?? lines[0])!.replace(/^\s*\d+: /, "");
    const message = `Cannot ${action}: ${name} does not load: ${why}`;
    throw new DsmqError("module_unavailable", message, { cause });
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener("abort", onStop);
  }
}
