/**
 * Where all places are taken: a client that comes back has the one that is its own, and nobody else's.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ServeOptions } from "../server.ts";
import { until } from "./support/bridge.ts";
import { Knock, UPGRADE } from "./support/knock.ts";
import { openServer } from "./support/open_server.ts";
import { soon } from "./support/soon.ts";

const SESSION = "0123456789abcdefABCDEF";

/** One who offers the subprotocol, with a token if there is one. */
function arrive(port: number, token?: string): Promise<Knock> {
  return Knock.at(port, {
    "Host": "localhost",
    ...UPGRADE,
    "Sec-WebSocket-Protocol": "dsmq",
    ...(token !== undefined && { "Authorization": `Bearer ${token}` }),
  });
}

const hello = (session: string | undefined, tried: number) => ({
  ...{ action: "hello", id: 1, try: tried },
  ...(session !== undefined && { session }),
});

for (const transport of ["builtin", "hardened"] as const) {
  for (const limit of ["connections", "connectionsPerAddress"] as const) {
    const serve = (options: ServeOptions = {}) =>
      openServer({ transport, limits: { [limit]: 1 }, ...options });

    Deno.test(`${transport}, ${limit}: 1: who comes back has its place, though the old connection is there still`, async () => {
      await using server = await serve();
      using old = await arrive(server.port);
      await old.ask(hello(SESSION, 1));
      await old.ask({ action: "subscribe", id: 2, topic: "t", messages: 9, bytes: 1e6 });
      const connections: Knock[] = [old];
      for (let tried = 2; tried < 8; tried++) {
        const again = await arrive(server.port);
        assertEquals((await soon(again.ask(hello(SESSION, tried)))).id, 1);
        assertEquals(
          (await soon(again.ask({ action: "put", id: 2, topic: "t", message: "m" }))).seq,
          tried - 1,
        );
        connections.push(again);
      }
      // The stream of the old one ended before anything was put: it hears of its end alone.
      const last = connections.pop()!;
      for (const gone of connections) {
        assertEquals(await soon(gone.next()), { code: 4409 });
        gone[Symbol.dispose]();
      }
      using stranger = await arrive(server.port);
      assertEquals(await soon(stranger.ask(hello(undefined, 1))), 1013);
      last[Symbol.dispose]();
    });
  }

  Deno.test(`${transport}: nobody has the place of another, of a newer one, or with another token`, async () => {
    const tokens = [{ token: "one" }, { token: "two" }];
    await using server = await openServer({ transport, tokens, limits: { connections: 1 } });
    using old = await arrive(server.port, "one");
    await old.ask(hello(SESSION, 7));
    const cases = [
      { token: "one", session: undefined, tried: 8, code: 1013 },
      { token: "one", session: "anotherSession0123456789", tried: 8, code: 1013 },
      { token: "two", session: SESSION, tried: 8, code: 1013 },
      { token: "three", session: SESSION, tried: 8, code: 4401 },
      { token: "one", session: SESSION, tried: 6, code: 4409 },
    ];
    for (const { token, session, tried, code } of cases) {
      using other = await arrive(server.port, token);
      const heard = token === "three"
        ? (await soon(other.next()) as { code: number }).code
        : await soon(other.ask(hello(session, tried)));
      assertEquals(heard, code, JSON.stringify({ token, session, tried }));
    }
    assertEquals((await soon(old.ask({ action: "put", id: 2, topic: "t", message: "m" }))).seq, 1);
    assertEquals(server.stats().connections, 1);
  });

  Deno.test(`${transport}: who came when all places were taken has one that is free by the time it says hello`, async () => {
    await using server = await openServer({ transport, limits: { connections: 1 } });
    for (const session of [SESSION, undefined]) {
      const old = await arrive(server.port);
      await old.ask(hello(session, 1));
      const again = await arrive(server.port);
      old[Symbol.dispose]();
      await until(() => server.stats().connections === 0);
      assertEquals((await soon(again.ask(hello(session, 2)))).id, 1);
      assertEquals(server.stats().connections, 1);
      // It has the place, and no seat without one: the next is turned away.
      using stranger = await arrive(server.port);
      assertEquals(await soon(stranger.ask(hello("anotherSession0123456789", 1))), 1013);
      again[Symbol.dispose]();
      await until(() => server.stats().connections === 0);
    }
  });

  Deno.test(`${transport}: an older try has no place that is free by the time it says hello, and leaves none taken`, async () => {
    await using server = await openServer({ transport, limits: { connections: 1 } });
    const old = await arrive(server.port);
    await old.ask(hello(SESSION, 7));
    using older = await arrive(server.port);
    old[Symbol.dispose]();
    await until(() => server.stats().connections === 0);
    assertEquals(await soon(older.ask(hello(SESSION, 6))), 4409);
    older[Symbol.dispose]();
    await until(() => server.stats().connections === 0);
    using next = await arrive(server.port);
    assertEquals((await soon(next.ask(hello(SESSION, 8)))).id, 1);
  });

  Deno.test(`${transport}: nothing is done for one without a place that does not say hello first`, async () => {
    await using server = await openServer({ transport, limits: { connections: 1 } });
    using old = await arrive(server.port);
    await old.ask(hello(SESSION, 1));
    using other = await arrive(server.port);
    const put = { action: "put", id: 2, topic: "t", message: "m" };
    assertEquals(await soon(other.ask([put, hello(SESSION, 2)])), 1013);
    assertEquals((await old.ask({ action: "get", id: 2, topic: "t" })).message, "");
    assertEquals(server.stats().stored, 0);
  });
}

Deno.test("a place that was passed on is free again once its last connection has gone, and all others are", async () => {
  await using server = await openServer({ limits: { connections: 2 } });
  {
    using other = await arrive(server.port);
    await other.ask(hello("anotherSession0123456789", 1));
    using old = await arrive(server.port);
    await old.ask(hello(SESSION, 1));
    using again = await arrive(server.port);
    await again.ask(hello(SESSION, 2));
  }
  const in_: Knock[] = [];
  for (let i = 0; i < 2; i++) {
    for (;;) {
      const one = await arrive(server.port);
      if (typeof await soon(one.ask(hello(undefined, 0))) === "object") {
        in_.push(one);
        break;
      }
      one[Symbol.dispose]();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  using third = await arrive(server.port);
  assertEquals(await soon(third.ask(hello(undefined, 0))), 1013);
  for (const one of in_) one[Symbol.dispose]();
});
