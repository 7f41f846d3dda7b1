/**
 * A handler beside the routes of Hono.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, createHandler, type Handler } from "@dsmq/server";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import { quiet } from "../support/open_server.ts";

type Env = { readonly Bindings: Deno.ServeHandlerInfo };

async function serveApp(
  app: Hono<Env>,
  handler: Handler,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, app.fetch);
  try {
    await use(server.addr.port);
  } finally {
    await handler.shutdown();
    await server.shutdown();
  }
}

Deno.test("a handler is a route of Hono, also behind its middleware, and below a sub-application", async () => {
  const handler = createHandler({ path: "/api/mq", log: quiet });
  const api = new Hono<Env>()
    .all("/mq/*", (c) => handler.fetch(c.req.raw, c.env));
  const app = new Hono<Env>().use(cors(), secureHeaders());
  app.get("/", (c) => c.text("Hono"));
  app.route("/api", api);
  await serveApp(app, handler, async (port) => {
    await using reader = await connect(`ws://localhost:${port}/api/mq`);
    await using putter = await connect(`ws://localhost:${port}/api/mq`);
    const first = reader.getWait("t", { timeout: 5000 });
    await putter.put("t", "hello");
    assertEquals(await first, "hello");
    const text = async (path: string) =>
      await (await fetch(`http://localhost:${port}${path}`)).text();
    assertEquals(await text("/"), "Hono");
    assertEquals(await text("/api/mq/health"), "ok\n");
  });
});

Deno.test("in Hono, app.mount copies requests, and info may be missing: both are refused, and logged by Hono", async () => {
  const handler = createHandler({ log: quiet });
  const errors: string[] = [];
  const app = new Hono<Env>();
  app.mount("/mounted", (request, _, info) => handler.fetch(request, info ?? LOCAL));
  // deno-lint-ignore no-explicit-any -- forgotten, in a program without types
  app.all("/forgotten", (c) => (handler.fetch as any)(c.req.raw));
  app.onError(({ message }, c) => {
    errors.push(message);
    return c.text("failed", 500);
  });
  await serveApp(app, handler, async (port) => {
    for (const path of ["mounted", "forgotten"]) {
      const socket = new WebSocket(`ws://localhost:${port}/${path}`);
      const ended = Promise.withResolvers<string>();
      socket.onopen = socket.onclose = (event: Event) => ended.resolve(event.type);
      assertEquals(await ended.promise, "close");
    }
  });
  assertEquals([...new Set(errors)].map((message) => message.split(",")[0]), [
    "Cannot handle a request: it must be the very Request that Deno.serve gave",
    "Cannot handle a request: info must be what Deno.serve gave beside it",
  ]);
});

const LOCAL = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1" } };
