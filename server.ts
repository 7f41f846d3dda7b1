/**
 * The server: put together from a store, access control, and a transport.
 *
 * @module
 */

import { AccessControl } from "./auth/access_control.ts";
import type { Auth } from "./auth/auth.ts";
import type { Grant, Permission, TokenGrant } from "./auth/permissions.ts";
import { DsmqError, type ErrorCode, withCurrentStack } from "./protocol/errors.ts";
import type { Limits, ServerLimits } from "./protocol/limits.ts";
import type { Clock } from "./queue/clock.ts";
import { type Log, Queue } from "./queue/queue.ts";
import type { Server, Stats } from "./server/api.ts";
import { type Tls, TLS_OPTION_NAMES } from "./server/auth_options.ts";
import type { AuthOptions, AuthSettings } from "./server/auth_options.ts";
import {
  DURABILITIES,
  type EngineChoice,
  ENGINES,
  type FileDurability,
  type Overflow,
  OVERFLOWS,
  parseServeOptions,
  type ServeOptions,
  type ServerSettings,
  type StoreChoice,
  type TransportChoice,
  TRANSPORTS,
} from "./server/options.ts";
import { isLoopback } from "./auth/allowed_hosts.ts";
import { type RunningOptions, RunningServer, VERSION } from "./server/running_server.ts";
import { requireDeno } from "./server/runtime.ts";
import { StopSignals } from "./server/stop_signals.ts";
import { storePath } from "./server/store_address.ts";
import type { Engine } from "./stores/engine.ts";
import type { SqliteStoreOptions } from "./stores/sqlite_store.ts";
import type { Store } from "./stores/store.ts";
import type { Transport } from "./transports/transport.ts";

export { DURABILITIES, ENGINES, isLoopback, OVERFLOWS, parseServeOptions, TRANSPORTS, VERSION };
export type {
  Auth,
  AuthOptions,
  Clock,
  EngineChoice,
  FileDurability,
  Grant,
  Limits,
  Log,
  Overflow,
  Permission,
  ServeOptions,
  Server,
  ServerLimits,
  Stats,
  StoreChoice,
  TokenGrant,
  TransportChoice,
};

/**
 * Starts a server.
 *
 * @param options see {@linkcode ServeOptions}
 * @returns the server, once it listens
 * @throws {TypeError} if an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 * @throws {DsmqError} if it cannot start, and then nothing is left running: `address_in_use`, `address_not_available`,
 *   `store_in_use`, `store_unusable`, `module_unavailable`, `permission_denied`, `full`, `unavailable`; its `cause` is the error of the system
 *
 * @example A server of a test's own
 * ```ts
 * import { connect, serve } from "@dsmq/server";
 *
 * await using server = await serve({ port: 0 });
 * await using mq = await connect(server.url);
 * await mq.put("greetings", "hello");
 * console.log(await mq.get("greetings")); // hello
 * ```
 */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  const secondArgument: unknown = arguments[1];
  if (secondArgument !== null && typeof secondArgument === "object") {
    throw new TypeError("Cannot serve: options are given in one object, got two arguments");
  }
  try {
    return await start(parseServeOptions(options), TLS_OPTION_NAMES);
  } catch (error) {
    // A stack trace ends after a few functions, and the caller of this has to be on it.
    throw withCurrentStack(error);
  }
}

/**
 * Starts a server for a program that has checked the options, and has read certificate and key from files.
 *
 * @param settings the checked options
 * @param names the names of certificate and key in errors
 * @returns the server, once it listens
 */
export async function start({ auth, ...settings }: ServerSettings, names: Tls): Promise<Server> {
  requireDeno();
  settings.signal?.throwIfAborted();
  // From now on: a signal while the store is opened stops this server, too.
  const signals = settings.handleSignals ? new StopSignals() : undefined;
  try {
    return await startRunning(auth, { ...settings, names, signals });
  } catch (error) {
    signals?.[Symbol.dispose]();
    throw error;
  }
}

async function startRunning(
  auth: AuthSettings,
  settings: Omit<RunningOptions, "tls">,
): Promise<Server> {
  const { names } = settings;
  const { tls, warnings } = await prepareTls(auth.tls, names, settings.clock.now());
  const [loaded, opened] = await Promise.allSettled([
    withCode("module_unavailable", loadTransport(settings.transport)),
    withCode("store_unusable", openStore(settings)),
  ]);
  if (opened.status === "rejected") throw opened.reason;
  const { store, engine } = opened.value;
  if (loaded.status === "rejected") {
    // Otherwise the file would stay in use.
    await store[Symbol.asyncDispose]();
    throw loaded.reason;
  }
  const { listen } = loaded.value;
  const queue = await Queue.open(store, settings.clock, settings.log);
  try {
    const access = await AccessControl.create({
      ...auth,
      host: settings.host,
      secure: tls !== undefined,
    });
    // Without the tokens, which are not needed any more.
    const server = new RunningServer(queue, access, { ...settings, tls });
    await server.open(listen);
    scheduleWarmUp(engine, server.finished);
    for (const warning of warnings) settings.log.warn(`dsmq: ${warning}`);
    return server;
  } catch (error) {
    await queue[Symbol.asyncDispose]();
    throw error;
  }
}

/** The first requests of this process were handled, or are about to be. */
let isWarm = false;

/** Once in a process, as soon as it is idle: first, callers that wait for the server learn that it is ready. */
function scheduleWarmUp(engine: Engine, finished: Promise<void>): void {
  if (isWarm) return;
  isWarm = true;
  const immediate = setImmediate(async () => {
    try {
      const [{ warmUp }, open] = await Promise.all([
        import("./server/warm_up.ts"),
        memoryStore(),
      ]);
      await warmUp((options) => open({ ...options, engine }));
    } catch {
      // The first client that needs it gets the error.
    }
  });
  void finished.then(() => clearImmediate(immediate));
}

async function prepareTls(tls: Tls | undefined, names: Tls, now: number) {
  if (!tls) return { tls, warnings: [] };
  // Loaded here and not above: most servers need no TLS.
  const { checkTls } = await import("./server/certificate.ts");
  return checkTls(tls, names, now);
}

async function openStore(
  settings: Omit<ServerSettings, "auth">,
): Promise<{ readonly store: Store; readonly engine: Engine }> {
  const { store, durability, retention, clock, overflow } = settings;
  const { storedBytes, topics, inFlight: dedupWindow } = settings.limits;
  const limits = { storedBytes, topics, dedupWindow, overflow };
  // Loaded here and not above, and in parallel: importing this file touches no native code.
  const [{ loadEngine }, open] = await Promise.all([
    import("./stores/engines/load_engine.ts"),
    store === "memory" ? memoryStore() : fileStore(storePath(store)!, durability, settings.log),
  ]);
  const warn = (text: string) => settings.log.warn(`dsmq: ${text}`);
  const loading = loadEngine(settings.engine, warn, settings.signal);
  const engine = await withCode("module_unavailable", loading).catch((error) => {
    settings.signal?.throwIfAborted();
    throw error;
  });
  return { store: open({ engine, retention, clock, limits }), engine };
}

/** Gives an error a code, if it has none. */
async function withCode<T>(code: ErrorCode, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DsmqError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new DsmqError(code, message, { cause: error });
  }
}

async function memoryStore(): Promise<(options: SqliteStoreOptions) => Store> {
  const { MemoryStore } = await import("./stores/memory_store.ts");
  return (options) => new MemoryStore(options);
}

async function fileStore(
  path: string,
  durability: FileDurability,
  log: Log,
): Promise<(options: SqliteStoreOptions) => Store> {
  const { FileStore } = await import("./stores/file_store.ts");
  return (options) =>
    new FileStore({ ...options, path, durability, warn: (text) => log.warn(text) });
}

/** Loaded here and not above: importing this file touches neither Deno nor npm. */
function loadTransport(choice: TransportChoice): Promise<{ listen: Transport }> {
  return choice === "builtin" ? import("./transports/deno.ts") : import("./transports/node.ts");
}
