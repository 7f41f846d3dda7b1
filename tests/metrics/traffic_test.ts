/**
 * What a server counts of puts, deliveries and refusals.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { codeOf } from "../support/code_of.ts";
import { FileFolder } from "../support/file_folder.ts";
import { openMeasured, reach, valuesOf } from "../support/measured_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";

const PUTS = ["dsmq_puts_stored_total", "dsmq_puts_duplicate_total", "dsmq_put_bytes_total"];
const DELIVERIES = ["dsmq_deliveries_total", "dsmq_delivered_bytes_total"];

Deno.test("puts are counted with their bytes, and repeated ones apart, however they come", async () => {
  await using server = await openMeasured();
  await using mq = await connect(server.url);
  await using legacy = await RawClient.open(server.url);
  assertEquals(await valuesOf(server, ...PUTS), [0, 0, 0]);
  await mq.put("t", "é");
  await mq.putMany("t", ["a", "bb", "ccc"]);
  assertEquals(await valuesOf(server, ...PUTS), [4, 0, 4 + 3 + 4 + 5]);
  await mq.put("t", "once", { messageId: "1" });
  const [stored, , bytes] = await valuesOf(server, ...PUTS);
  assertEquals(stored, 5);
  await mq.put("t", "again", { messageId: "1" });
  assertEquals(await valuesOf(server, ...PUTS), [5, 1, bytes]);
  legacy.send({ action: "put", topic: "t", message: "old" });
  assertEquals(await legacy.request({ action: "get", topic: "t" }), { message: "é" });
  assertEquals(await valuesOf(server, ...PUTS), [6, 1, bytes! + 5]);
});

Deno.test("deliveries are counted once for each reader, by reads, waits and streams, with their bytes", async () => {
  await using server = await openMeasured();
  await using putter = await connect(server.url);
  await using reader = await connect(server.url);
  await using waiter = await connect(server.url);
  const stream = reader.subscribe("t");
  const waiting = waiter.getWait("t");
  const next = stream.next();
  await reach(server, { dsmq_subscriptions: 1, dsmq_waits: 1 });
  await putter.put("t", "four");
  assertEquals([(await next).value!.body, await waiting], ["four", "four"]);
  assertEquals(await putter.get("t"), "four");
  assertEquals(await valuesOf(server, ...DELIVERIES), [3, 18]);
  await stream.return!();
  await reach(server, { dsmq_subscriptions: 0, dsmq_waits: 0 });
});

Deno.test("each put has its time, from its request to its result, also those that are refused", async () => {
  await using server = await openMeasured({ limits: { storedBytes: 1000 } });
  await using mq = await connect(server.url);
  const times = "dsmq_put_duration_seconds";
  const all = [`${times}_count`, `${times}_bucket{le="+Inf"}`];
  assertEquals(await valuesOf(server, ...all), [0, 0]);
  await mq.putMany("t", ["a", "b", "c"]);
  assertEquals(await valuesOf(server, ...all), [3, 3]);
  assertEquals(await codeOf(mq.put("t", "x".repeat(900))), "full");
  assertEquals(await valuesOf(server, ...all), [4, 4]);
  const [sum] = await valuesOf(server, `${times}_sum`);
  assertEquals(sum! > 0, true);
});

Deno.test("refusals are counted by code, and every code that a server sends is there from the start", async () => {
  await using server = await openMeasured({ auth: "secret" });
  const refusals = (code: string) => `dsmq_refusals_total{code="${code}"}`;
  const codes = ["unauthorized", "bad_topic", "permission_denied", "unknown_outcome"].map(refusals);
  assertEquals(await valuesOf(server, ...codes), [0, 0, 0, 0]);
  assertEquals(
    await codeOf(connect(server.url, { token: "wrong", reconnect: false })),
    "unauthorized",
  );
  const host = `127.0.0.1:${server.port}`;
  const headers = { ...UPGRADE, Host: host, Authorization: "Bearer secret" };
  await using mq = await RawClient.handshake(server.port, headers);
  for (const topic of ["", "a\u0000b"]) {
    const reply = await mq.request({ action: "put", id: 1, topic, message: "x" });
    assertEquals(reply.error.code, "bad_topic");
  }
  assertEquals(await valuesOf(server, ...codes), [1, 2, 0, 0]);
});

Deno.test("commits are measured where there are some: with a file", async () => {
  using folder = new FileFolder();
  await using memory = await openMeasured();
  await using file = await openMeasured({ store: `sqlite:${folder.path}` });
  for (const server of [memory, file]) {
    await using mq = await connect(server.url);
    await mq.put("t", "x");
  }
  const commits = "dsmq_commit_duration_seconds_count";
  assertEquals(await valuesOf(memory, commits), [undefined]);
  assertEquals(await valuesOf(file, commits), [1]);
});
