/**
 * Tries to come back: only the newest lives, the state is what it is, and what the other end closes for is not tried for ever.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { USUAL_LIMITS } from "../protocol/limits.ts";
import {
  Bridge,
  hostOf,
  inMemory,
  reconnect,
  settled,
  store,
  turns,
  until,
} from "./support/bridge.ts";
import { comeBack, end, joined } from "./support/joined.ts";
import { openServer } from "./support/open_server.ts";
import { Peer } from "./support/peer.ts";
import { Scripted, WELCOME } from "./support/scripted.ts";
import { soon } from "./support/soon.ts";

const isHello = (frame: string) => frame.includes('"hello"');

/** The second try of a client is stuck in the network, and given up; the third has succeeded. */
async function stuckTry() {
  const host = await hostOf(inMemory());
  const { bridge, mq } = await joined(host);
  assertEquals(await mq.put("t", "1"), 1);
  bridge.holdsUp = isHello;
  bridge.cut();
  await until(() => bridge.dialled === 2 && bridge.up.filter(isHello).length === 2);
  bridge.holdsUp = () => false;
  bridge.cutClient();
  await until(() => bridge.dialled === 3 && mq.state === "connected");
  assertEquals(await mq.put("t", "2"), 2);
  return { host, bridge, mq };
}

Deno.test("a try that was given up and arrives late does not replace the connection that came after it", async () => {
  const { host, bridge, mq } = await stuckTry();
  bridge.release();
  await turns();
  assertEquals([mq.state, await settled(mq.put("t", "3")), bridge.dialled], ["connected", 3, 3]);
  await end(mq, host);
});

Deno.test("a try that was given up and arrives late leaves nothing behind, also where the newest has closed", async () => {
  const { host, bridge, mq } = await stuckTry();
  await soon(mq.close());
  bridge.release();
  await turns();
  assertEquals(host.claims.size, 0);
  await host[Symbol.asyncDispose]();
});

Deno.test("a connection that ends while its hello is being done claims nothing", async () => {
  const inner = inMemory();
  const gate = Promise.withResolvers<void>();
  let asked = false;
  const recalls = inner.recalls.bind(inner);
  inner.recalls = async (...args) => {
    asked = true;
    await gate.promise;
    return await recalls(...args);
  };
  const host = await hostOf(inner);
  const peer = new Peer(host);
  void peer.ask({ action: "hello", session: "a-session-of-a-test", try: 1, heartbeat: 1000 });
  await until(() => asked);
  peer.close();
  gate.resolve();
  await turns();
  assertEquals(host.claims.size, 0);
  await host[Symbol.asyncDispose]();
});

Deno.test("two clients have sessions of their own: neither replaces the other", async () => {
  const host = await hostOf(inMemory());
  const [one, two] = [await joined(host), await joined(host)];
  for (const { bridge, mq } of [one, two, one]) await comeBack(bridge, mq);
  assertEquals([one.mq.state, two.mq.state], ["connected", "connected"]);
  await one.mq.close();
  await end(two.mq, host);
});

for (const when of ["in the moment in which it is taken", "behind it"]) {
  Deno.test(`the state is never connected where a connection breaks right after hello's answer: ${when}`, async () => {
    const script = new Scripted();
    let hangUp = false;
    // As where the server's close frame, or a reset, comes right behind its hello.
    const dial = () => {
      const socket = script.dial();
      const send = socket.send.bind(socket);
      socket.send = (data) => {
        send(data);
        if (!hangUp) return;
        hangUp = false;
        script.away = true;
        if (when === "behind it") setTimeout(() => script.hangUp(), 0);
        else queueMicrotask(() => script.hangUp());
      };
      return socket;
    };
    const mq = await connect({ dial, reconnect });
    hangUp = true;
    script.hangUp();
    await until(() => script.away);
    await turns(3);
    assertEquals(mq.state, "reconnecting");
    script.away = false;
    await until(() => mq.state === "connected");
    await soon(mq.close());
  });
}

// What the other end closes for.

Deno.test("a put that the server does not take any more, since it was started with a smaller limit, fails alone", async () => {
  const big = { messageBytes: 10_000_000 };
  for (const transport of ["builtin", "hardened"] as const) {
    let server = await openServer({ transport, limits: big });
    const { port } = server;
    const mq = await connect({ url: server.url, reconnect });
    const states = mq.states();
    await states.next();
    await server.shutdown();
    assertEquals((await states.next()).value?.state, "reconnecting");
    const [put, list, small] = [
      mq.put("t", "x".repeat(5_000_000)),
      mq.putMany("t", ["y".repeat(5_000_000), "fits"]),
      mq.put("t", "small"),
    ].map((work) => settled<unknown>(work));
    server = await openServer({ port, transport });
    assertEquals([await put, await list], ["error too_large", "error too_large"]);
    assert(typeof await small === "number", `${await small}`);
    await soon(mq.close());
    await server.shutdown();
  }
});

Deno.test("a list and streams that were larger than the limits of the server that came back go on within them", async () => {
  const one = await hostOf(inMemory());
  const two = await hostOf(inMemory(), undefined, {
    inFlight: 10,
    inFlightBytes: 2000,
    frameRequests: 4,
    creditMessages: 5,
    creditBytes: 500,
    messageBytes: 100,
  });
  const { bridge, mq } = await joined(one);
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
  await end(mq, one, two);
});

Deno.test("pauses grow where each connection breaks as soon as it is there, and a client gives up in the end", async () => {
  const script = new Scripted();
  const mq = await connect({
    dial: script.dial,
    reconnect: { firstPause: 1, longestPause: 100, giveUpAfter: 800 },
  });
  const waiting = settled(mq.getWait("t"), 20_000);
  void (async () => {
    // Each time it is asked again, it is closed again.
    while (mq.state !== "closed") {
      await script.next();
      script.hangUp();
    }
  })();
  script.hangUp();
  await until(() => mq.state === "closed");
  const { dialled } = script;
  assertEquals(await waiting, "error closed");
  // Drawn from up to 1, 2, 4, … 64, 100, 100 ms: some 25 tries. Without growing they would be hundreds.
  assert(dialled >= 5 && dialled < 100, `${dialled} tries`);
});

Deno.test("an answer begins the pauses anew", async () => {
  const script = new Scripted();
  const mq = await connect({
    dial: script.dial,
    reconnect: { firstPause: 1, longestPause: 100, giveUpAfter: 200 },
  });
  // Longer than it would take without an answer: each time something is answered before the break.
  const begin = performance.now();
  while (performance.now() - begin < 400) {
    const got = mq.get("t");
    await script.give(await soon(script.next()));
    assertEquals(await got, "");
    script.hangUp();
  }
  const last = mq.get("t");
  await script.give(await soon(script.next()));
  assertEquals([await last, mq.state], ["", "connected"]);
  await soon(mq.close());
});

Deno.test("a million puts of texts that are empty, in one turn, settle at a server that takes no frame above 3 MiB", async () => {
  await using server = await openServer({ transport: "hardened" });
  await using mq = await connect({ url: server.url, reconnect });
  const count = 1_120_000;
  let last: Promise<number> | undefined;
  for (let i = 0; i < count; i++) {
    last = mq.put("t", "");
    last.catch(() => {});
  }
  assertEquals(await settled(last!, 60_000), count);
});

for (const [way, lose] of [["up", "passesUp"], ["down", "passes"]] as const) {
  Deno.test(`a connection on which nothing goes ${way} any more is left by itself, and all that was asked goes on`, async () => {
    const host = await hostOf(inMemory());
    const { bridge, mq } = await joined(host, { heartbeat: 100 });
    // It holds for the first connection alone.
    bridge[lose] = () => bridge.dialled > 1;
    const calls = [mq.put("t", "1"), mq.putMany("t", ["2", "3"]), mq.getWait("t"), mq.get("t")];
    const became = await Promise.all(calls.map((work) => settled<unknown>(work, 20_000)));
    assertEquals(became, [1, [2, 3], "1", "2"]);
    assertEquals([bridge.dialled, await settled(mq.get("t"))], [2, "3"]);
    await end(mq, host);
  });
}

Deno.test("what a server says of its limits is taken each time anew", async () => {
  const script = new Scripted();
  const mq = await connect({ dial: script.dial, reconnect });
  script.welcome = {
    ...WELCOME,
    recalled: true,
    limits: { ...USUAL_LIMITS, messageBytes: 10 },
  };
  script.hangUp();
  await until(() => script.dialled === 2 && mq.state === "connected");
  assertEquals(await settled(mq.put("t", "more than ten bytes")), "error too_large");
  const put = mq.put("t", "fits");
  const { id, message } = await soon(script.next());
  assertEquals(message, "fits");
  await script.say({ id, seq: 1 });
  assertEquals(await put, 1);
  await soon(mq.close());
});

Deno.test("while nobody answers calls wait, and are done once somebody does", async () => {
  const host = await hostOf(inMemory());
  const bridge = new Bridge(host);
  const mq = await connect({ dial: bridge.dial, reconnect });
  bridge.host = undefined;
  bridge.cut();
  const calls = [mq.put("t", "m"), mq.getWait("t"), mq.topics()].map((work) =>
    settled<unknown>(work)
  );
  await until(() => bridge.dialled > 3);
  bridge.host = host;
  const [put, got, topics] = await Promise.all(calls);
  assertEquals([put, got, (topics as unknown[]).length], [1, "m", 1]);
  await end(mq, host);
});
