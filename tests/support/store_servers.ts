/**
 * Servers of all kinds, over a store and with a clock of the test's choice.
 *
 * @module
 */

import type { ServeOptions } from "@dsmq/server";
import { type Clock, systemClock } from "../../queue/clock.ts";
import { RunningServer } from "../../server/running_server.ts";
import type { Store } from "../../stores/store.ts";
import { openFetch } from "../../transports/deno_fetch.ts";
import { type HttpServer, withRequests } from "./http_server.ts";
import { prepareStore, serveStore } from "./served_store.ts";

/** Serves a store, which ends with the server. */
export type ServeStore = (
  store: Store,
  clock?: Clock,
  options?: Omit<ServeOptions, "transport">,
) => Promise<HttpServer>;

const over = (transport: "builtin" | "hardened"): ServeStore => async (store, clock, options) => {
  const server = await serveStore(store, { ...options, transport }, clock);
  return withRequests(server, server);
};

/** What `createHandler` has behind it, on a `Deno.serve` of the test's own. */
const mounted: ServeStore = async (store, clock = systemClock, options = {}) => {
  const { queue, access, settings } = await prepareStore(store, options, clock);
  const handler = new RunningServer(queue, access, settings);
  const requests = await handler.open(openFetch);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, { remoteAddr }) => requests.fetch(request, remoteAddr.hostname),
  );
  const { port } = server.addr;
  const asked = {
    port,
    url: `ws://127.0.0.1:${port}`,
    stats: () => handler.stats(),
    async [Symbol.asyncDispose]() {
      await handler.shutdown();
      await server.shutdown();
    },
  };
  return withRequests(asked, handler);
};

const KINDS = { builtin: over("builtin"), hardened: over("hardened"), mounted };

/**
 * Registers one test for each kind of server.
 *
 * @param promise what holds
 * @param prove serves a store, and shows it
 */
export function testStores(promise: string, prove: (serve: ServeStore) => Promise<void>): void {
  for (const [kind, serve] of Object.entries(KINDS)) {
    Deno.test(`${promise} (${kind})`, () => prove(serve));
  }
}
