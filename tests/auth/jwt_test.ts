/**
 * JSON Web Tokens: which are accepted, what they permit, and which are refused without being shown.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { connect, type JwtOptions } from "@dsmq/server";
import { failure, headers } from "./auth_support.ts";
import {
  type Claims,
  claims,
  encodedPart,
  type Keys,
  keysFor,
  SECRET,
  signed,
} from "./jwt_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const NOW = new ManualClock().now();
const [rsa, ec, other] = await Promise.all([
  keysFor("RS256"),
  keysFor("ES256"),
  keysFor("RS256"),
]) as [Keys, Keys, Keys];

for (const transport of ["builtin", "hardened"] as const) {
  const accepted: [string, JwtOptions, Keys | string][] = [
    ["HS256 with a secret", { secret: SECRET }, SECRET],
    ["HS256 with bytes", { secret: new TextEncoder().encode(SECRET) }, SECRET],
    ["RS256 with a key in PEM", { publicKey: rsa.pem }, rsa],
    ["RS256 with a JWK", { publicKey: rsa.jwk }, rsa],
    ["ES256 with a key in PEM", { publicKey: ec.pem }, ec],
    ["ES256 with a JWK", { publicKey: ec.jwk }, ec],
  ];
  for (const [name, jwt, by] of accepted) {
    Deno.test(`a token of ${name} permits what its claim says, wherever it is sent (${transport})`, async () => {
      const clock = new ManualClock();
      await using server = await openServer({ transport, auth: { jwt }, clock });
      const dsmq = [
        { permissions: ["read"], prefixes: ["news."] },
        { permissions: ["write"], topics: ["orders"] },
      ];
      const token = await signed(claims(NOW, { sub: "someone", dsmq }), by);
      const dial = (url: string, names: string[]) => new WebSocket(url, names);
      for (const options of [{ token }, { token, dial }]) {
        await using mq = await connect(server.url, options);
        assertEquals(await mq.get("news.today"), "");
        assert(await mq.put("orders", "m") > 0);
        assertEquals((await failure(mq.put("news.today", "m"))).code, "permission_denied");
        assertEquals((await failure(mq.get("orders"))).code, "permission_denied");
      }
      using raw = await RawClient.handshake(server.port, headers(server.port));
      const request = { action: "hello", id: 1, token };
      assertEquals((await raw.request(request)).error, undefined);
    });
  }
}

/** Tokens that must be refused, what accepts others of their kind, and the sentence of the log. */
async function refused(): Promise<[string, JwtOptions, string][]> {
  const hs256: JwtOptions = { secret: SECRET, clockTolerance: 0 };
  const rs256: JwtOptions = { publicKey: rsa.pem };
  const seconds = Math.floor(NOW / 1000);
  const by = (more: Claims, key: Keys | string = SECRET, header = {}) =>
    signed(claims(NOW, more), key, header);
  const good = await by({});
  const [header, payload, signature] = good.split(".");
  const none = encodedPart({ alg: "none", typ: "JWT" });
  const critical = encodedPart({ alg: "HS256", crit: ["a-secret-name"], "a-secret-name": 1 });
  const foreign = { secret: SECRET, audience: "mq" };
  return [
    [await by({ exp: seconds }), hs256, "it has expired"],
    [await by({ exp: seconds - 6 }), { secret: SECRET }, "it has expired"],
    [await by({ nbf: seconds + 1 }), hs256, "it is not valid yet"],
    [await by({ nbf: seconds + 6 }), { secret: SECRET }, "it is not valid yet"],
    [await by({ exp: undefined }), hs256, "it has no exp: it would never expire"],
    [`${none}.${payload}.`, hs256, "its algorithm is not HS256"],
    [`${none}.${payload}.${signature}`, hs256, "its algorithm is not HS256"],
    [`${none}.${payload}.`, rs256, "its algorithm is not RS256"],
    // The public key, which everybody knows, as the secret of HS256.
    [await by({}, rsa.pem), rs256, "its algorithm is not RS256"],
    [await by({}, JSON.stringify(rsa.jwk)), { publicKey: rsa.jwk }, "its algorithm is not RS256"],
    [await by({}, ec), rs256, "its algorithm is not RS256"],
    [await by({}, rsa), { publicKey: ec.jwk }, "its algorithm is not ES256"],
    [await by({}, other), rs256, "its signature does not fit the key"],
    [await by({}, `${SECRET}2`), hs256, "its signature does not fit the key"],
    [`${header}.${encodedPart({ exp: 1 })}.${signature}`, hs256, "its signature does not fit"],
    [`${header}.${payload}.`, hs256, "its signature does not fit the key"],
    [await by({ aud: "others" }), foreign, "it is for another audience than auth.jwt.audience"],
    [await by({}), foreign, "it has no audience (aud), which auth.jwt.audience asks for"],
    [await by({ aud: "mq" }), hs256, "it is for a certain audience (aud), and auth.jwt.audience"],
    [await by({ iss: "others" }), { ...hs256, issuer: "app" }, "it is from another issuer"],
    [
      await by({}),
      { ...hs256, issuer: "app" },
      "it has no issuer (iss), which auth.jwt.issuer asks for",
    ],
    [await by({ dsmq: undefined }), hs256, "it has no claim dsmq, which says what it allows"],
    [await by({ dsmq: "read" }), hs256, "a grant must be an object, got a string"],
    [await by({ dsmq: null }), hs256, "a grant must be an object, got null"],
    [await by({ dsmq: {} }), hs256, "a grant must name its permissions"],
    [await by({ dsmq: { topics: ["a"] } }), hs256, "a grant must name its permissions"],
    [await by({ dsmq: { permissions: "read" } }), hs256, "a grant.permissions must be a list"],
    [await by({ dsmq: { permissions: ["reed"] } }), hs256, 'got one with "reed"'],
    [await by({ dsmq: [{ permissions: ["read"], topic: "a" }] }), hs256, 'no member "topic"'],
    [await by({ dsmq: { permissions: ["read"], topics: ["a.*"] } }), hs256, "use prefixes"],
    [await by({ exp: "soon" }), hs256, "its claim exp is invalid"],
    [`${critical}.${payload}.${signature}`, hs256, "it is not a JWT that can be read"],
    ["not-a-json-web-token", hs256, "it is not a JWT"],
    ["a.b.c", hs256, "it is not a JWT that can be read"],
    [`${good}.${good}`, hs256, "it is not a JWT"],
  ];
}

Deno.test("a token that must not be accepted is refused, with a sentence in the log that shows nothing of it", async () => {
  for (const [token, jwt, sentence] of await refused()) {
    const lines: string[] = [];
    const write = (...data: unknown[]) => void lines.push(data.join(" "));
    const log = { info: write, warn: write, error: write };
    const clock = new ManualClock();
    await using server = await openServer({ auth: { jwt }, clock, log });
    const dial = (url: string, names: string[]) => new WebSocket(url, names);
    for (const options of [{ token }, { token, dial }]) {
      const error = await failure(connect(server.url, options));
      assertEquals(error.code, "unauthorized", sentence);
      lines.push(`${error}`, `${error.stack}`, `${error.cause}`);
    }
    using raw = await RawClient.handshake(server.port, headers(server.port));
    const reply = await raw.request({ action: "hello", id: 1, token });
    assertEquals(reply.error?.code, "unauthorized", sentence);
    assertEquals(await raw.closeCode(), 4401);
    lines.push(JSON.stringify(reply));
    await server.shutdown();
    assertStringIncludes(lines.join("\n"), sentence);
    assert(!lines.join("\n").includes("a-secret-name"), lines.join("\n"));
    for (const part of [token, ...token.split(".")].filter(({ length }) => length > 1)) {
      assert(!lines.join("\n").includes(part), `${sentence}\n${lines.join("\n")}`);
    }
  }
});

Deno.test("a token is as valid as its times say, with the tolerance of the clock", async () => {
  const seconds = Math.floor(NOW / 1000);
  const clock = new ManualClock();
  await using server = await openServer({ auth: { jwt: { secret: SECRET } }, clock });
  for (const times of [{ exp: seconds - 4 }, { nbf: seconds + 5 }, { iat: seconds + 5 }]) {
    const token = await signed(claims(NOW, times));
    await using mq = await connect(server.url, { token });
    assertEquals(await mq.get("t"), "", JSON.stringify(times));
  }
});

Deno.test("issuer and audience that are asked for are accepted", async () => {
  const jwt = { secret: SECRET, issuer: "app", audience: "mq" };
  const clock = new ManualClock();
  await using server = await openServer({ auth: { jwt }, clock });
  for (const aud of ["mq", ["others", "mq"]]) {
    const token = await signed(claims(NOW, { iss: "app", aud }));
    await using mq = await connect(server.url, { token });
    assertEquals(await mq.get("t"), "");
  }
});

Deno.test("of several keys each is tried, and what none accepts may be accepted by auth.verify", async () => {
  const jwt = [{ secret: SECRET }, { publicKey: rsa.pem }, { secret: `new ${SECRET}` }];
  const clock = new ManualClock();
  const verify = (token: string) =>
    token === "own" ? { permissions: ["read"] as const } : undefined;
  await using server = await openServer({ auth: { jwt, verify }, clock });
  const tokens = [SECRET, rsa, `new ${SECRET}`].map((by) => signed(claims(NOW), by));
  for (const token of [...await Promise.all(tokens), "own"]) {
    await using mq = await connect(server.url, { token });
    assertEquals(await mq.get("t"), "");
  }
  const token = await signed(claims(NOW), ec);
  assertEquals((await failure(connect(server.url, { token }))).code, "unauthorized");
});

Deno.test("tokens of nobody are identities of their own, also if they say so by null or an empty text", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ auth: { jwt: { secret: SECRET } }, clock });
  const dsmq = { permissions: ["admin"] };
  for (const sub of [undefined, null, ""]) {
    const identities: string[] = [];
    for (const jti of ["1", "2"]) {
      const token = await signed(claims(NOW, { sub, jti, dsmq }));
      await using mq = await connect(server.url, { token });
      identities.push((await mq.connections())[0]!.identity);
    }
    assertNotEquals(identities[0], identities[1], `${sub}`);
  }
});
