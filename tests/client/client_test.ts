/**
 * The client: how it connects, and how it sends.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";

Deno.test("requests of one turn of the event loop are sent in one frame, in order", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const replies = Promise.all([
    mq.put("t", "one"),
    mq.get("t"),
    mq.getLatest("u"),
    mq.getWait("t", { timeout: 5 }),
    mq.putMany("t", ["two", "three"]),
  ]);
  const requests = [];
  for (let i = 0; i < 5; i++) requests.push(await script.next());
  assertEquals(requests.map(({ action }) => action), [
    "put",
    "get",
    "get_latest",
    "get_wait",
    "put",
  ]);
  assertEquals(script.frames.length, 1);
  await script.send([
    { id: requests[0]!.id, seq: 1 },
    { id: requests[1]!.id, body: "one", seq: 1, time: 1, through: 1 },
    { id: requests[2]!.id, body: "", through: 1 },
    { id: requests[3]!.id, body: "", through: 1 },
    { id: requests[4]!.id, seqs: [2, 3] },
  ]);
  assertEquals(await replies, [1, "one", "", "", [2, 3]]);
});

Deno.test("requests of two turns are sent in two frames", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const first = mq.get("t");
  await script.reply(await script.next());
  await first;
  const second = mq.get("t");
  await script.reply(await script.next());
  await second;
  assertEquals(script.frames.length, 2);
});

Deno.test("connect introduces itself: with the subprotocol dsmq, and with the protocol and position in hello", async () => {
  const script = new ScriptedServer();
  const dials: unknown[] = [];
  await using mq = await connect({ host: "::1", port: 5 }, {
    since: 7,
    reconnect: false,
    dial(url, protocols) {
      dials.push(url, protocols);
      return script.dial();
    },
  });
  assertEquals(dials, ["ws://[::1]:5", ["dsmq"]]);
  assertEquals(script.frames, [
    '{"action":"hello","id":1,"protocol":1,"heartbeat":10000,"since":{"after":7}}',
  ]);
  assertEquals([mq.url, mq.durability], ["ws://[::1]:5", WELCOME.durability]);
  assertEquals(mq.maxMessageBytes, WELCOME.limits.messageBytes);
});

Deno.test("connect takes a URL, http: and https: included", async () => {
  for (
    const [url, dials] of [
      // A query may hold a secret.
      ["ws://host:5/path?query", "ws://host:5/path?…"],
      [new URL("wss://host/"), "wss://host:443"],
      ["http://host:5", "ws://host:5"],
      ["https://host/path/", "wss://host:443/path/"],
    ] as const
  ) {
    const script = new ScriptedServer();
    await using mq = await connect(url, { dial: script.dial });
    assertEquals(mq.url, dials);
  }
});

Deno.test("connect refuses wrong options", async () => {
  const wrong: [object, typeof TypeError | typeof RangeError, string][] = [
    [{ hots: "x" }, TypeError, "hots"],
    [{ timeout: 0 }, RangeError, "got 0"],
    [{ timeout: NaN }, RangeError, "got NaN"],
    [{ since: -1 }, RangeError, "-1"],
    [{ since: 0.5 }, RangeError, "0.5"],
    [{ since: "yesterday" }, RangeError, "yesterday"],
    [{ since: new Date(NaN) }, RangeError, "invalid"],
    [{ since: {} }, TypeError, "an object"],
  ];
  const script = new ScriptedServer();
  for (const [options, ErrorClass, message] of wrong) {
    const connecting = connect(script.url, { ...options, dial: script.dial });
    await assertRejects(() => connecting, ErrorClass, message);
  }
  assertEquals(script.dials, 0);
});

Deno.test("the timeout of connect may be longer than a timer can hold", async () => {
  await using server = await serve({ port: 0 });
  for (const timeout of [2 ** 31, Number.MAX_SAFE_INTEGER, Infinity]) {
    try {
      await using _mq = await connect(server.url, { timeout });
    } catch (error) {
      // Or it is refused as what it is: a wrong argument.
      assert(error instanceof RangeError, `${timeout}: ${error}`);
    }
  }
});
