/**
 * A server whose file fails: what its OpenAPI document says of that.
 *
 * @module
 */

import { DocumentedServer } from "./documented_server.ts";
import { FailingFile } from "./failing_file.ts";
import type { OpenApiContract } from "./openapi_contract.ts";
import { serveStore } from "./served_store.ts";

/** Brings the responses of a server that cannot use its store. */
export async function failingStore(contract: OpenApiContract, kind: string): Promise<void> {
  const transport = kind === "hardened" ? "hardened" : "builtin";
  await using file = new FailingFile();
  const running = await serveStore(file.store, { transport }, file.clock);
  await using server = new DocumentedServer(running, "", contract);
  for (
    const [path, address] of [["/topics/{topic}", "/topics/t"], [
      "/topics",
      "/topics?topic=t",
    ]] as const
  ) {
    let isBroken = false;
    file.before = (sql) => isBroken && sql === "open" || (sql === "COMMIT" && (isBroken = true));
    await server.ask("POST", path, address, [500, "unknown_outcome"], { body: "x" });
    await server.ask("POST", path, address, [503, "unavailable"], { body: "x" });
    for (const method of ["GET", "HEAD"]) {
      await server.ask(method, path, address, [503, "unavailable"]);
      for (const page of ["/health", "/health/ready"]) await server.ask(method, page, page, 503);
    }
    file.repair();
    await server.ask("POST", path, address, 201, { body: "x" });
  }
}
