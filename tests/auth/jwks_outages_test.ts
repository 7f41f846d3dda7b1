/**
 * A JWK Set that cannot be fetched again, that changes, or that has keys of all kinds: whoever has a token with a good key gets in.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { exportJWK, generateKeyPair } from "jose";
import { connect } from "@dsmq/server";
import { failure, giveUp } from "./auth_support.ts";
import {
  claims,
  HeldTimeouts,
  jwksServer,
  type Keys,
  keysFor,
  signed,
  weakKey,
} from "./jwt_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { until } from "../support/bridge.ts";
import { openServer } from "../support/open_server.ts";

const [rsa, ec, more] = await Promise.all(
  (["RS256", "ES256", "RS256"] as const).map(keysFor),
) as [Keys, Keys, Keys];

const MINUTE = 60_000;

/** The keys of an address, which can be changed, and a server with its own clock that needs them. */
async function openWithKeys() {
  const answering = { answer: (): Response | Promise<Response> => setOf(rsa.jwk) };
  const keys = jwksServer(() => answering.answer());
  const clock = new ManualClock();
  const lines: string[] = [];
  const write = (...data: unknown[]) => void lines.push(data.join(" "));
  const auth = { jwt: { jwks: keys.url } };
  const log = { info: write, warn: write, error: write };
  const server = await openServer({ auth, clock, log });
  /** What becomes of a client with a token that was signed just now. */
  const outcome = async (by: Keys, header: object = {}) => {
    const token = await signed(claims(clock.now()), by, header);
    const connecting = connect(server.url, { token, reconnect: false, onRetry: giveUp });
    return await connecting.then(async (mq) => {
      await mq.close();
      return "accepted";
    }, ({ code }) => code);
  };
  return {
    ...{ answering, clock, keys, lines, outcome, server, auth },
    about: (words: string) => lines.filter((line) => line.includes(words)),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await keys[Symbol.asyncDispose]();
    },
  };
}

function setOf(...keys: unknown[]): Response {
  return Response.json({ keys });
}

/** A port on which nobody listens. */
async function freePort(): Promise<{ readonly port: number }> {
  await using server = jwksServer(broken);
  return { port: Number(new URL(server.url).port) };
}

const broken = () => new Response("out of order", { status: 503 });

Deno.test("known keys count for an hour while they cannot be fetched again, and the log says so once", async () => {
  await using open = await openWithKeys();
  const { answering, clock, keys, outcome, about } = open;
  assertEquals([await outcome(rsa), keys.requests], ["accepted", 1]);
  answering.answer = broken;
  clock.advance(10 * MINUTE - 1);
  assertEquals([await outcome(rsa), keys.requests], ["accepted", 1]);
  clock.advance(1);
  assertEquals([await outcome(rsa), keys.requests], ["accepted", 2]);
  assertEquals(about("auth.jwt.jwks"), [
    `dsmq: the keys of auth.jwt.jwks cannot be fetched again: the answer has status 503, not 200; those that are known count until ${
      new Date(clock.now() + 60 * MINUTE).toJSON()
    }`,
  ]);
  // An endpoint that has just failed is not asked again for each client.
  assertEquals([await outcome(rsa), keys.requests], ["accepted", 2]);
  clock.advance(MINUTE / 2);
  assertEquals(await outcome(rsa), "accepted");
  await until(() => keys.requests === 3);
  clock.advance(60 * MINUTE - MINUTE / 2 - 1);
  assertEquals(await outcome(rsa), "accepted");
  assertEquals(about("auth.jwt.jwks").length, 1);
  clock.advance(1);
  assertEquals(await outcome(rsa), "unavailable");
  assertStringIncludes(
    about("cannot check a token").join(),
    "the keys of auth.jwt.jwks cannot be had: the answer has status 503, not 200",
  );
  answering.answer = () => setOf(rsa.jwk);
  assertEquals(await outcome(rsa), "accepted");
  assertEquals(about("fetched again").length, 2);
  assertMatch(about("fetched again")[1]!, /^dsmq: the keys of auth\.jwt\.jwks were fetched again$/);
});

Deno.test("nobody waits for keys that cannot be fetched again, as long as known ones count", async () => {
  await using open = await openWithKeys();
  const { answering, clock, keys, outcome } = open;
  assertEquals(await outcome(rsa), "accepted");
  answering.answer = broken;
  clock.advance(10 * MINUTE);
  assertEquals(await outcome(rsa), "accepted");
  const held = Promise.withResolvers<Response>();
  answering.answer = () => held.promise;
  clock.advance(MINUTE);
  assertEquals(await outcome(rsa), "accepted");
  await until(() => keys.requests === 3);
  // And what comes counts.
  held.resolve(setOf(ec.jwk));
  await until(() => open.about("were fetched again").length === 1);
  assertEquals([await outcome(ec), keys.requests], ["accepted", 3]);
  assertEquals(await outcome(rsa), "unauthorized");
});

Deno.test("the log says why keys cannot be had, without their address, which may have a secret", async () => {
  const { port } = await freePort();
  const lines: string[] = [];
  const write = (...data: unknown[]) => void lines.push(data.join(" "));
  const log = { info: write, warn: write, error: write };
  const clock = new ManualClock();
  const jwks = `http://127.0.0.1:${port}/keys?key=a-secret`;
  await using server = await openServer({ auth: { jwt: { jwks } }, clock, log });
  const token = await signed(claims(clock.now()), rsa);
  const connecting = connect(server.url, { token, onRetry: giveUp });
  assertEquals((await failure(connecting)).code, "unavailable");
  assertMatch(
    lines[0]!,
    /^dsmq: cannot check a token: the keys of auth\.jwt\.jwks cannot be had: .*refused/,
  );
  assert(!lines.join("\n").includes("a-secret"), lines.join("\n"));
});

Deno.test("keys are waited for no longer than 4 s, whether their answer does not begin or does not end", async () => {
  await using open = await openWithKeys();
  const { answering, keys, outcome, about } = open;
  const held = Promise.withResolvers<Response>();
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"keys":[')),
  });
  for (const answer of [() => held.promise, () => new Response(body)]) {
    using timeouts = new HeldTimeouts();
    answering.answer = answer;
    const { requests } = keys;
    const ending = outcome(rsa);
    await until(() => keys.requests > requests);
    assertEquals(timeouts.asked, [4000]);
    timeouts.pass();
    assertEquals(await ending, "unavailable");
    assertEquals(
      about("the keys of auth.jwt.jwks cannot be had: nothing came within 4 s").length > 0,
      true,
    );
    open.lines.length = 0;
    open.clock.advance(MINUTE);
  }
  held.resolve(broken());
  answering.answer = () => setOf(rsa.jwk);
  assertEquals(await outcome(rsa), "accepted");
});

Deno.test("a key that may be new is not refused while the keys cannot be fetched", async () => {
  await using open = await openWithKeys();
  const { answering, clock, keys, outcome } = open;
  assertEquals(await outcome(rsa), "accepted");
  // Once fetched, a key that is not there is fetched for at most every 30 s.
  assertEquals([await outcome(ec), keys.requests], ["unauthorized", 1]);
  answering.answer = broken;
  clock.advance(MINUTE);
  assertEquals([await outcome(ec), keys.requests], ["unavailable", 2]);
  assertEquals([await outcome(ec), keys.requests], ["unavailable", 2]);
  assertEquals(await outcome(rsa), "accepted");
  answering.answer = () => setOf(rsa.jwk, ec.jwk);
  clock.advance(MINUTE / 2);
  assertEquals([await outcome(ec), keys.requests], ["accepted", 3]);
});

Deno.test("a key that is no longer in the set is refused after ten minutes", async () => {
  await using open = await openWithKeys();
  const { answering, clock, outcome } = open;
  assertEquals(await outcome(rsa), "accepted");
  answering.answer = () => setOf(ec.jwk);
  clock.advance(10 * MINUTE);
  assertEquals([await outcome(rsa), await outcome(ec)], ["unauthorized", "accepted"]);
});

Deno.test("another auth keeps the keys that are known of an address", async () => {
  await using open = await openWithKeys();
  const { answering, auth, clock, keys, outcome, server } = open;
  assertEquals(await outcome(rsa), "accepted");
  answering.answer = broken;
  clock.advance(20 * MINUTE);
  await server.setAuth({ ...auth, tokens: [{ token: "listed" }] });
  assertEquals([await outcome(rsa), keys.requests], ["accepted", 2]);
  await server.setAuth({ jwt: [{ jwks: new URL(keys.url), issuer: "app" }, auth.jwt] });
  assertEquals([await outcome(rsa), keys.requests], ["accepted", 2]);
});

Deno.test("keys that are weak, damaged or of other kinds are skipped, with a name and without", async () => {
  const p384 = await generateKeyPair("ES384", { extractable: true });
  const okp = await generateKeyPair("EdDSA", { extractable: true });
  const others: unknown[] = [
    await weakKey(),
    { ...rsa.jwk, n: "!" },
    { kty: "RSA", n: more.jwk.n },
    { kty: "EC", crv: "P-256", x: "AA", y: "AA" },
    { ...ec.jwk, crv: "P-521" },
    await exportJWK(p384.publicKey),
    await exportJWK(okp.publicKey),
    { kty: "oct", k: "c2VjcmV0" },
    { kty: "unheard-of" },
    { ...more.jwk, use: "enc" },
    { ...more.jwk, alg: "PS256" },
    { ...await exportJWK((await generateKeyPair("RS256", { extractable: true })).privateKey) },
    ...[null, 5, "key", [], {}],
  ];
  for (const kid of [undefined, "same"]) {
    const named = others.map((key) =>
      key !== null && typeof key === "object" && kid ? { ...key, kid } : key
    );
    const header = kid ? { kid } : {};
    const own = [rsa.jwk, ec.jwk].map((key) => kid ? { ...key, kid } : key);
    for (const keys of [[...named, ...own], [...own, ...named]]) {
      await using open = await openWithKeys();
      open.answering.answer = () => setOf(...keys);
      assertEquals(await open.outcome(rsa, header), "accepted", kid);
      assertEquals(await open.outcome(ec, header), "accepted", kid);
      assertEquals(await open.outcome(more, header), "unauthorized", kid);
      assertEquals(open.about("cannot check a token"), []);
    }
  }
  await using open = await openWithKeys();
  open.answering.answer = () => setOf(...others);
  assertEquals(await open.outcome(rsa), "unauthorized");
  assert(open.about("no key of auth.jwt.jwks fits it").length > 0, open.lines.join("\n"));
});

Deno.test("a token that the fitting key has signed is refused for what is wrong with it, whatever keys come after", async () => {
  await using open = await openWithKeys();
  open.answering.answer = () => setOf(more.jwk, rsa.jwk);
  const token = await signed(claims(open.clock.now(), { exp: 1 }), more);
  assertEquals((await failure(connect(open.server.url, { token }))).code, "unauthorized");
  assert(open.about("it has expired").length > 0, open.lines.join("\n"));
});

Deno.test("keys that do not come keep nobody waiting whose token another entry accepts, or another issuer has signed", async () => {
  const asked: string[] = [];
  const held = Promise.withResolvers<void>();
  const hangs = (name: string) =>
    jwksServer(async () => {
      asked.push(name);
      await held.promise;
      return broken();
    });
  await using first = hangs("first");
  await using second = hangs("second");
  await using third = hangs("third");
  using _ = { [Symbol.dispose]: held.resolve };
  // What is waited for comes only if the test lets it.
  using _timeouts = new HeldTimeouts();
  const clock = new ManualClock();
  await using server = await openServer({
    auth: {
      // One after the other, the first two would take longer than a client waits.
      jwt: [
        { jwks: first.url },
        { jwks: second.url },
        { jwks: third.url, issuer: "third" },
        { publicKey: rsa.pem, issuer: "app" },
      ],
    },
    clock,
  });
  const tokenOf = (iss: string) => signed(claims(clock.now(), { iss }), rsa);
  await using mq = await connect(server.url, { token: await tokenOf("app") });
  assertEquals(await mq.get("t"), "");
  await until(() => asked.length === 2);
  held.resolve();
  // As long as it is not known whose token this is, it is not refused.
  const connecting = connect(server.url, { token: await tokenOf("nobody"), onRetry: giveUp });
  assertEquals((await failure(connecting)).code, "unavailable");
  assertEquals(asked.includes("third"), false);
});
