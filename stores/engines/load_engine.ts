/**
 * The choice between the two SQLite engines.
 *
 * @module
 */

import type { Engine, EngineName } from "../engine.ts";
import { dbSqlite } from "./db_sqlite.ts";
import { innermostMessage } from "./innermost_message.ts";
import { selfTest } from "./self_test.ts";

/** How long `@db/sqlite` may take to load, in milliseconds: if it is preferred, and if it is required. */
const LOAD_TIMEOUT = 2000;
const LONG_LOAD_TIMEOUT = 60_000;

/** To look the library up in a cache, or to fetch and write it there. */
const NATIVE_PERMISSIONS = ["ffi", "read", "write", "env", "net"] as const;

const DEFAULT_REGISTRY = "https://jsr.io";

/** The one attempt of this process. */
let nativeAttempt: Promise<Engine> | undefined;
let hasWarned = false;

/**
 * Loads a SQLite engine and tests it.
 *
 * `auto` takes `@db/sqlite` if all permissions that it needs are granted already, and it loads in time and passes the
 * test; else `node:sqlite`, which is built in. Permissions are checked, never requested.
 *
 * @param choice which engine
 * @param warn is called once in a process, with the reason why `auto` could not take `@db/sqlite`
 * @param signal ends the wait
 * @returns the engine
 * @throws {Error} if the engine that was named cannot be used here, and the signal's reason
 */
export async function loadEngine(
  choice: EngineName | "auto",
  warn: (text: string) => void = () => {},
  signal?: AbortSignal,
): Promise<Engine> {
  const obstacle = choice === "node:sqlite" ? undefined : nativeObstacle();
  if (choice === "@db/sqlite" && obstacle) throw engineError(choice, obstacle);
  if (choice !== "node:sqlite" && !obstacle) {
    const { isLinked } = await import("./native.ts");
    try {
      const retry = () => loadNativeEngine(LONG_LOAD_TIMEOUT);
      nativeAttempt = choice === "auto"
        ? nativeAttempt ?? loadNativeEngine(LOAD_TIMEOUT)
        : nativeAttempt?.catch(retry) ?? retry();
      return await withAbort(nativeAttempt, signal);
    } catch (cause) {
      signal?.throwIfAborted();
      const reason = innermostMessage(cause);
      if (choice !== "auto") throw engineError(choice, reason, cause);
      if (!hasWarned && !isLinked()) {
        warn(`uses node:sqlite because @db/sqlite cannot be used: ${reason}`);
      }
      hasWarned = true;
    }
  }
  try {
    return selfTest((await import("./node_sqlite.ts")).nodeSqlite);
  } catch (cause) {
    throw engineError("node:sqlite", (cause as Error).message, cause);
  }
}

/** Others may wait for the same attempt, so it continues. */
async function withAbort<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return await work;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  // It may have aborted before: then there is no event.
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function loadNativeEngine(timeout: number): Promise<Engine> {
  const { loadNative } = await import("./native.ts");
  return selfTest(dbSqlite(await loadNative(timeout)));
}

/** Why `@db/sqlite` is not even tried here. */
function nativeObstacle(): string | undefined {
  if (Deno.build.standalone) return "a compiled program can only use node:sqlite";
  // The trial runs a module of ours. In a bundle that would be the whole program.
  if (!/\/stores\/engines\/load_engine\.[jt]s$/.test(import.meta.url)) {
    return "a bundled program can only use node:sqlite";
  }
  const missing: string[] = NATIVE_PERMISSIONS.filter((name) => !isGranted({ name }));
  if (missing.length === 0) {
    const registry = Deno.env.get("JSR_URL") ?? "";
    const { hostname, port, protocol } = new URL(
      URL.canParse(registry) ? registry : DEFAULT_REGISTRY,
    );
    const host = `${hostname}:${port || (protocol === "http:" ? 80 : 443)}`;
    if (isGranted({ name: "import", host })) return undefined;
    missing.push(`import=${host}`);
  }
  return `it needs ${
    missing.map((name) => `--allow-${name}`).join(" ")
  } (or -A), with nothing denied`;
}

/** Whether it is granted without exceptions (`--deny-env=HOME`), which could hit what is needed. */
function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  const { state, partial } = Deno.permissions.querySync(descriptor);
  return state === "granted" && !partial;
}

function engineError(name: EngineName, reason: string, cause?: unknown): Error {
  return new Error(`Cannot use ${name}: ${reason}`, { cause });
}
