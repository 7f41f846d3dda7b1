/**
 * Tokens that change while a server runs: connections end, or continue with other permissions.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "@dsmq/server";
import { failure, headers } from "./auth_support.ts";
import { RawClient } from "../support/raw_client.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("revoking a token ends its connections at once, and no others", async () => {
  await using server = await openServer({
    auth: { tokens: [{ token: "gone" }, { token: "kept" }] },
  });
  await using unchanged = await connect(server.url, { token: "kept" });
  const gone = await connect(server.url, { token: "gone" });
  const wait = failure(gone.getWait("t"));
  const stream = gone.subscribe("t");
  const streamed = failure(stream.next());
  // Answered after the subscription.
  await gone.get("t");
  await server.setAuth("kept");
  for (const { code, message } of [await wait, await streamed, await failure(gone.get("t"))]) {
    assertEquals(code, "unauthorized", message);
  }
  assertEquals((await failure(connect(server.url, { token: "gone" }))).code, "unauthorized");
  assert(await unchanged.put("t", "message") > 0);
  assertEquals(await unchanged.get("t"), "message");
  await gone.close();
});

Deno.test("a put that was in flight when its token was revoked has an unknown outcome", async () => {
  const server = new ScriptedServer();
  const mq = await connect(server.url, { dial: server.dial, token: "good" });
  const put = failure(mq.put("t", "message"));
  await server.next();
  server.hangUp(4401);
  assertEquals((await put).code, "unknown_outcome");
  assertEquals((await failure(mq.get("t"))).code, "unauthorized");
  await mq.close();
});

Deno.test("changed permissions apply to the next request, and end waits and streams", async () => {
  const auth = (topics: string[]) => ({ tokens: [{ token: "good", topics }] });
  await using server = await openServer({ auth: auth(["a", "b"]) });
  await using mq = await connect(server.url, { token: "good" });
  const ending = [mq.getWait("a"), mq.subscribe("a").next()].map(failure);
  const going = mq.subscribe("b");
  const next = going.next();
  const wait = mq.getWait("b");
  // Answered after all of these.
  await mq.get("b");
  await server.setAuth(auth(["b", "c"]));
  for (const error of await Promise.all(ending)) assertEquals(error.code, "permission_denied");
  assertEquals((await failure(mq.put("a", "m"))).code, "permission_denied");
  assert(await mq.put("c", "m") > 0);
  await mq.put("b", "m");
  assertEquals((await withTimeout(next)).value?.body, "m");
  assertEquals(await withTimeout(wait), "m");
  await going.return!();
});

Deno.test("the anonymous grant can be revoked, and its connections learn why", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.put("t", "message");
  await server.setAuth("good");
  assertEquals((await failure(mq.get("t"))).code, "unauthorized");
  assertEquals((await failure(connect(server.url))).code, "unauthorized");
  await server.setAuth({ tokens: [{ token: "good" }], anonymous: { permissions: ["read"] } });
  await using reader = await connect(server.url, { since: "start" });
  assertEquals(await reader.get("t"), "message");
  assertEquals((await failure(reader.put("t", "m"))).code, "permission_denied");
});

Deno.test("invalid tokens change nothing", async () => {
  await using server = await openServer({ auth: "good" });
  await using mq = await connect(server.url, { token: "good" });
  const wrong = { tokens: [{ token: "other" }, { token: "secret token" }] };
  await assertRejects(
    () => server.setAuth(wrong),
    RangeError,
    "tokens[1].token must be 1 to 8192",
  );
  assert(await mq.put("t", "message") > 0);
});

Deno.test("a session is the same with any token, and belongs to the newest connection", async () => {
  await using server = await openServer({ auth: { tokens: [{ token: "one" }, { token: "two" }] } });
  const sessionId = "session-0123456789";
  const opened = async (token: string) => {
    const handshake = await RawClient.handshake(server.port, headers(server.port, token));
    assertEquals((await handshake.request({ action: "hello", id: 1, session: sessionId })).id, 1);
    return handshake;
  };
  using own = await opened("one");
  assertEquals(await own.request({ action: "heartbeat", id: 2 }), { id: 2 });
  // Its name is a secret: a client that knows it owns it, and may have a new token.
  using _newer = await opened("two");
  assertEquals(await own.closeCode(), 4409);
});
