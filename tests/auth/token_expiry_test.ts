/**
 * Tokens that expire, on the wire: the connection ends with its token, unless it gets another one in time.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Auth, VerifiedGrant, Verify } from "@dsmq/server";
import { headers } from "./auth_support.ts";
import { claims, SECRET, signed } from "./jwt_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { TokenExpiry } from "../../connection/token_expiry.ts";

const NOW = new ManualClock().now();
const SECONDS = NOW / 1000;
const AUTH: Auth = { jwt: { secret: SECRET, clockTolerance: 0 } };

/** A token for a topic, for so many seconds. */
function token(seconds: number, topics: readonly string[] = ["t"], sub = "me"): Promise<string> {
  const dsmq = { permissions: ["read", "write"], topics };
  return signed(claims(NOW, { exp: SECONDS + seconds, dsmq, sub }));
}

const hello = (id: number, token: string) => ({ action: "hello", id, token });

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a connection is closed with 4401 when its token expires, and its waits and streams end (${transport})`, async () => {
    const clock = new ManualClock();
    const warnings: string[] = [];
    const log = { ...quiet, warn: (...data: unknown[]) => void warnings.push(data.join(" ")) };
    await using server = await openServer({ transport, auth: AUTH, clock, log });
    using raw = await RawClient.handshake(server.port, headers(server.port, await token(10)));
    const welcome = await raw.request({ action: "hello", id: 1 });
    assertEquals(welcome.tokenExpiresIn, 10_000);
    await raw.send([
      { action: "get_wait", id: 2, topic: "t", timeout: 60_000 },
      { action: "subscribe", id: 3, topic: "t" },
      { action: "put", id: 4, topic: "other", body: "m" },
    ]);
    assertEquals((await raw.next()).map(({ id }: { id: number }) => id), [3, 4]);
    clock.advance(9_999);
    assertEquals((await raw.request({ action: "heartbeat", id: 5 })).error, undefined);
    clock.advance(1);
    const ends = [await raw.next()].flat();
    const expired = {
      code: "unauthorized",
      message: "Access denied: the token has expired",
    };
    assertEquals(ends.find(({ id }) => id === 2)?.error, expired);
    assertEquals(await withTimeout(raw.closed), { code: 4401, reason: "the token has expired" });
    assertEquals(warnings, [
      'dsmq: refused a request from 127.0.0.1: Cannot put into topic "other": permission denied',
      "dsmq: closed a connection from 127.0.0.1: its token has expired",
    ]);
    assertEquals(server.stats().refused, 1);
  });

  Deno.test(`hello with another token renews the one of a connection, and what it permits counts at once (${transport})`, async () => {
    const clock = new ManualClock();
    await using server = await openServer({ transport, auth: AUTH, clock });
    using raw = await RawClient.handshake(server.port, headers(server.port, await token(10)));
    await raw.request({ action: "hello", id: 1 });
    await raw.request({ action: "subscribe", id: 2, topic: "t" });
    void raw.send({ action: "get_wait", id: 3, topic: "t", timeout: 60_000 });
    clock.advance(9_000);
    await raw.send(hello(4, await token(20, ["t", "more"])));
    assertEquals((await raw.next()).tokenExpiresIn, 11_000);
    clock.advance(10_000);
    assert((await raw.request({ action: "put", id: 5, topic: "more", body: "m" })).seq > 0);
    await raw.send(hello(6, await token(40, ["more"])));
    const replies = [];
    while (replies.length < 3) replies.push(...[await raw.next()].flat());
    assertEquals(replies.find(({ id }) => id === 6).tokenExpiresIn, 21_000);
    assertEquals(replies.find(({ id }) => id === 3).error.code, "permission_denied");
    assertEquals(replies.find(({ sub }) => sub === 2).error.code, "permission_denied");
    clock.advance(21_000);
    assertEquals(await withTimeout(raw.closeCode()), 4401);
  });
}

Deno.test("a client is told when its connection ends: with the token, and the tolerance of the clock", async () => {
  for (const [tolerance, told] of [[undefined, 15_000], [0, 10_000], [600_000, 610_000]] as const) {
    const clock = new ManualClock();
    const jwt = { secret: SECRET, ...(tolerance !== undefined && { clockTolerance: tolerance }) };
    await using server = await openServer({ auth: { jwt }, clock });
    using raw = await RawClient.handshake(server.port, headers(server.port, await token(10)));
    assertEquals((await raw.request({ action: "hello", id: 1 })).tokenExpiresIn, told);
    assertEquals((await raw.request(hello(2, await token(10)))).tokenExpiresIn, told);
    clock.advance(told - 1);
    assertEquals((await raw.request({ action: "heartbeat", id: 3 })).error, undefined);
    clock.advance(1);
    assertEquals(await withTimeout(raw.closeCode()), 4401);
  }
});

Deno.test("a renewal that is refused, or cannot be checked, does not end the connection before its token does", async () => {
  const clock = new ManualClock();
  const slow = Promise.withResolvers<undefined>();
  const verify: Verify = (token) => token === "slow" ? slow.promise : undefined;
  await using server = await openServer({ auth: { ...AUTH, verify }, clock });
  using raw = await RawClient.handshake(server.port, headers(server.port, await token(30)));
  await raw.request({ action: "hello", id: 1 });
  assertEquals((await raw.request(hello(2, "wrong"))).error.code, "unauthorized");
  assertEquals((await raw.request(hello(3, await token(0)))).error.code, "unauthorized");
  // While one is checked, requests behind it are answered.
  await raw.send([hello(4, "slow"), { action: "put", id: 5, topic: "t", body: "m" }]);
  assertEquals((await raw.next()).map(({ id }: { id: number }) => id), [5]);
  clock.advance(5_000);
  assertEquals((await raw.next()).error.code, "unavailable");
  slow.resolve(undefined);
  assert((await raw.request({ action: "put", id: 6, topic: "t", body: "m" })).seq > 0);
  clock.advance(25_000);
  assertEquals(await withTimeout(raw.closeCode()), 4401);
});

Deno.test("renewals count in the order in which they came, however long each is checked", async () => {
  const clock = new ManualClock();
  const first = Promise.withResolvers<VerifiedGrant>();
  const grant = (topic: string): VerifiedGrant => ({
    permissions: ["write"],
    topics: [topic],
    expires: NOW + 60_000,
  });
  const verify: Verify = (token) => token === "first" ? first.promise : grant(token);
  await using server = await openServer({ auth: { verify }, clock });
  using raw = await RawClient.handshake(server.port, headers(server.port, "begin"));
  await raw.request({ action: "hello", id: 1 });
  await raw.send([hello(2, "first"), hello(3, "second")]);
  first.resolve(grant("first"));
  const replies = [];
  while (replies.length < 2) replies.push(...[await raw.next()].flat());
  assertEquals(replies.map(({ id }) => id), [2, 3]);
  assert((await raw.request({ action: "put", id: 4, topic: "second", body: "m" })).seq > 0);
  const refused = await raw.request({ action: "put", id: 5, topic: "first", body: "m" });
  assertEquals(refused.error.code, "permission_denied");
});

Deno.test("a connection may change to a token that does not expire, and to another identity", async () => {
  const clock = new ManualClock();
  await using server = await openServer({
    auth: { ...AUTH, tokens: [{ token: "listed" }] },
    clock,
  });
  using raw = await RawClient.handshake(server.port, headers(server.port, await token(10)));
  await raw.request({ action: "hello", id: 1, session: "session-0123456789" });
  assertEquals((await raw.request(hello(2, await token(20, ["t"], "you")))).tokenExpiresIn, 20_000);
  assertEquals((await raw.request(hello(3, "listed"))).tokenExpiresIn, undefined);
  clock.advance(86_400_000);
  assert((await raw.request({ action: "put", id: 4, topic: "any", body: "m" })).seq > 0);
  // A token that does not expire is not renewed: a wrong one ends the connection, as ever.
  await raw.send(hello(5, "wrong"));
  assertEquals((await raw.next()).error.code, "unauthorized");
  assertEquals(await withTimeout(raw.closeCode()), 4401);
});

Deno.test("a token expires by the wall clock, also if that is set, and however far away it is", () => {
  const clock = new ManualClock();
  const expiry = new TokenExpiry(clock);
  const ended: string[] = [];
  const watch = (name: string, ms: number) => expiry.watch(NOW + ms, () => ended.push(name));
  watch("soon", 30_000);
  watch("an hour", 3_600_000);
  watch("60 days", 60 * 86_400_000);
  watch("never", 8.64e15 - NOW);
  const cancel = watch("cancelled", 1000);
  cancel();
  cancel();
  assertEquals(expiry.remaining(NOW + 0.5), 1);
  clock.advance(29_999);
  assertEquals(ended, []);
  clock.advance(1);
  assertEquals(ended, ["soon"]);
  clock.jump(3_600_000);
  clock.advance(60_000);
  assertEquals(ended, ["soon", "an hour"]);
  clock.advance(60 * 86_400_000);
  assertEquals(ended, ["soon", "an hour", "60 days"]);
  assertEquals(expiry.count, 1);
  expiry.stop();
  assertEquals(expiry.count, 0);
});

Deno.test("a token that expires while its connection waits for a slot admits nobody", async () => {
  const clock = new ManualClock();
  await using server = await openServer({ auth: AUTH, clock, limits: { connections: 1 } });
  using _first = await RawClient.handshake(server.port, headers(server.port, await token(60)));
  using second = await RawClient.handshake(server.port, headers(server.port, await token(1)));
  assertEquals(second.status, 101);
  clock.advance(1000);
  const reply = await second.request({ action: "hello", id: 1 });
  assertEquals(reply.error.code, "unauthorized");
  assertEquals(await withTimeout(second.closeCode()), 4401);
});
