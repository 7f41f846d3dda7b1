/**
 * A server whose file fails: what its OpenAPI document says of that.
 *
 * @module
 */

import { DocumentedServer } from "./documented_server.ts";
import { FailingFile } from "./failing_file.ts";
import { groupPathsOf } from "./openapi_group_scenes.ts";
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
  await failingGroups(server, file);
}

/** The same for groups: their changes are committed together with what others put. */
async function failingGroups(server: DocumentedServer, file: FailingFile): Promise<void> {
  const { store } = file;
  const apply = store.apply.bind(store);
  const put = { type: "put", topic: "other", body: '"x"', bytes: 3 } as const;
  let joined = false;
  store.apply = (batch) => {
    if (joined) void apply({ time: batch.time, commands: [put] });
    return apply(batch);
  };
  for (const group of groupPathsOf(server)) {
    await group.ask("PUT", "", 201);
    const claims = [await group.claim(), await group.claim()];
    await group.post("/finish", 200, { claim: claims[0], outcome: "dead" });
    const changes: [method: string, verb: string, body?: object][] = [
      ["POST", "/redrive", {}],
      ["POST", "/claim"],
      ["POST", "/extend", { claim: claims[1] }],
      ["POST", "/finish", { claim: claims[1] }],
      ["DELETE", ""],
      ["PUT", ""],
    ];
    for (const [method, verb, body] of changes) {
      const ask = body === undefined ? {} : { body: JSON.stringify(body) };
      file.failure = "database or disk is full";
      file.before = (sql) => sql === "COMMIT";
      joined = true;
      await group.ask(method, verb, [507, "full"], "", ask);
      file.failure = "disk I/O error";
      let isBroken = false;
      file.before = (sql) => isBroken && sql === "open" || (sql === "COMMIT" && (isBroken = true));
      // Nobody can know what became of the put. To ask again for a change of a group does no harm.
      await group.ask(method, verb, [503, "unavailable"], "", ask);
      joined = false;
      await group.ask(method, verb, [503, "unavailable"], "", ask);
      file.repair();
      if (method === "DELETE") await group.ask("DELETE", "", 204);
      else await server.ask("POST", "/topics/{topic}", "/topics/t", 201, { body: "x" });
    }
  }
}
