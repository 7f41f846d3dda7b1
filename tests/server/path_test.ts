/**
 * A server below a path, as behind a proxy that passes paths on as they are.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`below a path a server is what it is at the root, and there is nothing elsewhere (${transport})`, async () => {
    await using server = await openServer({ transport, path: "/mq" });
    const origin = `http://127.0.0.1:${server.port}`;
    assertEquals(server.url, `ws://127.0.0.1:${server.port}/mq`);
    await using mq = await connect(server.url);
    await using below = await connect(`${server.url}/any/path`);
    await mq.put("t", "hello");
    assertEquals(await below.get("t"), "hello");
    const status = async (path: string, init?: RequestInit) => {
      const response = await fetch(`${origin}${path}`, init);
      await response.body?.cancel();
      return response.status;
    };
    assertEquals(await status("/mq/topics/t", { method: "POST", body: "x" }), 201);
    for (
      const path of ["/mq", "/mq/", "/mq/health", "/mq/topics", "/mq/topics/t", "/mq/messages"]
    ) {
      assertEquals(await status(path), 200, path);
    }
    for (const path of ["/", "/health", "/topics/t", "/mqueue", "/mq2/topics/t", "/mq/mq/topics"]) {
      assertEquals(await status(path), 404, path);
    }
    assertEquals(await status("/topics/t", { method: "POST", body: "x" }), 404);
    for (
      const [path, expected] of [["/mq", 101], ["/mq/x", 101], ["/", 404], [
        "/mqueue",
        404,
      ]] as const
    ) {
      const headers = { Host: "localhost", ...UPGRADE };
      using handshake = await RawClient.handshake(server.port, headers, path);
      assertEquals(handshake.status, expected, path);
    }
  });
}

Deno.test("a path that no request can have is refused at the start", async () => {
  for (const path of ["mq", "", "/a//b", "/a b", "/ü", "/a?b", "/..", "//"]) {
    const error = await assertRejects(() => serve({ port: 0, path }), RangeError);
    assertStringIncludes(error.message, 'Cannot serve: path must be a path such as "/mq"');
  }
  await assertRejects(() => serve({ port: 0, path: 5 as unknown as string }), TypeError);
});
