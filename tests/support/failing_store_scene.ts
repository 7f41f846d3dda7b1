/**
 * A server whose file fails: what its OpenAPI document says of that.
 *
 * @module
 */

import { Queue } from "../../queue/queue.ts";
import { TLS_OPTION_NAMES } from "../../server/auth_options.ts";
import { ListeningServer } from "../../server/listening_server.ts";
import { openAccess } from "../../server/prepare_auth.ts";
import { parseServeOptions } from "../../server/start/start.ts";
import { DocumentedServer } from "./documented_server.ts";
import { FailingFile } from "./failing_file.ts";
import type { OpenApiContract } from "./openapi_contract.ts";
import { quiet } from "./open_server.ts";

/** Brings the responses of a server that cannot use its store. */
export async function failingStore(contract: OpenApiContract, kind: string): Promise<void> {
  const transport = kind === "hardened" ? "hardened" : "builtin";
  await using file = new FailingFile();
  const { auth, ...settings } = parseServeOptions({ port: 0, log: quiet, transport });
  const queue = await Queue.open(file.store, file.clock, settings.log);
  const place = { host: settings.host, secure: false };
  const { access, preparation } = await openAccess(auth, place, settings);
  const more = {
    tls: undefined,
    names: TLS_OPTION_NAMES,
    engineName: "a failing one",
    preparation,
  };
  const running = new ListeningServer(queue, access, { ...settings, ...more });
  const { listen } = transport === "hardened"
    ? await import("../../transports/node.ts")
    : await import("../../transports/deno.ts");
  await running.listen(listen);
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
