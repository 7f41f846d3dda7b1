/**
 * A server over a store of the test's choice.
 *
 * @module
 */

import { type Clock, systemClock } from "../../queue/clock.ts";
import { Queue } from "../../queue/queue.ts";
import type { ServeOptions } from "../../server/options.ts";
import { TLS_OPTION_NAMES } from "../../server/auth_options.ts";
import { ListeningServer } from "../../server/listening_server.ts";
import { openAccess } from "../../server/prepare_auth.ts";
import type { StoreSource } from "../../server/metrics/sources.ts";
import { parseServeOptions, VERSION } from "../../server/start/start.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { Store } from "../../stores/store.ts";
import { quiet } from "./open_server.ts";

const NOT_COUNTED = new Error("this store does not count what it holds");

/** Puts together what a server of a store needs. */
export async function prepareStore(
  store: Store,
  { freshness, ...options }: ServeOptions,
  clock: Clock,
) {
  const { auth, ...settings } = parseServeOptions({ port: 0, log: quiet, clock, ...options });
  const queue = await Queue.open(store, clock, settings.log, undefined, freshness);
  const storeSource: StoreSource = {
    findFault: () => store.findFault?.(),
    usage: () => store instanceof SqliteStore ? store.usage() : Promise.reject(NOT_COUNTED),
  };
  const place = { host: settings.host, secure: false };
  const { access, preparation } = await openAccess(auth, place, settings);
  const { transport } = settings;
  const what = { version: VERSION, engine: "one of a test", store: "one of a test" };
  const description = { ...what, durability: store.durability, transport };
  return { queue, access, settings: { ...settings, preparation, storeSource, description } };
}

/** Serves a store on any free port, without a log. The store ends with the server. */
export async function serveStore(
  store: Store,
  options: ServeOptions = {},
  clock: Clock = systemClock,
): Promise<ListeningServer> {
  const { queue, access, settings } = await prepareStore(store, options, clock);
  const more = { tls: undefined, names: TLS_OPTION_NAMES };
  const running = new ListeningServer(queue, access, { ...settings, ...more });
  const { listen } = settings.transport === "hardened"
    ? await import("../../transports/node.ts")
    : await import("../../transports/deno.ts");
  await running.listen(listen);
  return running;
}
