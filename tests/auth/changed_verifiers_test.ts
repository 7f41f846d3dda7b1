/**
 * Another `auth` on a running server: connections whose token was checked by JWT or by `auth.verify`.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Auth, connect, type Connection, type VerifiedGrant, type Verify } from "@dsmq/server";
import { failure, headers } from "./auth_support.ts";
import { claims, type Keys, keysFor, SECRET, signed } from "./jwt_support.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const [rsa, ec] = await Promise.all([keysFor("RS256"), keysFor("ES256")]) as [Keys, Keys];
const OTHER = `another: ${SECRET}`;
const ALL: VerifiedGrant = { permissions: ["read", "write", "admin"] };
const verify: Verify = (token) => token === "own" ? { ...ALL, identity: "me" } : undefined;

/** Which tokens still have their connection after another `auth`. */
async function remaining(before: Auth, after: Auth | string, tokens: Record<string, string>) {
  await using server = await openServer({ auth: before });
  await using connections = new AsyncDisposableStack();
  const open: [string, Connection][] = [];
  for (const [name, token] of Object.entries(tokens)) {
    open.push([name, connections.use(await connect(server.url, { token, reconnect: false }))]);
  }
  await server.setAuth(after);
  const results = await Promise.allSettled(open.map(([, mq]) => mq.get("t")));
  return open.flatMap(([name], i) => results[i]!.status === "fulfilled" ? [name] : []);
}

Deno.test("another auth keeps the connections that its keys or its function vouched for already, and no others", async () => {
  const jwt = [{ secret: SECRET }, { publicKey: rsa.pem }, { publicKey: ec.jwk, issuer: "app" }];
  const before: Auth = { jwt, verify, tokens: [{ token: "listed" }] };
  const now = Date.now();
  const tokens = {
    secret: await signed(claims(now)),
    rsa: await signed(claims(now), rsa),
    ec: await signed(claims(now, { iss: "app" }), ec),
    own: "own",
    listed: "listed",
  };
  const all = Object.keys(tokens);
  const cases: [Auth | string, string[]][] = [
    [{ ...before, jwt: structuredClone(jwt).reverse() }, all],
    [{ ...before, jwt: { secret: SECRET } }, ["secret", "own", "listed"]],
    [{ ...before, jwt: { secret: OTHER } }, ["own", "listed"]],
    // A new key first, and the old one until its tokens are gone.
    [{ jwt: [{ secret: OTHER }, { secret: SECRET }] }, ["secret"]],
    [{ jwt: { secret: SECRET, audience: "mq" } }, []],
    [{ jwt: { publicKey: ec.jwk } }, []],
    [{ verify }, ["own"]],
    // Another function, even one with the same text: the server cannot know what it would say.
    [{ verify: (token) => verify(token, { signal: new AbortController().signal }) }, []],
    ["listed", ["listed"]],
    [{ anonymous: {} }, all],
  ];
  for (const [after, expected] of cases) {
    assertEquals(await remaining(before, after, tokens), expected);
  }
});

Deno.test("a key that cannot be used changes nothing, and does not keep a later auth from counting", async () => {
  await using server = await openServer({ auth: { jwt: { secret: SECRET } } });
  await using mq = await connect(server.url, { token: await signed(claims(Date.now())) });
  const wrong = assertRejects(
    () => server.setAuth({ jwt: { publicKey: "-----BEGIN PUBLIC KEY-----\nAAAA" } }),
    RangeError,
    "Cannot set auth: auth.jwt.publicKey must be a public key for RS256 or ES256, in PEM (SPKI) or as a JWK, got",
  );
  await wrong;
  assertEquals(await mq.get("t"), "");
  await server.setAuth({ verify });
  assertEquals((await failure(mq.get("t"))).code, "unauthorized");
  await using own = await connect(server.url, { token: "own" });
  assert(await own.put("t", "m") > 0);
});

Deno.test("a check that began under the auth before does not admit anybody under the next", async () => {
  for (const after of ["good", { verify }] as const) {
    const answer = Promise.withResolvers<VerifiedGrant>();
    const asked = Promise.withResolvers<void>();
    const slow: Verify = () => {
      asked.resolve();
      return answer.promise;
    };
    await using server = await openServer({ auth: { verify: slow } });
    const connecting = failure(connect(server.url, { token: "slow" }));
    await asked.promise;
    await server.setAuth(after);
    // The client is answered only after that: no work of the check is left when the test ends.
    answer.resolve(ALL);
    assertEquals((await connecting).code, "unauthorized");
  }
});

/** A function that answers when it is told to. */
function slowVerify() {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<VerifiedGrant | undefined>();
  const verify: Verify = () => {
    asked.resolve();
    return answered.promise;
  };
  return { verify, asked: asked.promise, answer: answered.resolve };
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a token that is being checked while auth changes counts as the new auth says (${transport})`, async () => {
    const me: VerifiedGrant = { ...ALL, identity: "me" };
    const cases: [Auth, VerifiedGrant | undefined, expected: "connected" | "unauthorized"][] = [
      [{ verify }, me, "connected"],
      [{ verify }, undefined, "connected"],
      [{ tokens: [{ token: "own" }] }, me, "connected"],
      [{ anonymous: {} }, undefined, "connected"],
      [{ verify: () => undefined }, me, "unauthorized"],
      [{ tokens: [{ token: "other" }] }, me, "unauthorized"],
    ];
    for (const [after, answer, expected] of cases) {
      const slow = slowVerify();
      await using server = await openServer({ auth: { verify: slow.verify }, transport });
      const connecting = connect(server.url, { token: "own" });
      const outcome = connecting.then(() => "connected", (error) => error.code);
      await slow.asked;
      await server.setAuth(after);
      slow.answer(answer);
      assertEquals(await outcome, expected);
      if (expected === "connected") await (await connecting).close();
    }
  });

  Deno.test(`a new token of an open connection that is being checked while auth changes counts as the new auth says (${transport})`, async () => {
    const slow = slowVerify();
    const auth: Auth = { tokens: [{ token: "first" }], verify: slow.verify };
    await using server = await openServer({ auth, transport });
    using raw = await RawClient.handshake(server.port, headers(server.port, "first"));
    const renewed = raw.request({ action: "hello", id: 1, token: "own" });
    await slow.asked;
    await server.setAuth({ tokens: [{ token: "first" }], verify });
    slow.answer(undefined);
    assertEquals((await renewed).error, undefined);
    assertEquals((await raw.request({ action: "get", id: 2, topic: "t" })).error, undefined);
  });
}
