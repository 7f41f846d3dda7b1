/**
 * Keys that a server fetches: a JWK Set at an address.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { failure, giveUp } from "./auth_support.ts";
import { claims, jwksServer, type Keys, keysFor, SECRET, signed } from "./jwt_support.ts";
import { openServer } from "../support/open_server.ts";
import { until } from "../support/bridge.ts";

const [rsa, ec] = await Promise.all([keysFor("RS256"), keysFor("ES256")]) as [Keys, Keys];

/** A log, and its lines. */
function recorded() {
  const lines: string[] = [];
  const write = (...data: unknown[]) => void lines.push(data.join(" "));
  return { lines, log: { info: write, warn: write, error: write } };
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`tokens are checked with the keys of a JWK Set, which are fetched once (${transport})`, async () => {
    await using keys = jwksServer(() =>
      Response.json({ keys: [{ ...rsa.jwk, kid: "one" }, { ...ec.jwk, kid: "two" }] })
    );
    await using server = await openServer({ transport, auth: { jwt: { jwks: keys.url } } });
    const now = Date.now();
    for (const [by, kid] of [[rsa, "one"], [ec, "two"], [rsa, undefined]] as const) {
      const token = await signed(claims(now), by, kid === undefined ? {} : { kid });
      await using mq = await connect(server.url, { token });
      assertEquals(await mq.get("t"), "");
    }
    const refused = [
      await signed(claims(now), ec, { kid: "one" }),
      await signed(claims(now), rsa.pem, { kid: "one" }),
      await signed(claims(now), SECRET),
      await signed(claims(now), rsa, { kid: "unknown" }),
    ];
    for (const token of refused) {
      assertEquals((await failure(connect(server.url, { token }))).code, "unauthorized");
    }
    assertEquals(keys.requests, 1);
  });
}

Deno.test("of keys without names each of the right kind is tried", async () => {
  const more = await keysFor("RS256");
  await using keys = jwksServer(() => Response.json({ keys: [more.jwk, rsa.jwk, ec.jwk] }));
  await using server = await openServer({ auth: { jwt: { jwks: keys.url } } });
  const now = Date.now();
  for (const by of [rsa, more]) {
    await using mq = await connect(server.url, { token: await signed(claims(now), by) });
    assertEquals(await mq.get("t"), "");
  }
  const expired = await signed(claims(now, { exp: 1 }), rsa);
  assertEquals((await failure(connect(server.url, { token: expired }))).code, "unauthorized");
});

Deno.test("without its keys a server says that it cannot check, and accepts tokens as soon as it has them", async () => {
  const answers: [() => Response, string][] = [
    [() => new Response("out of order", { status: 503 }), "the answer has status 503, not 200"],
    [() => new Response("no JSON"), "the answer is no JSON"],
    [() => Response.json({ keys: "none" }), "the answer is no JWK Set: it has no list of keys"],
    [() => Response.json(null), "the answer is no JWK Set: it has no list of keys"],
    [() => new Response(" ".repeat(2 ** 20 + 1)), "the JWK Set has more than 1048576 bytes"],
    [() => Response.redirect("http://127.0.0.1:1/"), "the answer has status 302, not 200"],
  ];
  for (const [broken, sentence] of answers) {
    let answer = broken;
    await using keys = jwksServer(() => answer());
    const { lines, log } = recorded();
    await using server = await openServer({ auth: { jwt: { jwks: keys.url } }, log });
    const token = await signed(claims(Date.now()), rsa);
    const first = await failure(connect(server.url, { token, onRetry: giveUp }));
    assertEquals(first.code, "unavailable");
    assertStringIncludes(first.message, "Cannot check the token now");
    const line = "dsmq: cannot check a token: the keys of auth.jwt.jwks cannot be had: ";
    assertStringIncludes(lines.join("\n"), line);
    assertStringIncludes(lines.join("\n"), sentence);
    // A client that goes on trying gets in.
    const retries: string[] = [];
    const connecting = connect(server.url, {
      token,
      onRetry: ({ code }) => void retries.push(code),
    });
    await until(() => retries.length > 0);
    answer = () => Response.json({ keys: [rsa.jwk] });
    await using mq = await connecting;
    assertEquals(await mq.get("t"), "");
    for (const part of token.split(".")) assert(!lines.join("\n").includes(part));
  }
});

Deno.test("a server starts without its keys, and does not wait for them when it stops", async () => {
  const arrived = Promise.withResolvers<void>();
  const held = Promise.withResolvers<Response>();
  const keys = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    arrived.resolve();
    return held.promise;
  });
  const { lines, log } = recorded();
  const server = await openServer({
    auth: { jwt: { jwks: `http://127.0.0.1:${keys.addr.port}/` } },
    log,
  });
  const token = await signed(claims(Date.now()), rsa);
  const controller = new AbortController();
  const connecting = connect(server.url, { token, signal: controller.signal }).catch(() => {});
  await arrived.promise;
  const began = performance.now();
  await server.shutdown();
  assert(performance.now() - began < 3000, "it waited for the keys");
  held.resolve(Response.json({ keys: [] }));
  await keys.shutdown();
  controller.abort();
  await connecting;
  assertEquals(lines.filter((line) => line.includes(token)), []);
});
