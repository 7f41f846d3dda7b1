/**
 * The client and the window of its server: nothing joins what is already encoded, and a frame without an answer takes
 * room only until the server has processed it.
 *
 * @module
 */

import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";
import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { type PendingRequest, SimpleRequest } from "../../client/pending_request.ts";
import { SendBuffer } from "../../client/send_buffer.ts";
import { SendWindow } from "../../client/send_window.ts";
import { inMemory, settled, testServer, turns } from "../support/bridge.ts";
import { closeAll, connectedPair, reconnectTo } from "../support/connected_pair.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("a put that is called while others are encoded and wait for room is stored with its own number", async () => {
  const host = await testServer(inMemory(), undefined, { inFlightBytes: 1000 });
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  // The answers are slow.
  bridge.holds = () => true;
  const bodies = ["x".repeat(900), "y".repeat(500), "z"];
  const puts: Promise<unknown>[] = [];
  for (const body of bodies) {
    puts.push(settled(mq.put("t", body)));
    await turns(2);
  }
  bridge.release();
  assertEquals(await Promise.all(puts), [1, 2, 3]);
  assertEquals([await mq.get("t"), await mq.get("t"), await mq.get("t")], bodies);
  await closeAll(mq, host);
});

Deno.test("a put in the turn of a reconnect does not join one that is sent again", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  bridge.passes = (frame) => !frame.includes('"seq"');
  const first = settled(mq.put("t", "one"));
  await turns(4);
  bridge.passes = () => true;
  const states = mq.statusChanges();
  let second: Promise<unknown> | undefined;
  const requesting = (async () => {
    for await (const { status } of states) {
      if (status === "reconnecting") break;
    }
    for await (const { status } of mq.statusChanges()) {
      if (status !== "connected") continue;
      second = settled(mq.put("t", "two"));
      return;
    }
  })();
  await reconnectTo(bridge, mq);
  await withTimeout(requesting);
  assertEquals([await first, await second], [1, 2]);
  assertEquals([await mq.get("t"), await mq.get("t"), await mq.get("t")], ["one", "two", ""]);
  await closeAll(mq, host);
});

Deno.test("what is put turn after turn is stored, also with 8 MiB unanswered, as much as the default limits allow", async () => {
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  bridge.holds = () => true;
  const puts: Promise<unknown>[] = [];
  for (let i = 0; i < 180; i++) {
    puts.push(settled(mq.put("t", `${i}`.padEnd(50_000)), 20_000));
    await turns(1);
  }
  const sent = bridge.up.reduce((sum, { length }) => sum + length, 0);
  assert(sent < 180 * 50_000, "some of them wait for room");
  bridge.release();
  assertEquals(await Promise.all(puts), puts.map((_, i) => i + 1));
  await closeAll(mq, host);
});

for (
  const bad of [
    { frameRequests: 0 },
    { inFlight: 0 },
    { inFlightBytes: 0 },
    { frameRequests: "x" },
    { inFlight: null },
    { inFlightBytes: -1 },
    { inFlight: 0.5 },
  ]
) {
  Deno.test(`a server that sends ${JSON.stringify(bad)} is treated as having the default limit, and nothing hangs`, async () => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, limits: { ...WELCOME.limits, ...bad } };
    const mq = await connect(script.url, { dial: script.dial, reconnect: false });
    const puts = [mq.put("t", "m"), mq.put("u", "n")];
    const [one, other] = [await withTimeout(script.next()), await withTimeout(script.next())];
    assertEquals(script.frames.length, 2, "beside hello, one frame");
    await script.send([{ id: one.id, seq: 1 }, { id: other.id, seq: 2 }]);
    assertEquals(await Promise.all(puts), [1, 2]);
    await withTimeout(mq.close());
  });
}

/** A buffer that lets this many bytes be in flight, and the probes that it has sent: the test answers them. */
function bufferOf(inFlightBytes: number) {
  const probes: PendingRequest[] = [];
  const nothing = () => {};
  const probe = () => {
    const request = new SimpleRequest("heartbeat", "", "done", nothing, nothing, 0);
    probes.push(request);
    return request;
  };
  const window = new SendWindow(probe);
  const buffer = new SendBuffer(window, { current: { epoch: "e", seq: 0 } }, nothing);
  buffer.open({ inFlight: 16_384, inFlightBytes, frameRequests: 16_384 }, { send: nothing });
  return { buffer, window, probes };
}

const CREDIT = `{"action":"credit","sub":2,"messages":4096,"bytes":4194304}`;

Deno.test("a client that only sends credit probes the server once half of the window is full, no earlier and no more often", async () => {
  const half = 1000;
  const { buffer, window, probes } = bufferOf(half * (CREDIT.length + 2) * 2);
  const deliver = (count: number) => {
    for (let i = 0; i < count; i++) {
      buffer.sendUnanswered(CREDIT);
      buffer.flush();
    }
  };
  deliver(half);
  assertEquals(probes.length, 0);
  deliver(1);
  assertEquals(probes.length, 1);
  // Only the answer is waited for, and credit is never held back.
  deliver(10 * half);
  assertEquals(probes.length, 1);
  // The server has processed the first half, and not what came behind the probe.
  window.onReply(probes[0]!);
  deliver(1);
  assertEquals(probes.length, 2);
  window.onReply(probes[1]!);
  deliver(half - 1);
  assertEquals(probes.length, 2);
  buffer.close();
  // The flush at the end of the turn finds nothing.
  await undefined;
});

Deno.test("a connection that only streams keeps nothing for each credit that it sent", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const { buffer } = bufferOf(2 ** 40);
  gc();
  const before = Deno.memoryUsage().heapUsed;
  const count = 300_000;
  for (let i = 0; i < count; i++) {
    buffer.sendUnanswered(CREDIT);
    buffer.flush();
    if (i % 10_000 === 0) await undefined;
  }
  gc();
  const growth = Deno.memoryUsage().heapUsed - before;
  buffer.close();
  // One object for each would be some 15 MB.
  assert(growth < 5e6, `${(growth / 1e6).toFixed(1)} MB for ${count} credits`);
});
