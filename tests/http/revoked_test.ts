/**
 * A token that is revoked, or that expires, while its request is under way.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServeOptions } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const HALF = "POST /topics/t HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer one\r\n" +
  "Content-Length: 10\r\n\r\nhello";

const ONE = { token: "one", permissions: ["read", "write"] } as const;

/** The status of another request. */
async function topics(port: number): Promise<number> {
  const headers = { authorization: "Bearer one" };
  const response = await fetch(`http://127.0.0.1:${port}/topics`, { headers });
  await response.body?.cancel();
  return response.status;
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`what was sent in part when its token was revoked is not stored (${transport})`, async () => {
    const changes: [auth: NonNullable<Exclude<ServeOptions["auth"], string>>, status: string][] = [
      [{ tokens: [] }, "401"],
      [{ tokens: [{ ...ONE, permissions: ["read"] }] }, "403"],
      [{ tokens: [{ ...ONE, topics: ["u"] }] }, "403"],
      [{ tokens: [{ ...ONE, topics: ["t"] }] }, "201"],
    ];
    for (const [auth, status] of changes) {
      const limits = { connections: 1 };
      await using server = await openServer({ transport, limits, auth: { tokens: [ONE] } });
      using client = await RawSocket.connect(server.port);
      await client.send(HALF);
      // It has begun once it has the only slot.
      while (await topics(server.port) === 200);
      await server.setAuth(auth);
      await client.send("world");
      const head = await withTimeout(client.head());
      assertEquals(head.split(" ")[1], status);
      assertEquals(server.stats().stored, status === "201" ? 1 : 0);
    }
  });
}
