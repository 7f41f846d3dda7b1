/**
 * The server: how it is put together, from a store, a door, and a way in.
 *
 * @module
 */

import { Door } from "./door/door.ts";
import type { Grant, Right, TokenGrant } from "./door/leave.ts";
import { anew, DsmqError, type ErrorCode } from "./protocol/errors.ts";
import type { Limits, ServerLimits } from "./protocol/limits.ts";
import type { Clock } from "./queue/clock.ts";
import { type Log, Queue } from "./queue/queue.ts";
import type { Server, Stats } from "./server/api.ts";
import { checkedTls, OPTION_NAMES, type Tls } from "./server/certificate.ts";
import type { EntryOptions, EntrySettings } from "./server/door_options.ts";
import {
  checked,
  DURABILITIES,
  type Durability,
  type EngineChoice,
  ENGINES,
  type Overflow,
  OVERFLOWS,
  type ServeOptions,
  type Settings,
  type StoreChoice,
  type TransportChoice,
  TRANSPORTS,
} from "./server/options.ts";
import { isLoopback } from "./door/hosts.ts";
import { type Running, RunningServer, VERSION } from "./server/running.ts";
import { requireDeno } from "./server/runtime.ts";
import { StopSignals } from "./server/signals.ts";
import { filePath } from "./server/store_address.ts";
import type { Engine } from "./stores/engine.ts";
import type { SqliteOptions } from "./stores/sqlite.ts";
import type { Store } from "./stores/store.ts";
import type { Transport } from "./transports/transport.ts";

export { checked, DURABILITIES, ENGINES, isLoopback, OVERFLOWS, TRANSPORTS, VERSION };
export type {
  Clock,
  Durability,
  EngineChoice,
  EntryOptions,
  Grant,
  Limits,
  Log,
  Overflow,
  Right,
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
 *   `store_in_use`, `store_unusable`, `module_unavailable`, `not_allowed`, `full`, `unavailable`; its `cause` is what the system said
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
  const second: unknown = arguments[1];
  if (second !== null && typeof second === "object") {
    throw new TypeError("Cannot serve: options are given in one object, got two arguments");
  }
  try {
    return await start(checked(options), OPTION_NAMES);
  } catch (error) {
    // A stack ends after a few functions, and who called this is to be on it.
    throw anew(error);
  }
}

/**
 * Starts a server, for a program that has checked the options, and has its certificate and key from files.
 *
 * @param settings what `checked` made of the options
 * @param names what certificate and key are called in what is said of them
 * @returns the server, once it listens
 */
export async function start({ entry, ...settings }: Settings, names: Tls): Promise<Server> {
  requireDeno();
  settings.signal?.throwIfAborted();
  // From now on: whoever stops the program while the store is opened means this server, too.
  const signals = settings.handleSignals ? new StopSignals() : undefined;
  try {
    return await running(entry, { ...settings, names, signals });
  } catch (error) {
    signals?.[Symbol.dispose]();
    throw error;
  }
}

async function running(entry: EntrySettings, settings: Omit<Running, "tls">): Promise<Server> {
  const { names } = settings;
  const { tls, warnings } = await usableTls(entry.tls, names, settings.clock.now());
  const [loaded, opened] = await Promise.allSettled([
    coded("module_unavailable", loadTransport(settings.transport)),
    coded("store_unusable", openStore(settings)),
  ]);
  if (opened.status === "rejected") throw opened.reason;
  const { store, engine } = opened.value;
  if (loaded.status === "rejected") {
    // Or the file would stay in use.
    await store[Symbol.asyncDispose]();
    throw loaded.reason;
  }
  const { listen } = loaded.value;
  const queue = await Queue.open(store, settings.clock, settings.log);
  try {
    const door = await Door.of({ ...entry, host: settings.host, secure: tls !== undefined });
    // Without the tokens, which nobody needs any more.
    const server = new RunningServer(queue, door, { ...settings, tls });
    await server.open(listen);
    warmUpSoon(engine, server.finished);
    for (const warning of warnings) settings.log.warn(`dsmq: ${warning}`);
    return server;
  } catch (error) {
    await queue[Symbol.asyncDispose]();
    throw error;
  }
}

/** The first requests were done in this process, or are about to be. */
let isWarm = false;

/** Once in a process, and as soon as it rests: whoever waits for the server learns first that it is there. */
function warmUpSoon(engine: Engine, finished: Promise<void>): void {
  if (isWarm) return;
  isWarm = true;
  const soon = setImmediate(async () => {
    try {
      const [{ warmUp }, open] = await Promise.all([
        import("./server/warm_up.ts"),
        memoryStore(),
      ]);
      await warmUp((options) => open({ ...options, engine }));
    } catch {
      // Whoever asks for something first is told.
    }
  });
  void finished.then(() => clearImmediate(soon));
}

async function usableTls(tls: Tls | undefined, names: Tls, now: number) {
  return tls ? await checkedTls(tls, names, now) : { tls, warnings: [] };
}

async function openStore(
  settings: Omit<Settings, "entry">,
): Promise<{ readonly store: Store; readonly engine: Engine }> {
  const { store, durability, retention, clock, overflow } = settings;
  const { storedBytes, topics, inFlight: window } = settings.limits;
  const limits = { storedBytes, topics, window, overflow };
  // Loaded here and not above, and at once: importing this file touches no native code.
  const [{ loadEngine }, open] = await Promise.all([
    import("./stores/engine.ts"),
    store === "memory" ? memoryStore() : fileStore(filePath(store)!, durability, settings.log),
  ]);
  const warn = (text: string) => settings.log.warn(`dsmq: ${text}`);
  const loading = loadEngine(settings.engine, warn, settings.signal);
  const engine = await coded("module_unavailable", loading).catch((error) => {
    settings.signal?.throwIfAborted();
    throw error;
  });
  return { store: open({ engine, retention, clock, limits }), engine };
}

/** What fails without a code of its own gets one. */
async function coded<T>(code: ErrorCode, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DsmqError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new DsmqError(code, message, { cause: error });
  }
}

async function memoryStore(): Promise<(options: SqliteOptions) => Store> {
  const { MemoryStore } = await import("./stores/memory.ts");
  return (options) => new MemoryStore(options);
}

async function fileStore(
  path: string,
  durability: Durability,
  log: Log,
): Promise<(options: SqliteOptions) => Store> {
  const { FileStore } = await import("./stores/file.ts");
  return (options) =>
    new FileStore({ ...options, path, durability, warn: (text) => log.warn(text) });
}

/** Loaded here and not above: importing this file touches neither Deno nor npm. */
function loadTransport(choice: TransportChoice): Promise<{ listen: Transport }> {
  return choice === "builtin" ? import("./transports/deno.ts") : import("./transports/node.ts");
}
