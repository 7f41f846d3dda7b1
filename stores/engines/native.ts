/**
 * Loads `@db/sqlite`. The package downloads its native library by itself, in place and without a timeout, and a
 * damaged library ends the process. So the first time this happens in a process of its own, the trial, which leaves
 * the library in a cache once it has passed the test. From then on the library is loaded from there, without the
 * network.
 *
 * @module
 */

import type { DbSqlite } from "./db_sqlite.ts";
import {
  cacheFolder,
  findLibrary,
  type FoundLibrary,
  LIBRARY_VARIABLE,
  SPECIFIER,
} from "./native_cache.ts";

/** How much later than this process the trial ends itself if nobody is left to end it, in milliseconds. */
const ORPHAN_GRACE = 1000;

/** How often to look whether the trial of another process is over, in milliseconds. */
const POLL_INTERVAL = 50;

/**
 * Whether files stand in for the package, as in a checkout.
 *
 * @returns whether they do
 */
export function isLinked(): boolean {
  return import.meta.resolve(SPECIFIER).startsWith("file:");
}

/**
 * Loads the package.
 *
 * @param timeout how long it may take, in milliseconds
 * @returns the package
 * @throws {Error} if it cannot be used, or not in time
 */
export async function loadNative(timeout: number): Promise<DbSqlite> {
  // By a name that static analysis cannot find: or Deno would look for the package before anything runs, even if
  // another engine is used, and wait for a registry that does not answer.
  if (isLinked()) return await import(SPECIFIER);
  const { library, record } = findLibrary() ?? await findOrTryLibrary(timeout);
  const restore = overrideLibraryPath(library);
  try {
    return await withTimeout(timeout, import(SPECIFIER));
  } catch (error) {
    // Its modules may have left Deno's cache: the next process begins with a trial. But what this program may not
    // import (its lock file is frozen), others may.
    if (!(error instanceof TypeError)) await Deno.remove(record).catch(() => {});
    throw error;
  } finally {
    restore();
  }
}

/**
 * Has the package find the library, and nobody else: the environment itself is shared with all workers, and with
 * processes that start meanwhile.
 */
function overrideLibraryPath(library: string): () => void {
  const { env } = Deno;
  const { get } = env;
  let isActive = true;
  const patched = (name: string) =>
    isActive && name === LIBRARY_VARIABLE ? library : get.call(env, name);
  env.get = patched;
  return () => {
    isActive = false;
    if (env.get === patched) env.get = get;
  };
}

/** One trial at a time on this machine: of many processes that start at once, the others take what the first one gets. */
async function findOrTryLibrary(timeout: number): Promise<FoundLibrary> {
  const { state, partial } = await Deno.permissions.query({ name: "run" });
  if (state !== "granted" || partial) {
    throw new Error(
      "its library is not in the cache, and to fetch it needs --allow-run, too (or -A)",
    );
  }
  const end = performance.now() + timeout;
  const folder = cacheFolder();
  Deno.mkdirSync(folder, { recursive: true });
  using lock = Deno.openSync(`${folder}/lock`, { write: true, create: true });
  // If the file system has no locks, each process has a trial of its own.
  while (!await lock.tryLock(true).catch(() => true)) {
    if (performance.now() > end) throw timeoutError(timeout);
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL));
    const found = findLibrary();
    if (found) return found;
  }
  return findLibrary() ?? await startTrial(end - performance.now(), timeout);
}

async function startTrial(remaining: number, timeout: number): Promise<FoundLibrary> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-config",
      "--no-lock",
      "--no-prompt",
      import.meta.url,
      `${remaining + ORPHAN_GRACE}`,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended just now.
    }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, remaining);
  // This program may be stopped meanwhile.
  addEventListener("unload", kill);
  const { success, signal, stdout, stderr } = await child.output();
  clearTimeout(timer);
  removeEventListener("unload", kill);
  const found = success && findLibrary();
  if (found) return found;
  if (isLate) throw timeoutError(timeout);
  if (signal) throw new Error(`${signal} ended the process that tried it`);
  const [output, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  throw new Error(output || error?.replace(/^error: /, "") || "it does not load");
}

function timeoutError(ms: number): Error {
  return new Error(`it did not load within ${ms / 1000} s`);
}

async function withTimeout<T>(ms: number, work: Promise<T>): Promise<T> {
  const expired = Promise.withResolvers<never>();
  // Not setTimeout: its first call takes a tenth of the time in which a server starts.
  const signal = AbortSignal.timeout(ms);
  const onTimeout = () => expired.reject(timeoutError(ms));
  signal.addEventListener("abort", onTimeout);
  try {
    return await Promise.race([work, expired.promise]);
  } finally {
    signal.removeEventListener("abort", onTimeout);
  }
}

// Not awaited: the module that is loaded loads this one.
if (import.meta.main) {
  void import("./native_trial.ts").then(({ runTrial }) => runTrial(+Deno.args[0]!));
}
