/**
 * The metrics of a server that is about to start.
 *
 * @module
 */

import type { Engine } from "../../stores/engine.ts";
import type { CreateMetrics, ServerDescription, StoreSource } from "../metrics/sources.ts";
import type { ServerSettings } from "../options.ts";
import { VERSION } from "../running_server.ts";

/** What is known of a server once its store is open. */
export interface OpenedStore {
  readonly store: StoreSource & Pick<ServerDescription, "durability">;
  readonly engine: Pick<Engine, "name">;
}

/**
 * Loads what metrics need, before any client can connect.
 *
 * @param settings what the server is
 * @param transport the transport, or `handler`
 * @returns makes them for an open store
 * @throws {DsmqError} `module_unavailable`, if `npm:prom-client` does not load
 */
export async function prepareMetrics(
  { store: place, clock, signal }: Pick<ServerSettings, "store" | "clock" | "signal">,
  transport: string,
): Promise<(opened: OpenedStore) => CreateMetrics> {
  const [{ ServerMetrics }, { loadPromClient }] = await Promise.all([
    import("../metrics/server_metrics.ts"),
    import("../metrics/prom_client_package.ts"),
  ]);
  const client = await loadPromClient(signal);
  return ({ store, engine }) => (server) => {
    const description = {
      version: VERSION,
      engine: engine.name,
      store: place === "memory" ? "memory" : "sqlite",
      durability: store.durability,
      transport,
    };
    return new ServerMetrics(client, { server, store, description, startedAt: clock.now() });
  };
}
