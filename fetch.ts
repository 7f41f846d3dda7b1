/**
 * A server for `deno serve`, which has the port: `deno serve --allow-net jsr:@dsmq/server/fetch`.
 *
 * It keeps messages in memory, and only clients of the same machine may connect: at `ws://localhost:8000`, the default port of
 * `deno serve`. For anything else write a module of your own, with the options of
 * {@linkcode createHandler | createHandler}, and serve that:
 *
 * ```ts ignore
 * import { createHandler } from "@dsmq/server/server";
 *
 * export default createHandler({ path: "/mq", store: "memory", auth: "a-secret" });
 * ```
 *
 * Not with `--parallel`, which would run several servers on one port that know nothing of each other.
 *
 * @module
 */

import type { RequestInfo } from "./server/api.ts";
import { mountHandler } from "./server/start/create_handler.ts";

/** The process has nothing but this. */
function endProcess(reason: string): never {
  console.error(`dsmq: ${reason}`);
  Deno.exit(1);
}

/** What `deno serve` calls for each request. */
const handler: { fetch(request: Request, info: RequestInfo): Promise<Response> } = mountHandler(
  {},
  import.meta.main ? endProcess : undefined,
);

export type { RequestInfo };
export default handler;
