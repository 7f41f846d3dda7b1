/**
 * Public keys that do not say what they are for, and those that say it: given as an option, at the start or later, or in a JWK
 * Set, the same ones are accepted.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { importJWK } from "jose";
import { connect, serve } from "@dsmq/server";
import { importJwk } from "../../server/public_keys.ts";
import { failure } from "./auth_support.ts";
import { claims, jwksServer, type Keys, keysFor, SECRET, signed, weakKey } from "./jwt_support.ts";
import { openServer } from "../support/open_server.ts";

import { as } from "../support/untyped.ts";

const quiet = { info() {}, warn() {}, error() {} };

const [rsa, ec, weak] = await Promise.all([
  keysFor("RS256"),
  keysFor("ES256"),
  weakKey(),
]) as [Keys, Keys, JsonWebKey];

/** Keys that must not verify tokens, and what an error says of each. */
const UNUSABLE: readonly (readonly [object, string])[] = [
  [{ ...rsa.jwk, use: "enc" }, 'got one with use "enc"'],
  [{ ...ec.jwk, use: "enc" }, 'got one with use "enc"'],
  [{ ...rsa.jwk, use: null }, "got one with use null"],
  [{ ...rsa.jwk, key_ops: ["encrypt"] }, "got one with key_ops that are no list with verify"],
  [{ ...ec.jwk, key_ops: [] }, "got one with key_ops that are no list with verify"],
  [{ ...ec.jwk, key_ops: "verify" }, "got one with key_ops that are no list with verify"],
  [{ ...rsa.jwk, key_ops: ["sign", "verify"] }, "got a key of another kind, or a damaged one"],
  [{ ...rsa.jwk, alg: "PS256" }, 'got one with alg "PS256"'],
  [{ ...rsa.jwk, alg: "RS512" }, 'got one with alg "RS512"'],
  [{ ...rsa.jwk, alg: "ES256" }, 'got one with alg "ES256"'],
  [{ ...ec.jwk, alg: "ECDH-ES" }, 'got one with alg "ECDH-ES"'],
  [{ ...ec.jwk, alg: 5 }, "got one with alg 5"],
  [{ ...ec.jwk, crv: "P-384" }, 'got one with crv "P-384"'],
  [{ ...ec.jwk, crv: undefined }, "got one without crv"],
  [{ ...rsa.jwk, kty: "OKP" }, 'got one with kty "OKP"'],
  [{ ...rsa.jwk, ext: "yes" }, "got a key of another kind, or a damaged one"],
  [{ ...rsa.jwk, n: "AQAB" }, "got one of 24 bits, and 2048 are the least"],
  [{ ...ec.jwk, x: "AAAA" }, "got one whose x and y are not 32 bytes each"],
  [{ ...ec.jwk, y: undefined }, "got one whose x and y are not 32 bytes each"],
  [{ ...rsa.jwk, d: "AQAB" }, "got a private key"],
  [{ ...ec.jwk, d: "AQAB" }, "got a private key"],
  [{ kty: "oct", k: btoa(SECRET) }, "got a symmetric key (secret takes one)"],
  [weak, "got one of 1024 bits, and 2048 are the least"],
];

Deno.test("a public key that is for something else keeps a server from starting, changes nothing in one that runs, and is skipped in a JWK Set", async () => {
  let listed: object[] = [];
  const lines: string[] = [];
  const write = (...data: unknown[]) => void lines.push(data.join(" "));
  await using running = await openServer({ auth: { jwt: { publicKey: rsa.jwk } } });
  await using mq = await connect(running.url, { token: await signed(claims(Date.now()), rsa) });
  for (const [key, sentence] of UNUSABLE) {
    const auth = { jwt: { publicKey: as(key) } };
    const what =
      "auth.jwt.publicKey must be a public key for RS256 or ES256, in PEM (SPKI) or as a";
    for (
      const [action, work] of [
        ["serve", () => serve({ port: 0, log: quiet, auth })],
        ["set auth", () => running.setAuth(auth)],
      ] as const
    ) {
      const { message } = await assertRejects(work, RangeError, `Cannot ${action}: ${what}`);
      assertEquals(message.slice(message.indexOf("got ")), sentence);
    }
    // Alone there is no key for the token; beside another one, that is used.
    await using keys = jwksServer(() => Response.json({ keys: listed }));
    for (const [rest, code] of [[[], "unauthorized"], [[rsa.jwk, ec.jwk], undefined]] as const) {
      listed = [key, ...rest];
      const log = { info: write, warn: write, error: write };
      await using server = await openServer({ auth: { jwt: { jwks: keys.url } }, log });
      const token = await signed(claims(Date.now()), Object(key).kty === "EC" ? ec : rsa);
      if (code === undefined) {
        await using reader = await connect(server.url, { token });
        assertEquals(await reader.get("t"), "", sentence);
      } else {
        assertEquals((await failure(connect(server.url, { token }))).code, code, sentence);
        await server.shutdown();
        assertStringIncludes(lines.splice(0).join("\n"), "no key of auth.jwt.jwks fits it");
      }
    }
  }
  assertEquals(await mq.get("t"), "");
});

Deno.test("a public key that says what it is for is used, as an option and in a JWK Set", async () => {
  const told = (by: Keys) => [
    { ...by.jwk, use: "sig", alg: by.alg, key_ops: ["verify"], ext: true, kid: "a" },
    { ...by.jwk, x5t: "AQAB", iat: 1 },
  ];
  for (const by of [rsa, ec]) {
    for (const key of told(by)) {
      await using keys = jwksServer(() => Response.json({ keys: [key] }));
      for (const jwt of [{ publicKey: as(key) }, { jwks: keys.url }]) {
        await using server = await openServer({ auth: { jwt } });
        const token = await signed(claims(Date.now()), by);
        await using mq = await connect(server.url, { token });
        assertEquals(await mq.get("t"), "");
      }
    }
  }
});

Deno.test("what a key is for is looked at here, whatever npm:jose takes", async () => {
  const taken = await importJWK(rsa.jwk, "RS256") as CryptoKey;
  const jose = { importJWK: () => Promise.resolve(taken) };
  assertEquals(await importJwk(jose, rsa.jwk), { key: taken, algorithm: "RS256" });
  assertEquals(await importJwk(jose, { ...rsa.jwk, use: "enc" }), 'one with use "enc"');
  for (const none of [null, 5, [], {}]) {
    assertEquals(await importJwk(jose, none), "one without kty");
  }
});

Deno.test("a token without an issuer, and one of another, are refused without fetching keys, each with its reason", async () => {
  await using keys = jwksServer(() => Response.json({ keys: [rsa.jwk] }));
  for (
    const [iss, sentence] of [
      [undefined, "it has no issuer (iss), which auth.jwt.issuer asks for"],
      ["others", "it is from another issuer than auth.jwt.issuer"],
    ] as const
  ) {
    const lines: string[] = [];
    const write = (...data: unknown[]) => void lines.push(data.join(" "));
    const log = { info: write, warn: write, error: write };
    const jwt = { jwks: keys.url, issuer: "app" };
    await using server = await openServer({ auth: { jwt }, log });
    const token = await signed(claims(Date.now(), { iss }), rsa);
    assertEquals((await failure(connect(server.url, { token }))).code, "unauthorized");
    await server.shutdown();
    assertStringIncludes(lines.join("\n"), sentence);
  }
  assertEquals(keys.requests, 0);
});
