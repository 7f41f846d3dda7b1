/**
 * What everybody may ask a server: its pages, which methods there are, and what is not there.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { problemOf, testHttp } from "../support/http_server.ts";
import { openServer } from "../support/open_server.ts";

const ORIGIN = "https://app.test";

testHttp(
  "pages of allowed origins read what everybody may, and others get it unread",
  async (open) => {
    await using server = await open({ allowedOrigins: [ORIGIN] });
    for (const [path, status] of [["/", 200], ["/health", 200], ["/nothing", 404]] as const) {
      for (const [origin, allowed] of [[ORIGIN, ORIGIN], ["https://evil.test", null]] as const) {
        const response = await server.get(path, { headers: { origin } });
        await response.text();
        assertEquals(response.status, status);
        assertEquals(response.headers.get("access-control-allow-origin"), allowed, path);
      }
    }
  },
);

testHttp(
  "a preflight for a page is answered, and permits nothing to other origins",
  async (open) => {
    await using server = await open({ allowedOrigins: [ORIGIN] });
    for (
      const [origin, methods] of [[ORIGIN, "GET, HEAD, OPTIONS"], [
        "https://evil.test",
        null,
      ]] as const
    ) {
      const headers = { origin, "access-control-request-method": "GET" };
      const { status, headers: answered } = await server.get("/health", {
        method: "OPTIONS",
        headers,
      });
      assertEquals([status, answered.get("allow")], [204, "GET, HEAD, OPTIONS"]);
      assertEquals(answered.get("access-control-allow-methods"), methods);
    }
  },
);

testHttp("a path with nothing behind it has no methods", async (open) => {
  await using server = await open();
  for (const method of ["OPTIONS", "POST", "DELETE"]) {
    assertEquals((await problemOf(await server.get("/nothing", { method }))).status, 404);
  }
});

Deno.test("who asks outside of a server's path is told where its topics are", async () => {
  await using server = await openServer({ path: "/mq" });
  for (const path of ["/topics/t", "/mq/topic"]) {
    const { detail } = await problemOf(await fetch(`http://127.0.0.1:${server.port}${path}`));
    assertEquals(detail.split(": ")[1], "topics are at /mq/topics/NAME");
  }
});
