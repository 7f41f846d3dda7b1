/**
 * A handler on a `Deno.serve` of a test's own.
 *
 * @module
 */

import { createHandler, type Handler, type HandlerOptions } from "../../server.ts";
import { quiet } from "./open_server.ts";

/** A handler, and the server that it is mounted on. */
export interface MountedServer extends AsyncDisposable {
  readonly handler: Handler;
  readonly server: Deno.HttpServer<Deno.NetAddr>;
  readonly port: number;
  /** The address for clients, below the path of the handler. */
  readonly url: string;
  /** Counts of the handler. */
  stats(): ReturnType<Handler["stats"]>;
}

/** Serves on any free port of loopback. What is not below the path of the handler is answered with "theirs". */
export function openMounted(
  options: HandlerOptions = {},
  listen: Partial<Deno.ServeTcpOptions & Deno.TlsCertifiedKeyPem> = {},
): MountedServer {
  const handler = createHandler({ log: quiet, ...options });
  const { path = "/" } = options;
  const isOurs = (url: string) => URL.parse(url)?.pathname.startsWith(path) ?? true;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...listen } as Deno.ServeTcpOptions,
    (request, info) => isOurs(request.url) ? handler.fetch(request, info) : new Response("theirs"),
  );
  const { port } = server.addr;
  return {
    handler,
    server,
    port,
    url: `${"cert" in listen ? "wss" : "ws"}://localhost:${port}${path}`,
    stats: () => handler.stats(),
    async [Symbol.asyncDispose]() {
      await handler.shutdown();
      await server.shutdown();
    },
  };
}
