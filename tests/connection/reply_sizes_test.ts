/**
 * What a request costs in answers: beyond the messages, topics and limits that were asked for, hardly more than its
 * own size, however it is made.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { inMemory, testServer, until } from "../support/bridge.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Counts the bytes of the frames that it is sent. */
class CountingPeer extends ManualPeer {
  bytes = 0;

  override send(frame: string): void {
    this.bytes += new TextEncoder().encode(frame).length;
    super.send(frame);
  }
}

/** Of a text 64 characters are shown, each in up to seven bytes; the words around it are ours, and few. */
const AROUND = 256;
const EACH = 7;

/** Each as short as possible for a request that is refused, or answered with nothing that is stored. */
const REQUESTS: Readonly<Record<string, string>> = {
  "nothing but an id": '{"id":1}',
  "an invalid id": '{"id":-1}',
  "an unknown action": '{"id":1,"action":"x"}',
  "an action of control characters": `{"id":1,"action":"${"\u007f".repeat(64)}"}`,
  "an action of quotes": `{"id":1,"action":"${'\\"'.repeat(64)}"}`,
  "an action of direction overrides": `{"id":1,"action":"${"\u202e".repeat(64)}"}`,
  "an action of 20 kB": `{"id":1,"action":"${"\u007f".repeat(20_000)}"}`,
  "no topic": '{"id":1,"action":"get"}',
  "a topic that is too long": `{"id":1,"action":"get","topic":"${"x".repeat(500)}"}`,
  "a get of dsmq 1.x without a topic": '{"action":"get"}',
  "a get": '{"id":1,"action":"get","topic":"t"}',
  "a get since another history":
    '{"id":1,"action":"get","topic":"t","since":{"after":9,"epoch":""}}',
  "a wait that ends at once": '{"id":1,"action":"get_wait","topic":"t","timeout":0}',
  "a wait with an invalid timeout": `{"id":1,"action":"get_wait","topic":"t","timeout":"${
    "\u007f".repeat(64)
  }"}`,
  "a cancel": '{"id":1,"action":"cancel","wait":1}',
  "a cancel of nothing": '{"id":1,"action":"cancel"}',
  "a credit of nothing": '{"id":1,"action":"credit"}',
  "an unsubscribe": '{"id":1,"action":"unsubscribe","sub":1}',
  "a subscribe": '{"id":1,"action":"subscribe","topic":"t"}',
  "a subscribe with too much credit": `{"id":1,"action":"subscribe","topic":"t","bytes":${
    2 ** 53 - 1
  }}`,
  "a list of no topics": '{"id":1,"action":"topics","prefix":"none"}',
  "a heartbeat": '{"id":1,"action":"heartbeat"}',
  "a shutdown": '{"id":1,"action":"shutdown"}',
  "a put of nothing": '{"id":1,"action":"put","topic":"t"}',
  "a put of a number": '{"id":1,"action":"put","topic":"t","body":1}',
  "a put with a number and no session": '{"id":1,"action":"put","topic":"t","body":"","n":1}',
  "a put that is too large": `{"id":1,"action":"put","topic":"t","body":"${"x".repeat(2000)}"}`,
  "a list with one that is too large": `{"id":1,"action":"put","topic":"t","bodies":["","${
    "x".repeat(2000)
  }"]}`,
  "a list of 100 puts": `{"id":1,"action":"put","topic":"t","bodies":[${Array(100).fill('""')}]}`,
  "a hello of another version": '{"id":1,"action":"hello","protocol":2}',
  "a hello with a bad heartbeat": `{"id":1,"action":"hello","heartbeat":"${"\u007f".repeat(64)}"}`,
  "not a request": '"x"',
  "not JSON": "[[[[[",
};

for (const [what, request] of Object.entries(REQUESTS)) {
  Deno.test(`${what} is answered with few bytes, alone and a hundred times in a frame`, async () => {
    await using host = await testServer(inMemory(), undefined, {
      messageBytes: 1000,
      inFlight: 1100,
    });
    const requestBytes = new TextEncoder().encode(request).length;
    for (const times of [1, 100]) {
      using peer = new CountingPeer(host);
      peer.sendFrame(times === 1 ? request : `[${Array(times).fill(request)}]`);
      await peer.request({ action: "heartbeat", id: 2 });
      const max = times * (AROUND + EACH * requestBytes);
      assert(peer.bytes <= max, `${peer.bytes} bytes for ${times} × ${requestBytes}`);
    }
  });
}

Deno.test("requests for which there is no room are refused in few bytes each", async () => {
  await using host = await testServer(inMemory(), undefined, { inFlight: 10, frameRequests: 1000 });
  using peer = new CountingPeer(host);
  peer.sendFrame(`[${Array(50).fill('{"id":1}')}]`);
  await until(() => peer.received.length === 50);
  assertEquals(peer.received.at(-1).error.code, "limit_exceeded");
  assert(peer.bytes <= 50 * AROUND, `${peer.bytes} bytes`);
});

Deno.test("the answer to hello takes what the limits take, and no more", async () => {
  await using host = await testServer(inMemory());
  using peer = new CountingPeer(host);
  await peer.request({ action: "hello", id: 1 });
  assert(peer.bytes <= 1024, `${peer.bytes} bytes`);
});

/** What an outcome takes whose reason was given before, with the longest code. */
const OUTCOME = '{"code":"unknown_outcome","message":""},'.length;

Deno.test("a list that is stored in part, and refused for two reasons, states each of them once", async () => {
  const dedupWindow = 1000;
  await using host = await testServer(inMemory(undefined, undefined, { dedupWindow }));
  using peer = new CountingPeer(host);
  await peer.request({ action: "hello", id: 1, session: "a-session-of-a-test" });
  const list = (id: number, n: number, count: number) => ({
    ...{ action: "put", id, topic: "t", n },
    bodies: Array(count).fill(""),
  });
  await peer.request(list(2, 1, 1000));
  await peer.request(list(3, 3000, 2));
  peer.bytes = 0;
  const { error } = await peer.request(list(4, 1, 4000));
  assert(peer.bytes <= 4 * AROUND + 4000 * OUTCOME, `${peer.bytes} bytes`);
  const { outcomes } = error;
  assertEquals(outcomes.length, 4000);
  const codes = new Map<string, string[]>();
  for (const { code, message } of outcomes.filter((one: unknown) => typeof one === "object")) {
    codes.set(code, [...codes.get(code) ?? [], message]);
  }
  assertEquals([...codes.keys()], ["unknown_outcome", "superseded"]);
  for (const [first, ...others] of codes.values()) {
    assert(first!.length > 20 && others.length > 900, first);
    assert(others.every((message) => message === ""));
  }
  assertEquals(outcomes.slice(2999, 3002), [1001, 1002, 1003]);
});

/** A list that was refused for reasons that are stated once each. */
const REFUSED = {
  code: "full",
  message: "no room",
  limit: 9,
  outcomes: [
    { code: "superseded", message: "a later one was stored" },
    { code: "superseded", message: "" },
    { code: "full", message: "" },
    7,
    { code: "of_later", message: "" },
    { code: "superseded", message: "" },
    { code: "full", message: "still no room" },
    { code: "full", message: "" },
  ],
};

Deno.test("a reason that is stated once applies to each message that failed with its code", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const failing = assertRejects(() => mq.putMany("t", Array(8).fill("m")), DsmqError);
  await script.send({ id: (await script.next()).id, error: REFUSED });
  const { outcomes } = await withTimeout(failing);
  const later = { code: "superseded", message: "a later one was stored" };
  assertEquals(outcomes as readonly unknown[], [
    later,
    later,
    { code: "full", message: "no room" },
    7,
    { code: "of_later", message: "Cannot put message" },
    later,
    { code: "full", message: "still no room" },
    { code: "full", message: "still no room" },
  ]);
});

Deno.test("puts sent together each report why they failed, with the limit", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  const puts = Array.from({ length: 8 }, (_, i) => mq.put("t", `${i}`).catch((error) => error));
  await script.send({ id: (await script.next()).id, error: REFUSED });
  const rejections = (await withTimeout(Promise.all(puts))).map((one) =>
    one instanceof DsmqError ? [one.code, one.message, one.topic, one.limit] : one
  );
  const later = ["superseded", "a later one was stored", "t", undefined];
  assertEquals(rejections, [
    later,
    later,
    ["full", "no room", "t", 9],
    7,
    ["of_later", "Cannot put message", "t", undefined],
    later,
    ["full", "still no room", "t", 9],
    ["full", "still no room", "t", 9],
  ]);
});
