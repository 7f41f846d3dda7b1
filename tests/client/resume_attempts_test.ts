/**
 * Attempts to reconnect: only the newest lives, the status is true, and what the other end closes for is not tried forever.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, isDsmqError } from "@dsmq/server";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import {
  Bridge,
  inMemory,
  reconnect,
  settled,
  store,
  testServer,
  turns,
  until,
} from "../support/bridge.ts";
import { closeAll, connectedPair, reconnectTo } from "../support/connected_pair.ts";
import { openServer } from "../support/open_server.ts";
import { MemoryPeer } from "../support/memory_peer.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const isHello = (frame: string) => frame.includes('"hello"');

/** The second attempt of a client is stuck in the network, and given up; the third has succeeded. */
async function stuckAttempt() {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  assertEquals(await mq.put("t", "1"), 1);
  bridge.holdsUp = isHello;
  bridge.cut();
  await until(() => bridge.dials === 2 && bridge.up.filter(isHello).length === 2);
  bridge.holdsUp = () => false;
  bridge.cutClient();
  await until(() => bridge.dials === 3 && mq.status === "connected");
  assertEquals(await mq.put("t", "2"), 2);
  return { host, bridge, mq };
}

Deno.test("an attempt that was given up and arrives late does not take over from the connection that came after it", async () => {
  const { host, bridge, mq } = await stuckAttempt();
  bridge.release();
  await turns();
  assertEquals([mq.status, await settled(mq.put("t", "3")), bridge.dials], ["connected", 3, 3]);
  await closeAll(mq, host);
});

Deno.test("an attempt that was given up and arrives late leaves nothing behind, even if the newest has closed", async () => {
  const { host, bridge, mq } = await stuckAttempt();
  await withTimeout(mq.close());
  bridge.release();
  await turns();
  assertEquals(host.sessionOwners.size, 0);
  await host[Symbol.asyncDispose]();
});

Deno.test("a connection that ends during its hello takes over no session", async () => {
  const inner = inMemory();
  const gate = Promise.withResolvers<void>();
  let requested = false;
  const apply = inner.apply.bind(inner);
  inner.apply = async (batch) => {
    requested = true;
    await gate.promise;
    return await apply(batch);
  };
  const host = await testServer(inner);
  const peer = new MemoryPeer(host);
  void peer.request({ action: "hello", session: "a-session-of-a-test", try: 1, heartbeat: 1000 });
  await until(() => requested);
  peer.close();
  gate.resolve();
  await turns();
  assertEquals(host.sessionOwners.size, 0);
  await host[Symbol.asyncDispose]();
});

Deno.test("two clients have sessions of their own: neither takes over the other's", async () => {
  const host = await testServer(inMemory());
  const [one, two] = [await connectedPair(host), await connectedPair(host)];
  for (const { bridge, mq } of [one, two, one]) await reconnectTo(bridge, mq);
  assertEquals([one.mq.status, two.mq.status], ["connected", "connected"]);
  await one.mq.close();
  await closeAll(two.mq, host);
});

for (const when of ["in the moment in which it is taken", "behind it"]) {
  Deno.test(`the status is never connected if a connection breaks right after hello's answer: ${when}`, async () => {
    const script = new ScriptedServer();
    let hangUpNow = false;
    // As if the server's close frame, or a reset, came right behind its hello.
    const dial = () => {
      const socket = script.dial();
      const send = socket.send.bind(socket);
      socket.send = (data) => {
        send(data);
        if (!hangUpNow) return;
        hangUpNow = false;
        script.unreachable = true;
        if (when === "behind it") setTimeout(() => script.hangUp(), 0);
        else queueMicrotask(() => script.hangUp());
      };
      return socket;
    };
    const mq = await connect(undefined, { dial, reconnect });
    hangUpNow = true;
    script.hangUp();
    await until(() => script.unreachable);
    await turns(3);
    assertEquals(mq.status, "reconnecting");
    script.unreachable = false;
    await until(() => mq.status === "connected");
    await withTimeout(mq.close());
  });
}

// What the other end closes for.

Deno.test("a put that a server restarted with a smaller limit no longer accepts fails alone", async () => {
  const big = { messageBytes: 10_000_000 };
  for (const transport of ["builtin", "hardened"] as const) {
    let server = await openServer({ transport, limits: big });
    const { port } = server;
    const mq = await connect(server.url, { reconnect });
    const states = mq.statusChanges();
    await states.next();
    await server.shutdown();
    assertEquals((await states.next()).value?.status, "reconnecting");
    const [put, list, small] = [
      mq.put("t", "x".repeat(5_000_000)),
      mq.putMany("t", ["y".repeat(5_000_000), "fits"]),
      mq.put("t", "small"),
    ].map((work) => work.catch((error: unknown) => error));
    server = await openServer({ port, transport });
    for (const error of [await withTimeout(put!), await withTimeout(list!)]) {
      assert(isDsmqError(error, "too_large"));
      assertEquals([error.limit, error.bytes], [1_000_000, 5_000_002]);
    }
    assert(typeof await withTimeout(small!) === "number", `${await small}`);
    await withTimeout(mq.close());
    await server.shutdown();
  }
});

Deno.test("a list and streams that exceed the limits of a restarted server continue within them", async () => {
  const one = await testServer(inMemory());
  const two = await testServer(inMemory(), undefined, {
    inFlight: 10,
    inFlightBytes: 2000,
    frameRequests: 4,
    creditMessages: 5,
    creditBytes: 500,
    messageBytes: 100,
  });
  const { bridge, mq } = await connectedPair(one);
  const stream = mq.subscribe("s", { onGap: "oldest" });
  const first = settled(stream.next());
  await turns();
  bridge.host = undefined;
  bridge.cut();
  const list = settled(mq.putMany("t", Array.from({ length: 50 }, (_, i) => `${i}`)));
  const gets = Array.from({ length: 30 }, () => settled(mq.get("u")));
  const waits = Array.from({ length: 30 }, () => settled(mq.getWait("u", { timeout: 10 })));
  await store(two, "s", ...Array.from({ length: 20 }, (_, i) => `${i}`));
  bridge.host = two;
  const stored = await list;
  assertEquals(typeof stored === "string" ? stored : stored.length, 50);
  // A topic that was never read is told of the other history once.
  const got = [...await Promise.all(gets), ...await Promise.all(waits)];
  assertEquals(got, ["error epoch_changed", ...Array(59).fill("")]);
  const streamed = [await first];
  while (streamed.length < 20) streamed.push(await settled(stream.next()));
  assertEquals(
    streamed.map((next) => typeof next === "string" ? next : next.value?.body),
    Array.from({ length: 20 }, (_, i) => `${i}`),
  );
  await stream.return!();
  await closeAll(mq, one, two);
});

Deno.test("delays grow when each connection breaks at once, and a client gives up in the end", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, {
    dial: script.dial,
    reconnect: { minDelay: 1, maxDelay: 100, timeout: 800 },
  });
  const waiting = settled(mq.getWait("t"), 20_000);
  void (async () => {
    // Each time it is sent again, the connection is closed again.
    while (mq.status !== "closed") {
      await script.next();
      script.hangUp();
    }
  })();
  script.hangUp();
  await until(() => mq.status === "closed");
  const { dials } = script;
  assertEquals(await waiting, "error closed");
  // Random up to 1, 2, 4, … 64, 100, 100 ms: some 25 attempts. Without growth they would be hundreds.
  assert(dials >= 5 && dials < 100, `${dials} tries`);
});

Deno.test("an answer resets the delays", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, {
    dial: script.dial,
    reconnect: { minDelay: 1, maxDelay: 100, timeout: 200 },
  });
  // Longer than it would take without an answer: each time something is answered before the break.
  const begin = performance.now();
  while (performance.now() - begin < 400) {
    const got = mq.get("t");
    await script.reply(await withTimeout(script.next()));
    assertEquals(await got, "");
    script.hangUp();
  }
  const last = mq.get("t");
  await script.reply(await withTimeout(script.next()));
  assertEquals([await last, mq.status], ["", "connected"]);
  await withTimeout(mq.close());
});

Deno.test("a million puts of empty texts, in one turn, settle at a server that accepts no frame above 3 MiB", async () => {
  await using server = await openServer({ transport: "hardened" });
  await using mq = await connect(server.url, { reconnect });
  const count = 1_120_000;
  let last: Promise<number> | undefined;
  for (let i = 0; i < count; i++) {
    last = mq.put("t", "");
    last.catch(() => {});
  }
  assertEquals(await settled(last!, 60_000), count);
});

for (const [direction, lose] of [["up", "passesUp"], ["down", "passes"]] as const) {
  Deno.test(`a connection on which nothing goes ${direction} any more is left by itself, and all calls go on`, async () => {
    const host = await testServer(inMemory());
    const { bridge, mq } = await connectedPair(host, { heartbeatInterval: 100 });
    // It applies to the first connection only.
    bridge[lose] = () => bridge.dials > 1;
    const calls = [mq.put("t", "1"), mq.putMany("t", ["2", "3"]), mq.getWait("t"), mq.get("t")];
    const outcomes = await Promise.all(calls.map((work) => settled<unknown>(work, 20_000)));
    assertEquals(outcomes, [1, [2, 3], "1", "2"]);
    assertEquals([bridge.dials, await settled(mq.get("t"))], [2, "3"]);
    await closeAll(mq, host);
  });
}

Deno.test("the limits of a server are read anew at each connection", async () => {
  const script = new ScriptedServer();
  const mq = await connect(script.url, { dial: script.dial, reconnect });
  script.welcome = {
    ...WELCOME,
    dedupComplete: true,
    limits: { ...DEFAULT_LIMITS, messageBytes: 10 },
  };
  script.hangUp();
  await until(() => script.dials === 2 && mq.status === "connected");
  assertEquals(await settled(mq.put("t", "more than ten bytes")), "error too_large");
  const put = mq.put("t", "fits");
  const { id, body } = await withTimeout(script.next());
  assertEquals(body, "fits");
  await script.send({ id, seq: 1 });
  assertEquals(await put, 1);
  await withTimeout(mq.close());
});

Deno.test("without a server calls are pending, and are carried out once there is one", async () => {
  const host = await testServer(inMemory());
  const bridge = new Bridge(host);
  const mq = await connect(bridge.url, { dial: bridge.dial, reconnect });
  bridge.host = undefined;
  bridge.cut();
  const calls = [mq.put("t", "m"), mq.getWait("t"), mq.topics()].map((work) =>
    settled<unknown>(work)
  );
  await until(() => bridge.dials > 3);
  bridge.host = host;
  const [put, got, topics] = await Promise.all(calls);
  assertEquals([put, got, (topics as unknown[]).length], [1, "m", 1]);
  await closeAll(mq, host);
});
