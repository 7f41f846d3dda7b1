/**
 * Stands in for `serve` in suites that know nothing of it: the same server as a handler, on a `Deno.serve` of a program's own. With
 * the variable `DSMQ_TEST_HONO` it is a route of Hono.
 *
 * @module
 */

import { Hono } from "hono";
import type { Server } from "../../server/api.ts";
import { parseServeOptions, type ServeOptions } from "../../server/options.ts";
import { createHandler } from "../../server/start/create_handler.ts";
import { serve as serveAlone } from "../../server/start/serve.ts";

/** Options that a handler does not have. */
const OF_PORTS = ["host", "cert", "key", "handleSignals"];

/** Serves on 127.0.0.1; what a handler does not have is left to `serve` itself. */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  // Errors are those of `serve`.
  parseServeOptions(options);
  const { port = 0, transport = "builtin", ...others } = options;
  const isOfPorts = OF_PORTS.some((name) => name in others);
  if (isOfPorts || transport !== "builtin") return await serveAlone(options);
  const handler = createHandler(others);
  await handler.ready;
  const app = new Hono<{ Bindings: Deno.ServeHandlerInfo }>();
  app.all("*", ({ req, env }) => handler.fetch(req.raw, env));
  const aborter = new AbortController();
  const listener = Deno.serve(
    { hostname: "127.0.0.1", port, signal: aborter.signal, onListen() {} },
    Deno.env.has("DSMQ_TEST_HONO") ? app.fetch : handler.fetch,
  );
  const finished = handler.finished.then(() => {
    aborter.abort();
    return listener.finished;
  });
  const { hostname: host, port: actual } = listener.addr;
  const shutdown = async () => {
    await handler.shutdown();
    await finished;
  };
  return {
    ...{ host, finished, shutdown, port: actual, transport },
    url: `ws://${host}:${actual}`,
    storeDescription: handler.storeDescription,
    stats: () => handler.stats(),
    setAuth: (auth) => handler.setAuth(auth),
    setCertificate: () => Promise.reject(new Error("it has no certificate")),
    [Symbol.asyncDispose]: shutdown,
  };
}
