/**
 * The store of a server: loaded and opened.
 *
 * @module
 */

import { DsmqError, type ErrorCode } from "../../protocol/errors.ts";
import type { EventLog } from "../../queue/log_event.ts";
import type { Engine } from "../../stores/engine.ts";
import type { Queue } from "../../queue/queue.ts";
import type { SqliteStore, SqliteStoreOptions } from "../../stores/sqlite_store.ts";
import { StoreError } from "../../stores/store.ts";
import type { FileDurability, ServerSettings } from "../options.ts";
import type { ServerDescription, StoreSource } from "../metrics/sources.ts";
import type { GroupToServe } from "../served_groups.ts";
import { type RunningOptions, START_PHASE, VERSION } from "../running_server.ts";
import { isLogAddress, storeKind, storePath } from "../store_address.ts";
import type { LogSettings } from "./open_replicated.ts";

/** What it needs of the options. */
export type StoreSettings =
  & Pick<
    ServerSettings,
    | "store"
    | "durability"
    | "engine"
    | "retention"
    | "clock"
    | "overflow"
    | "limits"
  >
  & LogSettings;

/**
 * Opens the store.
 *
 * @param settings what and how
 * @returns the store, and its engine
 * @throws {DsmqError} if it cannot be opened
 * @throws {RangeError} if it is a log whose address is invalid
 */
export async function openStore(
  settings: StoreSettings,
): Promise<{ readonly store: SqliteStore; readonly engine: Engine }> {
  const { store, durability, retention, clock, overflow } = settings;
  const { storedBytes, topics, inFlight: dedupWindow } = settings.limits;
  const { groups, unfinished, groupBytes, groupRetention } = settings.limits;
  const limits = {
    ...{ storedBytes, topics, dedupWindow, overflow },
    ...{ groups, unfinished, groupBytes, groupRetention },
  };
  const path = storePath(store);
  // Loaded here and not above, and in parallel: importing this file touches no native code.
  const [{ loadEngine }, open] = await Promise.all([
    import("../../stores/engines/load_engine.ts"),
    isLogAddress(store)
      ? logStore(settings)
      : path === undefined
      ? memoryStore()
      : fileStore(path, durability, settings.log),
  ]);
  const warn = (message: string) => settings.log.write({ event: "engine_fallback", message });
  const loading = loadEngine(settings.engine, warn, settings.signal);
  const engine = await withCode("module_unavailable", loading);
  // A file that nobody needs any more is not touched.
  settings.signal?.throwIfAborted();
  return { store: await open({ engine, retention, clock, limits }), engine };
}

/**
 * Makes groups, unless they are there.
 *
 * @param queue the queue of the store
 * @param groups the groups
 * @throws {DsmqError} if one cannot be made, with the code of the store
 */
export async function createGroups(
  queue: Queue,
  groups: readonly GroupToServe[],
): Promise<void> {
  if (groups.length === 0) return;
  const { last } = await queue.store.bounds();
  const results = await queue.apply(groups.map(({ since, ...name }) => ({
    type: "create_group" as const,
    name,
    ...(since === "now" && { after: last }),
  })));
  const error = results.find((result) => result instanceof StoreError);
  if (!error) return;
  const { code, message, limit } = error;
  throw new DsmqError(code, message, { cause: error, ...(limit !== undefined && { limit }) });
}

/**
 * What a server tells of itself and of its store.
 *
 * @param settings where the store is
 * @param transport the transport, or `handler`
 * @param opened the store, and its engine
 */
export function describeServer(
  { store: place }: Pick<ServerSettings, "store">,
  transport: string,
  { store, engine }: {
    readonly store: StoreSource & Pick<ServerDescription, "durability">;
    readonly engine: Pick<Engine, "name">;
  },
): Pick<RunningOptions, "storeSource" | "description"> {
  const description = {
    version: VERSION,
    engine: engine.name,
    store: storeKind(place),
    durability: store.durability,
    transport,
  };
  return { storeSource: store, description };
}

/**
 * What a start comes to, unless a signal aborts before its end: then it rejects with the reason of that, and nothing is left open.
 *
 * @param signal stops what has been started, too
 * @param starting rejects once nothing is left open
 * @param finished waits until what was started has stopped
 */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  starting: Promise<T>,
  finished: (started: T) => Promise<void>,
): Promise<T> {
  try {
    const started = await starting;
    if (signal?.aborted) await finished(started);
    return started;
  } finally {
    // Not the error that it led to, nor one that came at the same time.
    signal?.throwIfAborted();
  }
}

/** Gives an error a code, if it has none. */
export async function withCode<T>(code: ErrorCode, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DsmqError || error instanceof RangeError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new DsmqError(code, message, { cause: error });
  }
}

/** Loaded here and not above: most servers share no log. */
async function logStore(settings: LogSettings) {
  const { replicatedStore } = await import("./open_replicated.ts");
  return replicatedStore(settings);
}

async function memoryStore(): Promise<(options: SqliteStoreOptions) => SqliteStore> {
  const { MemoryStore } = await import("../../stores/memory_store.ts");
  return (options) => new MemoryStore(options);
}

async function fileStore(
  path: string,
  durability: FileDurability,
  log: EventLog,
): Promise<(options: SqliteStoreOptions) => SqliteStore> {
  const { FileStore } = await import("../../stores/file_store.ts");
  return (options) =>
    new FileStore({ ...options, path, durability, notify: (notice) => log.write(notice) });
}

/** The first requests of this process were handled. */
let isWarm = false;

/** The warm-ups of its servers, one after the other: one that stops too soon leaves it to the next. */
let warming: Promise<void> = Promise.resolve();

/**
 * Loads what warms up. Before any client can connect: a module that is loaded while clients have taken all file descriptors
 * fails for good, and may end Deno with a panic (2.9.6).
 *
 * @returns begins the warm-up, until there was one in this process; to call it after the start
 */
export async function loadWarmUp(): Promise<(engine: Engine, finished: Promise<void>) => void> {
  const [{ warmUp }, open] = await Promise.all([import("../warm_up.ts"), memoryStore()]);
  return (engine, finished) => {
    if (isWarm) return;
    let isFinished = false;
    const warmUpOnce = async () => {
      if (isWarm) return;
      try {
        await warmUp((options) => open({ ...options, engine }), () => isFinished);
      } catch {
        // The first client that needs it gets the error.
      }
      isWarm = !isFinished;
    };
    const timer = setTimeout(() => warming = warming.then(warmUpOnce), START_PHASE);
    // It keeps no process alive.
    Deno.unrefTimer(timer);
    void finished.then(() => {
      isFinished = true;
      clearTimeout(timer);
    });
  };
}
