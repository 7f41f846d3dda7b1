/**
 * A token that is revoked, or that expires, while its request is under way.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Auth, ServeOptions } from "@dsmq/server";
import { HeldStore } from "../support/held_store.ts";
import { openServer } from "../support/open_server.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { testStores } from "../support/store_servers.ts";
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

testStores(
  "a list of topics leaves out those that may no longer be read when the store answers",
  async (serve) => {
    const only = (topic: string): Auth => ({ tokens: [{ ...ONE, topics: [topic] }] });
    // The last one names where the next page begins, and may be none that may be read.
    const changes: [auth: Auth, topics: string[] | undefined, next: string | undefined][] = [
      [only("b"), ["b"], "b"],
      [only("a"), ["a"], "a"],
      [only("c"), [], ""],
      [{ tokens: [] }, undefined, undefined],
    ];
    for (const [auth, expected, expectedNext] of changes) {
      const store = new HeldStore(["topics"]);
      await using server = await serve(store, undefined, { auth: { tokens: [ONE] } });
      const headers = { authorization: "Bearer one" };
      for (const topic of ["a", "b", "c"]) {
        await (await server.post(`/topics/${topic}`, "x", headers)).body?.cancel();
      }
      store.hold();
      const held = store.nextHeld();
      const listed = server.get("/topics?count=2", { headers });
      await held;
      await server.setAuth(auth);
      store.release();
      const { topics, next, status } = await (await listed).json();
      assertEquals(topics?.map(({ topic }: { topic: string }) => topic), expected);
      assertEquals([next, status], [expectedNext, expected ? undefined : 401]);
      if (!expected || next === undefined) continue;
      const rest = await (await server.get(`/topics?after=${next}&count=2`, { headers })).json();
      assertEquals(rest.topics.length, expectedNext === "" ? 1 : 0);
      assertEquals(rest.next, null);
    }
  },
);
