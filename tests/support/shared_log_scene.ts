/**
 * A server whose store is a log that others share: what its OpenAPI document says of trouble with that.
 *
 * @module
 */

import { StoreError } from "../../stores/store.ts";
import { DocumentedServer } from "./documented_server.ts";
import { FencedStore } from "./fenced_store.ts";
import type { OpenApiContract } from "./openapi_contract.ts";
import { serveStore } from "./served_store.ts";

/** Brings the responses of a server whose log takes no more, and of one that is behind it. */
export async function sharedLog(contract: OpenApiContract, kind: string): Promise<void> {
  const store = new FencedStore();
  const transport = kind === "hardened" ? "hardened" : "builtin";
  await using server = new DocumentedServer(await serveStore(store, { transport }), "", contract);
  const busy = new StoreError("Cannot store: too much waits for the log", { code: "busy" });
  const apply = store.apply;
  store.apply = ({ commands }) => Promise.resolve(commands.map(() => busy));
  const put = { body: "x" };
  await server.ask("POST", "/topics/{topic}", "/topics/t", [503, "busy"], put);
  store.apply = apply;
  store.fallBehind();
  for (const page of ["/health", "/health/ready"]) await server.ask("GET", page, page, 503);
  await server.ask("POST", "/topics/{topic}", "/topics/t", [503, "behind"], put);
  for (const path of ["/topics", "/messages", "/groups"]) {
    await server.ask("GET", path, path, [503, "behind"]);
  }
}
