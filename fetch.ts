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
import { createHandler } from "./server/start/create_handler.ts";

/** What `deno serve` calls for each request. */
const handler: { fetch(request: Request, info: RequestInfo): Promise<Response> } = createHandler();

export type { RequestInfo };
export default handler;

if (import.meta.main) {
  // With --parallel every thread of the process loads this. Each tells the others, and the first to hear of another ends all.
  const { BroadcastChannel } = await import("node:worker_threads");
  const threads = new BroadcastChannel(`dsmq-fetch-${Deno.pid}`);
  // At SIGINT and SIGTERM `deno serve` closes its port, and ends once nothing is left to do.
  threads.unref();
  threads.onmessage = () => {
    console.error(
      "dsmq: --parallel would run several queues that know nothing of each other: leave it out",
    );
    Deno.exit(1);
  };
  threads.postMessage("here");
}
