/**
 * An `auth.verify` that throws cannot tell now, as without its database: clients are told to try again, and none gives up.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect, type VerifiedGrant, type Verify } from "@dsmq/server";
import { failure, giveUp, headers } from "./auth_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { as } from "../support/untyped.ts";
import { withTimeout } from "../support/with_timeout.ts";

const ALL: VerifiedGrant = { permissions: ["read", "write", "admin"], identity: "me" };

/** How clients come back at once. */
const AT_ONCE = { minDelay: 0, maxDelay: 1 };

/** A value that throws whatever is done with it. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

Deno.test("whatever auth.verify throws, the log says it once, as a fault of the server, and shows nothing of the token", async () => {
  for (
    const token of [
      "secret-0123456789-secret",
      "sec+ret/0123==45/6789+se/cret",
      "sec!ret(0123)45'6789*se!cret",
      "sec%ret%410123%25456789%se",
    ]
  ) {
    await assertHidden(token);
  }
});

/** Every text that is logged, and every error, shows nothing of it. */
async function assertHidden(token: string): Promise<void> {
  const cases: [Verify, string][] = [
    [() => {
      throw new Error("no database");
    }, "Error: no database"],
    [() => {
      throw undefined;
    }, "nothing"],
    [(given) => {
      throw new Error(`bad token ${given}, sorry`);
    }, "Error: bad token …, sorry"],
    [(given) => Promise.reject(`it is ${given.slice(3, 20)}`), '"it is …"'],
    [
      (given) => {
        const address = `http://127.0.0.1:1/?${new URLSearchParams({ token: given })}`;
        const cause = new Error(`no connection to ${address}`);
        throw new TypeError("fetch failed", { cause });
      },
      "TypeError: fetch failed: no connection to http://127.0.0.1:1/?token=…",
    ],
    [
      () => Promise.reject(Object.assign(new Error(), { message: Symbol("no text") })),
      "something that cannot be shown",
    ],
    [() => Promise.reject(revoked()), "something that cannot be shown"],
    [() => as(revoked()), "TypeError"],
  ];
  for (const [verify, sentence] of cases) {
    const errors: string[] = [];
    const warnings: string[] = [];
    const log = {
      info() {},
      warn: (...data: unknown[]) => void warnings.push(data.join(" ")),
      error: (...data: unknown[]) => void errors.push(data.join(" ")),
    };
    const server = await openServer({ auth: { verify }, log });
    const error = await failure(connect(server.url, { token, onRetry: giveUp }));
    assertEquals([error.code, error.retryable], ["unavailable", true], sentence);
    await server.shutdown();
    assertEquals(errors.length, 1);
    assertStringIncludes(
      errors[0]!,
      `dsmq: cannot check a token: auth.verify threw ${sentence}`,
    );
    // No option would have admitted it.
    assert(!warnings.join().includes("--token"), warnings.join());
    for (const text of [...errors, ...warnings, `${error}`, `${error.stack}`]) {
      for (let i = 0; i + 8 <= token.length; i++) {
        assert(!text.includes(token.slice(i, i + 8)), text);
      }
      const parts = token.split(/[^a-z0-9]/).filter(({ length }) => length >= 3);
      assert(parts.every((part) => !text.includes(part)), text);
    }
  }
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`an auth.verify that throws is told as unavailable, however the token comes (${transport})`, async () => {
    const verify: Verify = () => Promise.reject(new Error("no database"));
    await using server = await openServer({ transport, auth: { verify } });
    const { port } = server;
    const hello = { action: "hello", id: 1 };
    using inHello = await RawClient.handshake(port, headers(port));
    assertEquals((await inHello.request({ ...hello, token: "t" })).error.code, "unavailable");
    assertEquals(await withTimeout(inHello.closeCode()), 1013);
    using inHeader = await RawClient.handshake(port, headers(port, "t"));
    assertEquals((await inHeader.request(hello)).error.code, "unavailable");
    assertEquals(await withTimeout(inHeader.closeCode()), 1013);
    const plain = { ...headers(port, "t"), "Sec-WebSocket-Protocol": undefined };
    using refused = await RawClient.handshake(port, plain);
    assertEquals(refused.status, 503);
    assert(refused.received.join().includes("the token cannot be checked now"));
  });

  Deno.test(`clients outlive an outage of auth.verify: when they come, and when they come back (${transport})`, async () => {
    let outage = 2;
    let asked = 0;
    const verify: Verify = () => {
      asked++;
      if (outage-- > 0) throw new Error("no database");
      return ALL;
    };
    await using server = await openServer({ transport, auth: { verify } });
    await using mq = await connect(server.url, { token: "t", reconnect: AT_ONCE });
    assertEquals(asked, 3);
    const next = mq.subscribe("t")[Symbol.asyncIterator]();
    const first = next.next();
    await mq.put("t", "m1");
    assertEquals((await withTimeout(first)).value?.body, "m1");
    outage = 2;
    const [own] = await mq.connections();
    await mq.disconnect(own!.id).catch(() => {});
    const second = next.next();
    const put = mq.put("t", "m2");
    assert(await withTimeout(put) > 0);
    assertEquals((await withTimeout(second)).value?.body, "m2");
    assertEquals([asked, server.stats().stored], [6, 2]);
    await next.return!();
  });
}

Deno.test("a renewal that auth.verify throws at leaves the connection as it is until its token expires, and may be repeated", async () => {
  const clock = new ManualClock();
  let isOut = false;
  const verify: Verify = () => {
    if (isOut) throw new Error("no database");
    return { ...ALL, expires: clock.now() + 10_000 };
  };
  await using server = await openServer({ auth: { verify }, clock });
  using raw = await RawClient.handshake(server.port, headers(server.port, "first"));
  assertEquals((await raw.request({ action: "hello", id: 1 })).tokenExpiresIn, 10_000);
  isOut = true;
  clock.advance(5000);
  const renewal = { action: "hello", id: 2, token: "second" };
  assertEquals((await raw.request(renewal)).error.code, "unavailable");
  assert((await raw.request({ action: "put", id: 3, topic: "t", body: "m" })).seq > 0);
  isOut = false;
  assertEquals((await raw.request(renewal)).tokenExpiresIn, 10_000);
  clock.advance(5000);
  assert((await raw.request({ action: "put", id: 4, topic: "t", body: "m" })).seq > 0);
  isOut = true;
  assertEquals((await raw.request(renewal)).error.code, "unavailable");
  clock.advance(5000);
  assertEquals(await withTimeout(raw.closeCode()), 4401);
});

Deno.test("a token that jwt refuses and auth.verify throws at is not refused: it may be one of those", async () => {
  const jwt = { secret: "0123456789abcdef0123456789abcdef" };
  const verify: Verify = () => Promise.reject(new Error("no database"));
  await using server = await openServer({ auth: { jwt, verify } });
  const error = await failure(connect(server.url, { token: "opaque", onRetry: giveUp }));
  assertEquals(error.code, "unavailable");
});
