/**
 * Tokens that are made to deceive: forged, damaged, or written in another way than their issuer did.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type JwtOptions } from "@dsmq/server";
import { failure } from "./auth_support.ts";
import { claims, jwksServer, type Keys, keysFor, SECRET, signed } from "./jwt_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";

const NOW = new ManualClock().now();
const SECONDS = Math.floor(NOW / 1000);
const [rsa, ec, attacker] = await Promise.all(
  (["RS256", "ES256", "RS256"] as const).map(keysFor),
) as [Keys, Keys, Keys];

/** What is signed, as it is. */
async function signedText(header: string, payload: string, by: Keys | string = SECRET) {
  const encoded = (text: string) =>
    new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
  const input = new TextEncoder().encode(`${encoded(header)}.${encoded(payload)}`);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const signature = typeof by === "string"
    ? await crypto.subtle.sign(
      "HMAC",
      await crypto.subtle.importKey("raw", new TextEncoder().encode(by), hmac, false, ["sign"]),
      input,
    )
    : await crypto.subtle.sign("RSASSA-PKCS1-v1_5", by.privateKey, input);
  const last = new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${new TextDecoder().decode(input)}.${last}`;
}

const HEADER = '{"alg":"HS256"}';
const GRANT = '"dsmq":{"permissions":["read"]}';
const EXP = `"exp":${SECONDS + 3600}`;

/** What becomes of tokens: `accepted`, or a code. */
async function outcomes(jwt: JwtOptions, tokens: readonly string[]): Promise<string[]> {
  await using server = await openServer({ auth: { jwt }, clock: new ManualClock() });
  const all: string[] = [];
  for (const token of tokens) {
    const connecting = connect(server.url, { token, reconnect: false });
    all.push(
      await connecting.then(async (mq) => {
        await mq.close();
        return "accepted";
      }, ({ code }) => code),
    );
  }
  return all;
}

Deno.test("claims of strange types and sizes refuse a token, or count as what they are", async () => {
  const refused = [
    `"exp":"${SECONDS + 3600}"`,
    '"exp":null',
    '"exp":true',
    `"exp":[${SECONDS + 3600}]`,
    '"exp":{}',
    '"exp":-1e300',
    '"exp":0',
    '"exp":-1e400',
    `${EXP},"nbf":"0"`,
    `${EXP},"nbf":1e300`,
    `${EXP},"nbf":1e400`,
    `${EXP},"nbf":null`,
    `${EXP},"nbf":${SECONDS + 5.5}`,
    `${EXP},"iat":"now"`,
    `${EXP},"aud":null`,
    `${EXP},"aud":[]`,
    `${EXP},"aud":""`,
    // The last one counts, for the times as well as for the grant.
    `${EXP},"exp":1`,
    `${EXP},"dsmq":{}`,
    `"__proto__":{${EXP}}`,
    `"constructor":{"prototype":{${EXP}}}`,
  ];
  const accepted = [
    EXP,
    `"exp":1,${EXP}`,
    `"exp":${SECONDS - 4.5}`,
    '"exp":1e300',
    '"exp":1e400',
    `${EXP},"nbf":-1e300`,
    `${EXP},"nbf":${SECONDS + 5}`,
    `${EXP},"iat":1e300`,
    `${EXP},"iss":["a"],"sub":{"a":1}`,
    `${EXP},"sub":"\\ud800"`,
  ];
  const tokens = (all: readonly string[]) =>
    Promise.all(all.map((text) => signedText(HEADER, `{${GRANT},${text}}`)));
  assertEquals(
    await outcomes({ secret: SECRET }, await tokens(refused)),
    refused.map(() => "unauthorized"),
  );
  assertEquals(
    await outcomes({ secret: SECRET }, await tokens(accepted)),
    accepted.map(() => "accepted"),
  );
  const bodies = ["[]", "null", '"text"', "5", "{", "", "\ufeff{}", `[{${GRANT},${EXP}}]`];
  assertEquals(
    await outcomes(
      { secret: SECRET },
      await Promise.all(bodies.map((body) => signedText(HEADER, body))),
    ),
    bodies.map(() => "unauthorized"),
  );
});

Deno.test("who must have issued a token, and for whom, is compared as it is", async () => {
  const jwt = { secret: SECRET, issuer: "app", audience: "mq" };
  const both = (iss: string, aud: string) =>
    signedText(HEADER, `{${GRANT},${EXP},"iss":${iss},"aud":${aud}}`);
  const refused = [
    both('["app"]', '"mq"'),
    both('{"0":"app"}', '"mq"'),
    both('"app\\u0000"', '"mq"'),
    both('"App"', '"mq"'),
    both('"app"', '"mq2"'),
    both('"app"', '{"0":"mq"}'),
    both('"app"', '[["mq"]]'),
    both('"app"', '["m","q"]'),
    both('"app","iss":"other"', '"mq"'),
  ];
  const accepted = [
    both('"app"', '"mq"'),
    both('"app"', '[1,null,"mq"]'),
    both('"\\u0061pp"', '"mq"'),
  ];
  assertEquals(await outcomes(jwt, await Promise.all(refused)), refused.map(() => "unauthorized"));
  assertEquals(await outcomes(jwt, await Promise.all(accepted)), accepted.map(() => "accepted"));
});

Deno.test("no header makes a token valid: neither keys and addresses of its own, nor extensions, nor other algorithms", async () => {
  const payload = `{${GRANT},${EXP}}`;
  await using keys = jwksServer(() => Response.json({ keys: [attacker.jwk] }));
  const own = { jwk: attacker.jwk, jku: keys.url, x5u: keys.url, kid: keys.url };
  const header = (more: object, alg = "RS256") => JSON.stringify({ alg, ...more });
  const byAttacker = [
    ...[own, { kid: "../../dev/null" }, { kid: "__proto__" }, { kid: "x".repeat(4000) }, { kid: 1 }]
      .map((more) => signedText(header(more), payload, attacker)),
    ...["none", "None", "", "rs256", "RS384", "PS256"]
      .map((alg) => signedText(header({}, alg), payload, attacker)),
    ...[rsa.pem, rsa.pem.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n!]
      .map((secret) => signedText(header({}, "HS256"), payload, secret)),
  ];
  // What the issuer has signed, and would have to be understood.
  const byIssuer = [
    signedText(header({ crit: ["b64"], b64: false }), payload, rsa),
    signedText(header({ crit: ["exp"], exp: 1 }), payload, rsa),
    signedText(header({ crit: [] }), payload, rsa),
    signedText(header({ crit: "b64" }), payload, rsa),
    signedText(`{"alg":"RS256","alg":"none"}`, payload, rsa),
    signedText(`["RS256"]`, payload, rsa),
  ];
  await using set = jwksServer(() => Response.json({ keys: [{ ...rsa.jwk, kid: "1" }] }));
  const tokens = await Promise.all([...byAttacker, ...byIssuer]);
  for (const jwt of [{ publicKey: rsa.pem }, { jwks: set.url }]) {
    assertEquals(await outcomes(jwt, tokens), tokens.map(() => "unauthorized"));
  }
  assertEquals([keys.requests, set.requests], [0, 1]);
});

/** Other texts that decode to the same bytes as the last part of a token: its last character has bits that count for nothing. */
function otherWritings(token: string): string[] {
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const bytes = (text: string) =>
    Uint8Array.fromBase64(text.slice(text.lastIndexOf(".") + 1), { alphabet: "base64url" }).toHex();
  return [...ALPHABET].map((end) => token.slice(0, -1) + end)
    .filter((text) => text !== token && bytes(text) === bytes(token));
}

Deno.test("a token without a sub is one identity, however its signature is written", async () => {
  const dsmq = { permissions: ["admin"] };
  // Another valid signature of the same: s is replaced by n - s.
  const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const es256 = await signed(claims(NOW, { dsmq }), ec);
  const [head, payload, last] = es256.split(".");
  const both = Uint8Array.fromBase64(last!, { alphabet: "base64url" });
  const s = ORDER - BigInt(`0x${both.subarray(32).toHex()}`);
  both.set(Uint8Array.fromHex(s.toString(16).padStart(64, "0")), 32);
  const turned = both.toBase64({ alphabet: "base64url", omitPadding: true });
  const cases: [JwtOptions, string, string[]][] = [
    [{ secret: SECRET }, await signed(claims(NOW, { dsmq })), []],
    [{ publicKey: rsa.pem }, await signed(claims(NOW, { dsmq }), rsa), []],
    [{ publicKey: ec.pem }, es256, [`${head}.${payload}.${turned}`]],
  ];
  for (const [jwt, token, more] of cases) {
    await using server = await openServer({ auth: { jwt }, clock: new ManualClock() });
    const others = [...otherWritings(token), ...more];
    assert(others.length >= 3);
    const identities = new Set<string>();
    for (const text of [token, ...others]) {
      await using mq = await connect(server.url, { token: text });
      identities.add((await mq.connections()).find(({ own }) => own)!.identity);
    }
    assertEquals(identities.size, 1);
    const spoilt = `${token.slice(0, -2)}${token.at(-2) === "A" ? "B" : "A"}${token.at(-1)}`;
    assertEquals((await failure(connect(server.url, { token: spoilt }))).code, "unauthorized");
  }
});
