/**
 * When all places are taken, a client that comes back gets its own place, and nobody else's.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServeOptions } from "../../server.ts";
import { until } from "../support/bridge.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const SESSION_ID = "0123456789abcdefABCDEF";

/** A peer that offers the subprotocol, with a token if there is one. */
function openHandshake(port: number, token?: string): Promise<RawClient> {
  return RawClient.handshake(port, {
    "Host": "localhost",
    ...UPGRADE,
    "Sec-WebSocket-Protocol": "dsmq",
    ...(token !== undefined && { "Authorization": `Bearer ${token}` }),
  });
}

const hello = (sessionId: string | undefined, attempt: number) => ({
  ...{ action: "hello", id: 1, try: attempt },
  ...(sessionId !== undefined && { session: sessionId }),
});

for (const transport of ["builtin", "hardened"] as const) {
  for (const limit of ["connections", "connectionsPerAddress"] as const) {
    const serve = (options: ServeOptions = {}) =>
      openServer({ transport, limits: { [limit]: 1 }, ...options });

    Deno.test(`${transport}, ${limit}: 1: a client that comes back gets its place, although the old connection still exists`, async () => {
      await using server = await serve();
      using old = await openHandshake(server.port);
      await old.request(hello(SESSION_ID, 1));
      await old.request({ action: "subscribe", id: 2, topic: "t", messages: 9, bytes: 1e6 });
      const connections: RawClient[] = [old];
      for (let attempt = 2; attempt < 8; attempt++) {
        const again = await openHandshake(server.port);
        assertEquals((await withTimeout(again.request(hello(SESSION_ID, attempt)))).id, 1);
        assertEquals(
          (await withTimeout(again.request({ action: "put", id: 2, topic: "t", body: "m" })))
            .seq,
          attempt - 1,
        );
        connections.push(again);
      }
      // The stream of the old connection ended before anything was put: it gets its close alone.
      const last = connections.pop()!;
      for (const closed of connections) {
        assertEquals(await withTimeout(closed.closeCode()), 4409);
        closed[Symbol.dispose]();
      }
      using attacker = await openHandshake(server.port);
      assertEquals(await withTimeout(attacker.requestOrCode(hello(undefined, 1))), 1013);
      last[Symbol.dispose]();
    });
  }

  Deno.test(`${transport}: nobody gets the place of another session, of a newer connection, or with another token`, async () => {
    const tokens = [{ token: "one" }, { token: "two" }];
    await using server = await openServer({
      transport,
      auth: { tokens },
      limits: { connections: 1 },
    });
    using old = await openHandshake(server.port, "one");
    await old.request(hello(SESSION_ID, 7));
    const cases = [
      { token: "one", sessionId: undefined, attempt: 8, code: 1013 },
      { token: "one", sessionId: "anotherSession0123456789", attempt: 8, code: 1013 },
      { token: "two", sessionId: SESSION_ID, attempt: 8, code: 1013 },
      { token: "three", sessionId: SESSION_ID, attempt: 8, code: 4401 },
      { token: "one", sessionId: SESSION_ID, attempt: 6, code: 4409 },
    ];
    for (const { token, sessionId, attempt, code } of cases) {
      using other = await openHandshake(server.port, token);
      const reply = token === "three"
        ? await withTimeout(other.closeCode())
        : await withTimeout(other.requestOrCode(hello(sessionId, attempt)));
      assertEquals(reply, code, JSON.stringify({ token, session: sessionId, tried: attempt }));
    }
    assertEquals(
      (await withTimeout(old.request({ action: "put", id: 2, topic: "t", body: "m" }))).seq,
      1,
    );
    assertEquals(server.stats().connections, 1);
  });

  Deno.test(`${transport}: a connection beyond the limit gets a place that is free by the time of its hello`, async () => {
    await using server = await openServer({ transport, limits: { connections: 1 } });
    for (const sessionId of [SESSION_ID, undefined]) {
      const old = await openHandshake(server.port);
      await old.request(hello(sessionId, 1));
      const again = await openHandshake(server.port);
      old[Symbol.dispose]();
      await until(() => server.stats().connections === 0);
      assertEquals((await withTimeout(again.request(hello(sessionId, 2)))).id, 1);
      assertEquals(server.stats().connections, 1);
      // It has the place, and there is no slot without one: the next is refused.
      using attacker = await openHandshake(server.port);
      assertEquals(
        await withTimeout(attacker.requestOrCode(hello("anotherSession0123456789", 1))),
        1013,
      );
      again[Symbol.dispose]();
      await until(() => server.stats().connections === 0);
    }
  });

  Deno.test(`${transport}: an older connect attempt gets no place that is free by the time of its hello, and occupies none`, async () => {
    await using server = await openServer({ transport, limits: { connections: 1 } });
    const old = await openHandshake(server.port);
    await old.request(hello(SESSION_ID, 7));
    using older = await openHandshake(server.port);
    old[Symbol.dispose]();
    await until(() => server.stats().connections === 0);
    assertEquals(await withTimeout(older.requestOrCode(hello(SESSION_ID, 6))), 4409);
    older[Symbol.dispose]();
    await until(() => server.stats().connections === 0);
    using next = await openHandshake(server.port);
    assertEquals((await withTimeout(next.request(hello(SESSION_ID, 8)))).id, 1);
  });

  Deno.test(`${transport}: nothing is done for a connection without a place that does not send hello first`, async () => {
    await using server = await openServer({ transport, limits: { connections: 1 } });
    using old = await openHandshake(server.port);
    await old.request(hello(SESSION_ID, 1));
    using other = await openHandshake(server.port);
    const put = { action: "put", id: 2, topic: "t", body: "m" };
    assertEquals(await withTimeout(other.requestOrCode([put, hello(SESSION_ID, 2)])), 1013);
    assertEquals((await old.request({ action: "get", id: 2, topic: "t" })).body, "");
    assertEquals(server.stats().stored, 0);
  });
}

Deno.test("a place that was passed on is free once its last connection is gone, and so are all others", async () => {
  await using server = await openServer({ limits: { connections: 2 } });
  {
    using other = await openHandshake(server.port);
    await other.request(hello("anotherSession0123456789", 1));
    using old = await openHandshake(server.port);
    await old.request(hello(SESSION_ID, 1));
    using again = await openHandshake(server.port);
    await again.request(hello(SESSION_ID, 2));
  }
  const accepted: RawClient[] = [];
  for (let i = 0; i < 2; i++) {
    for (;;) {
      const one = await openHandshake(server.port);
      if (typeof await withTimeout(one.requestOrCode(hello(undefined, 0))) === "object") {
        accepted.push(one);
        break;
      }
      one[Symbol.dispose]();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  using third = await openHandshake(server.port);
  assertEquals(await withTimeout(third.requestOrCode(hello(undefined, 0))), 1013);
  for (const one of accepted) one[Symbol.dispose]();
});
