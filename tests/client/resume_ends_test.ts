/**
 * A client that reconnects: its status, what it gives up on, and how it closes; the test controls the server.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, type StatusChange } from "@dsmq/server";
import { codeOf } from "../support/code_of.ts";
import { reconnect } from "../support/bridge.ts";
import { connectKnown, WELCOME_KNOWN } from "../support/scripted_connection.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("the status changes of a connection can be watched", async () => {
  const { script, mq } = await connectKnown();
  const seen: StatusChange[] = [];
  const statusWatch = (async () => {
    for await (const change of mq.statusChanges()) seen.push(change);
  })();
  assertEquals(mq.status, "connected");
  script.welcome = { ...WELCOME, epoch: "another" };
  script.hangUp();
  assertEquals(mq.status, "reconnecting");
  const put = mq.put("t", "m");
  await script.send({ id: (await withTimeout(script.next())).id, seq: 1 });
  await put;
  await mq.close();
  await withTimeout(statusWatch);
  assertEquals(seen.map(({ status, epochChanged }) => [status, epochChanged]), [
    ["connected", undefined],
    ["reconnecting", undefined],
    ["connected", true],
    ["closed", undefined],
  ]);
  assert(seen[1]!.reason?.includes("it broke off"), seen[1]!.reason);
  // A late watcher learns how it ended.
  assertEquals((await mq.statusChanges().next()).value?.status, "closed");
});

Deno.test("a connection whose session a newer one took over does not reconnect", async () => {
  const { script, mq } = await connectKnown();
  const waiting = codeOf(mq.getWait("t"));
  script.hangUp(4409);
  assertEquals([await waiting, mq.status], ["session_taken_over", "closed"]);
  assertEquals(await codeOf(mq.get("t")), "session_taken_over");
});

Deno.test("a connection that finds no server for too long gives up: what was sent is unknown, what was not is not stored", async () => {
  const { script, mq } = await connectKnown({ reconnect: { ...reconnect, timeout: 20 } });
  const sent = codeOf(mq.put("t", "left"));
  await script.next();
  script.unreachable = true;
  script.hangUp();
  const unsent = codeOf(mq.put("t", "kept back"));
  const got = codeOf(mq.get("t"));
  assertEquals([await sent, await unsent, await got], ["unknown_outcome", "closed", "closed"]);
  assertEquals(mq.status, "closed");
});

Deno.test("close does not wait for a server that is away, but tries to store what was put", async () => {
  const { script, mq } = await connectKnown();
  script.unreachable = true;
  script.hangUp();
  await withTimeout(mq.close(), 1000);

  const other = await connectKnown();
  const put = other.mq.put("t", "m");
  await other.script.next();
  other.script.hangUp();
  const closing = other.mq.close();
  const again = await withTimeout(other.script.next());
  await other.script.send({ id: again.id, seq: 1, dup: true });
  assertEquals(await put, 1);
  await withTimeout(closing);
});

Deno.test("of several addresses, those that answer are used", async () => {
  const script = new ScriptedServer();
  const dials: string[] = [];
  const mq = await connect(["one.test", "two.test"], {
    reconnect,
    dial(url) {
      dials.push(url);
      script.unreachable = url.includes("one.test");
      return script.dial();
    },
  });
  // Which comes first is chance.
  const both = ["ws://one.test:30008", "ws://two.test:30008"];
  assertEquals([mq.url, dials], [both[1], dials.length === 1 ? both.slice(1) : both]);
  await mq.close();
});

Deno.test("no more is unanswered than the server allows; the rest is sent as answers come", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME_KNOWN, limits: { ...WELCOME.limits, inFlight: 3 } };
  await using mq = await connect(script.url, { dial: script.dial, reconnect });
  const topics = ["a", "b", "c", "d", "e"];
  const gets = topics.map((topic) => mq.get(topic));
  const request = [await script.next(), await script.next(), await script.next()];
  assertEquals(script.unread, []);
  await script.reply(request[0]!, { seq: 1, body: "1" });
  request.push(await withTimeout(script.next()));
  assertEquals(script.unread, []);
  for (const one of request.slice(1)) await script.reply(one, { seq: one.id, body: "x" });
  await script.reply(await withTimeout(script.next()), { seq: 9, body: "9" });
  assertEquals((await Promise.all(gets)).filter((body) => body !== "").length, 5);
});

Deno.test("a server is not asked twice to stop", async () => {
  const { script, mq } = await connectKnown();
  await using _ = mq;
  const stopping = codeOf(mq.shutdownServer());
  await script.next();
  script.hangUp();
  assertEquals(await stopping, "unknown_outcome");
  const put = mq.put("t", "m");
  const next = await withTimeout(script.next());
  assertEquals(next.action, "put");
  await script.send({ id: next.id, seq: 1 });
  await put;
});

Deno.test("a silent server is left", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, heartbeat: 100 };
  await using mq = await connect(script.url, {
    dial: script.dial,
    reconnect,
    heartbeatInterval: 100,
  });
  assertEquals(script.hello.heartbeat, 100);
  const states = mq.statusChanges();
  await states.next();
  const { value } = await withTimeout(states.next());
  assertEquals(value?.status, "reconnecting");
  assert(value?.reason?.includes("nothing was received"), value?.reason);
});

Deno.test("reconnect and heartbeat are validated", async () => {
  const wrong: [object, typeof TypeError | typeof RangeError][] = [
    [{ reconnect: "yes" }, TypeError],
    [{ reconnect: { minDelay: -1 } }, RangeError],
    [{ reconnect: { pause: 1 } }, TypeError],
    [{ heartbeatInterval: 99 }, RangeError],
    [{ heartbeatInterval: 1.5 }, RangeError],
  ];
  for (const [options, ErrorClass] of wrong) {
    await assertRejects(
      () => connect(undefined, options as ConnectOptions),
      ErrorClass,
      "Cannot connect",
    );
  }
});
