/**
 * The option `auth`: what is wrong with it is named, and no token is shown.
 *
 * @module
 */

import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { serve, type ServeOptions } from "@dsmq/server";
import { weakKey } from "../auth/jwt_support.ts";

const SECRET = "this secret has thirty-two bytes";

const weak = await weakKey();

type Class = typeof TypeError | typeof RangeError;

Deno.test("a wrong auth is refused with its names and values, and former options with what to write", async () => {
  const wrong: [unknown, Class, string][] = [
    [{ auth: { tokens: "good" } }, TypeError, "auth.tokens must be a list, got a string"],
    [{ auth: { tokens: [null] } }, TypeError, "auth.tokens[0] must be an object, got null"],
    [{ auth: { tokens: [{}] } }, TypeError, "auth.tokens[0].token"],
    [
      { auth: { tokens: [{ token: "a", right: [] }] } },
      TypeError,
      'auth.tokens[0] has no member "right"',
    ],
    [{ auth: { tokens: [{ token: "a", permissions: ["own"] }] } }, RangeError, '"own"'],
    [
      { auth: { tokens: [{ token: "a", permissions: "read" }] } },
      TypeError,
      "auth.tokens[0].permissions must be a list",
    ],
    [
      { auth: { tokens: [{ token: "a", topics: [undefined] }] } },
      TypeError,
      "auth.tokens[0].topics",
    ],
    [{ auth: { tokens: [{ token: "a", prefixes: "a" }] } }, TypeError, "auth.tokens[0].prefixes"],
    [{ auth: { anonymous: { prefixes: ["\ud800"] } } }, RangeError, "auth.anonymous.prefixes"],
    [
      { auth: { anonymous: { topics: ["news", "news.*"] } } },
      RangeError,
      'auth.anonymous.topics must be a list of exact names of topics, got one with "news.*": to include all topics',
    ],
    [
      { auth: { tokens: [{ token: "a", topics: ["*"] }] } },
      RangeError,
      "begin with a text, use prefixes",
    ],
    [{ auth: { tokens: [{ token: "a", topics: [""] }] } }, RangeError, "at least one character"],
    [{ auth: { tokens: [{ token: "a", prefixes: ["news.*"] }] } }, RangeError, "a prefix has no *"],
    [{ auth: { anonymous: { token: "a" } } }, TypeError, 'auth.anonymous has no member "token"'],
    [
      { auth: { tokens: [{ token: "a" }, { token: "a" }] } },
      RangeError,
      "a token of its own, got that of auth.tokens[0]",
    ],
    [{ auth: {} }, TypeError, "auth must have tokens, anonymous, jwt or verify, got none of them"],
    [{ auth: { verify: true } }, TypeError, "auth.verify must be a function, got true"],
    [{ auth: { jwt: "secret" } }, TypeError, "auth.jwt must be an object, got a string"],
    [{ auth: { jwt: [] } }, RangeError, "auth.jwt must be an object, or a list of 1 to 16, got 0"],
    [{ auth: { jwt: [null] } }, TypeError, "auth.jwt[0] must be an object, got null"],
    [
      { auth: { jwt: {} } },
      TypeError,
      "auth.jwt must have one of secret, publicKey and jwks, got none of them",
    ],
    [
      { auth: { jwt: { secret: SECRET, jwks: "https://a.test/" } } },
      TypeError,
      "one of secret, publicKey and jwks, got secret and jwks",
    ],
    [{ auth: { jwt: { secrt: SECRET } } }, TypeError, 'auth.jwt has no member "secrt"'],
    [
      { auth: { jwt: { secret: "a short secret" } } },
      RangeError,
      "auth.jwt.secret must be a secret of at least 32 bytes, got one of 14 bytes",
    ],
    [
      { auth: { jwt: { secret: 5 } } },
      TypeError,
      "a secret of at least 32 bytes, got a number",
    ],
    [
      { auth: { jwt: { secret: `-----BEGIN PUBLIC KEY-----${SECRET}` } } },
      RangeError,
      "got a key in PEM (publicKey takes it)",
    ],
    [{ auth: { jwt: { publicKey: SECRET } } }, RangeError, "got text that is not in that form"],
    [
      { auth: { jwt: { publicKey: "-----BEGIN RSA PRIVATE KEY-----" } } },
      RangeError,
      "auth.jwt.publicKey must be a public key for RS256 or ES256, in PEM (SPKI) or as a JWK, got a private key",
    ],
    [
      { auth: { jwt: { publicKey: "-----BEGIN CERTIFICATE-----" } } },
      RangeError,
      "got a certificate",
    ],
    [
      { auth: { jwt: { publicKey: "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----" } } },
      RangeError,
      "got a key of another kind, or a damaged one",
    ],
    [{ auth: { jwt: { publicKey: { kty: "oct", k: SECRET } } } }, RangeError, "a symmetric key"],
    [
      { auth: { jwt: { publicKey: { kty: "RSA", n: "AQAB", e: "AQAB", d: SECRET } } } },
      RangeError,
      "got a private key",
    ],
    [{ auth: { jwt: { publicKey: { kty: "OKP" } } } }, RangeError, 'got one with kty "OKP"'],
    [
      { auth: { jwt: { publicKey: { kty: "EC", crv: "P-521" } } } },
      RangeError,
      'got one with crv "P-521"',
    ],
    [
      { auth: { jwt: { publicKey: { kty: "EC", crv: "P-256" } } } },
      RangeError,
      "got one whose x and y are not 32 bytes each",
    ],
    [{ auth: { jwt: { publicKey: 5 } } }, TypeError, "got a number"],
    [{ auth: { jwt: { publicKey: weak } } }, RangeError, "got one of 1024 bits, and 2048 are the"],
    [
      { auth: { jwt: { jwks: "http://keys.test/" } } },
      RangeError,
      "auth.jwt.jwks must be an https: address (http: only on this machine), got one with http://keys.test",
    ],
    [{ auth: { jwt: { jwks: "keys.json" } } }, RangeError, "got text that is not an address"],
    [
      { auth: { jwt: { jwks: "https://me:secret@a.test/" } } },
      RangeError,
      "got one with a user name or a password",
    ],
    [{ auth: { jwt: { jwks: 5 } } }, TypeError, "(http: only on this machine), got 5"],
    [
      { auth: { jwt: { secret: SECRET, issuer: "" } } },
      RangeError,
      'auth.jwt.issuer must be a text that is not empty, got ""',
    ],
    [{ auth: { jwt: [{ secret: SECRET, audience: 5 }] } }, TypeError, "auth.jwt[0].audience must"],
    [
      { auth: { jwt: { secret: SECRET, clockTolerance: 600_001 } } },
      RangeError,
      "auth.jwt.clockTolerance must be a whole number from 0 to 600000, got 600001",
    ],
    [{ auth: { token: "a" } }, TypeError, 'auth has no member "token"'],
    [
      { token: "secret" },
      TypeError,
      'Cannot serve: there is no option "token": write auth: "…" (or, beside others, auth: { tokens: [{ token: "…" }] })',
    ],
    [{ tokens: [] }, TypeError, 'there is no option "tokens": write auth: { tokens: […] }'],
    [
      { anonymous: {} },
      TypeError,
      'there is no option "anonymous": write auth: { anonymous: {…} } (with tokens, if there are some)',
    ],
  ];
  for (const [options, ErrorClass, message] of wrong) {
    const error = await assertRejects(
      () => serve({ port: 0, ...options as ServeOptions }),
      ErrorClass,
      message,
    );
    assertStringIncludes(error.message, "Cannot serve: ");
    assert(!error.message.includes(SECRET), error.message);
  }
});
