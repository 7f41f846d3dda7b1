/**
 * Loads `@db/sqlite`, whose native library is downloaded by its own loader: in place, without a limit of
 * time, and what is damaged ends the process. So the first time all of that happens in a process of its own,
 * the trial, which leaves the library in a cache once it has passed the test. From then on it is loaded from
 * there, without the network.
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

/** How much later than this process the trial ends itself, where nobody is left to end it, in milliseconds. */
const ORPHAN_TIME = 1000;

/** How often those look who wait for the trial of another process, in milliseconds. */
const LOOK_INTERVAL = 50;

/** A reason that is longer is cut. */
const LONGEST_REASON = 300;

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
 * @param limit how long it may take, in milliseconds
 * @returns the package
 * @throws {Error} if it cannot be used, or not in time
 */
export async function loadNative(limit: number): Promise<DbSqlite> {
  // Under a name that cannot be read off: or Deno would look for the package before anything runs, also
  // where another engine is to serve, and wait for a registry that does not answer.
  if (isLinked()) return await import(SPECIFIER);
  const { library, record } = findLibrary() ?? await tryLibrary(limit);
  const restore = answerWith(library);
  try {
    return await within(limit, import(SPECIFIER));
  } catch (error) {
    // Its modules may have left Deno's cache: the next process begins with a trial. But what this program may
    // not import (its lock file is frozen), others may.
    if (!(error instanceof TypeError)) await Deno.remove(record).catch(() => {});
    throw error;
  } finally {
    restore();
  }
}

/**
 * Has the package find the library, and nobody else: the environment itself is that of all workers, and of
 * processes that are started meanwhile.
 */
function answerWith(library: string): () => void {
  const { env } = Deno;
  const { get } = env;
  let answers = true;
  const own = (name: string) =>
    answers && name === LIBRARY_VARIABLE ? library : get.call(env, name);
  env.get = own;
  return () => {
    answers = false;
    if (env.get === own) env.get = get;
  };
}

/** One trial at a time on this machine: of many who start at once, the others take what the first one gets. */
async function tryLibrary(limit: number): Promise<FoundLibrary> {
  const { state, partial } = await Deno.permissions.query({ name: "run" });
  if (state !== "granted" || partial) {
    throw new Error(
      "its library is not in the cache, and to fetch it takes --allow-run too (or -A)",
    );
  }
  const end = performance.now() + limit;
  const folder = cacheFolder();
  Deno.mkdirSync(folder, { recursive: true });
  using lock = Deno.openSync(`${folder}/lock`, { write: true, create: true });
  // Where a file system has no locks, each has a trial of its own.
  while (!await lock.tryLock(true).catch(() => true)) {
    if (performance.now() > end) throw tooLate(limit);
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL));
    const found = findLibrary();
    if (found) return found;
  }
  return findLibrary() ?? await runTrial(end - performance.now(), limit);
}

async function runTrial(rest: number, limit: number): Promise<FoundLibrary> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-config",
      "--no-lock",
      "--no-prompt",
      import.meta.url,
      `${rest + ORPHAN_TIME}`,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const end = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended just now.
    }
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, rest);
  // This program may be stopped meanwhile.
  addEventListener("unload", end);
  const { success, signal, stdout, stderr } = await child.output();
  clearTimeout(timer);
  removeEventListener("unload", end);
  const found = success && findLibrary();
  if (found) return found;
  if (late) throw tooLate(limit);
  if (signal) throw new Error(`${signal} ended the process that tried it`);
  const [said, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  throw new Error(said || error?.replace(/^error: /, "") || "it does not load");
}

/**
 * Why something failed.
 *
 * @param error what was thrown
 * @returns the message of its innermost cause, in one line
 */
export function innermost(error: unknown): string {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.trim().split("\n", 1)[0]!.slice(0, LONGEST_REASON);
}

function tooLate(ms: number): Error {
  return new Error(`it did not load within ${ms / 1000} s`);
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  // Not setTimeout: the first call of it takes a tenth of the time in which a server starts.
  const signal = AbortSignal.timeout(ms);
  const tell = () => late.reject(tooLate(ms));
  signal.addEventListener("abort", tell);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    signal.removeEventListener("abort", tell);
  }
}

// Not awaited: what is loaded loads this module.
if (import.meta.main) void import("./native_trial.ts").then(({ main }) => main(+Deno.args[0]!));
