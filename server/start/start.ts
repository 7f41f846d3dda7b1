/**
 * Starts a server: put together from a store, access control, and a transport. Also what the command line needs for that.
 *
 * @module
 */

import { Queue } from "../../queue/queue.ts";
import type { Transport } from "../../transports/transport.ts";
import type { AuthSettings, Tls } from "../auth_options.ts";
import { type ListeningOptions, ListeningServer } from "../listening_server.ts";
import {
  DURABILITIES,
  ENGINES,
  FRESHNESS,
  OVERFLOWS,
  parseServeOptions,
  type ServerSettings,
  type TransportChoice,
  TRANSPORTS,
} from "../options.ts";
import { openLog } from "../log.ts";
import { openAccess } from "../prepare_auth.ts";
import { VERSION } from "../running_server.ts";
import { requireDeno, requireDescriptor } from "../runtime.ts";
import { StopSignals } from "../stop_signals.ts";
import { loadTracing } from "./load_tracing.ts";
import {
  createGroups,
  describeServer,
  loadWarmUp,
  openStore,
  type StoreSettings,
  unlessAborted,
  withCode,
} from "./open_store.ts";

export type { ListeningServer };
export { isLogAddress, LogAddressError } from "../store_address.ts";
export { WAIT_FOR_STORE } from "../store_options.ts";
export {
  DURABILITIES,
  ENGINES,
  FRESHNESS,
  openLog,
  OVERFLOWS,
  parseServeOptions,
  TRANSPORTS,
  VERSION,
};

/**
 * Starts a server for a program that has checked the options, and has read certificate and key from files.
 *
 * @param settings the checked options
 * @param names the names of certificate and key in errors
 * @returns the server, once it listens; rejects with the reason of the option `signal` if that aborts before, whatever else fails
 */
export async function start(
  { auth, ...settings }: ServerSettings,
  names: Tls,
): Promise<ListeningServer> {
  requireDeno();
  settings.signal?.throwIfAborted();
  requireDescriptor("serve");
  // From now on: a signal while the store is opened stops this server, too.
  const signals = settings.handleSignals ? new StopSignals() : undefined;
  try {
    const starting = startRunning(auth, { ...settings, names, signals });
    return await unlessAborted(settings.signal, starting, ({ finished }) => finished);
  } catch (error) {
    signals?.[Symbol.dispose]();
    throw error;
  }
}

async function startRunning(
  auth: AuthSettings,
  settings:
    & Omit<
      ListeningOptions,
      "tls" | "preparation" | "storeSource" | "description" | "createMetrics"
    >
    & StoreSettings
    & Pick<ServerSettings, "groups" | "metrics" | "freshness">,
): Promise<ListeningServer> {
  const { names } = settings;
  const { tls, warnings } = await prepareTls(auth.tls, names, settings.clock.now());
  const tracing = await loadTracing(settings.log, settings.signal);
  const createMetrics = settings.metrics ? await loadMetrics(settings.signal) : undefined;
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
  const queue = await Queue.open(store, settings.clock, settings.log, tracing, settings.freshness);
  try {
    await withCode("store_unusable", createGroups(queue, settings.groups));
    const place = { host: settings.host, secure: tls !== undefined };
    const { access, preparation } = await openAccess(auth, place, settings);
    // Without the tokens, which are not needed any more.
    const described = describeServer(settings, settings.transport, opened.value);
    const options = { ...settings, ...described, tls, preparation, createMetrics };
    const server = new ListeningServer(queue, access, options);
    const scheduleWarmUp = await loadWarmUp();
    await server.listen(listen);
    scheduleWarmUp(engine, server.finished);
    for (const message of warnings) settings.log.write({ event: "certificate_warning", message });
    return server;
  } catch (error) {
    await queue[Symbol.asyncDispose]();
    throw error;
  }
}

/** Loaded here and not above: most servers are not asked for them. */
async function loadMetrics(signal: AbortSignal | undefined) {
  const { prepareMetrics } = await import("./prepare_metrics.ts");
  return prepareMetrics(signal);
}

async function prepareTls(tls: Tls | undefined, names: Tls, now: number) {
  if (!tls) return { tls, warnings: [] };
  // Loaded here and not above: most servers need no TLS.
  const { checkTls } = await import("../certificate.ts");
  return checkTls(tls, names, now);
}

/** Loaded here and not above: importing this file touches neither Deno nor npm. */
function loadTransport(choice: TransportChoice): Promise<{ listen: Transport }> {
  return choice === "builtin"
    ? import("../../transports/deno.ts")
    : import("../../transports/node.ts");
}
