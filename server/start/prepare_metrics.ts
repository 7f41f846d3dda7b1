/**
 * The metrics of a server that is about to start.
 *
 * @module
 */

import type { CreateMetrics } from "../metrics/sources.ts";

/**
 * Loads what metrics need, before any client can connect.
 *
 * @param signal ends waiting for the package
 * @returns makes them for a server
 * @throws {DsmqError} `module_unavailable`, if `npm:prom-client` does not load
 */
export async function prepareMetrics(signal: AbortSignal | undefined): Promise<CreateMetrics> {
  const [{ ServerMetrics }, { loadPromClient }] = await Promise.all([
    import("../metrics/server_metrics.ts"),
    import("../metrics/prom_client_package.ts"),
  ]);
  const client = await loadPromClient(signal);
  return (sources) => new ServerMetrics(client, sources);
}
