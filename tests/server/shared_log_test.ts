/**
 * Two servers over one log: what one has acknowledged, the other one knows.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { RawClient } from "../support/raw_client.ts";
import { requests1x } from "../support/requests_1x.ts";
import { SharedLogServers } from "../support/shared_log_servers.ts";

const TRIALS = 1000;

Deno.test("what a server has acknowledged, the other one has: none of 1,000 reads is stale", async () => {
  const servers = new SharedLogServers();
  await using a = await servers.serve();
  await using b = await servers.serveReluctant();
  await using putter = await connect(a.url);
  await using reader = await connect(b.url);
  await using legacy = await RawClient.open(b.url);
  for (let i = 0; i < TRIALS; i++) {
    await putter.put("t", `${i}`);
    // By turns each way to read.
    const read = [
      () => reader.get("t"),
      () => reader.getLatest("t"),
      () => reader.getWait("t", { timeout: 1 }),
      () => reader.topics().then(() => reader.get("t")),
    ][i % 4]!;
    assertEquals(await read(), `${i}`);
    assertEquals(await legacy.request(requests1x.get("t")), { message: `${i}` });
  }
});

Deno.test("who connects reads all that is acknowledged after that at the other server, and nothing before: in none of 1,000 times too early", async () => {
  const servers = new SharedLogServers();
  await using a = await servers.serve();
  await using b = await servers.serveReluctant();
  await using putter = await connect(a.url);
  const closing: Promise<void>[] = [];
  for (let i = 0; i < TRIALS; i++) {
    await putter.put("t", `before ${i}`);
    const reader = await connect(b.url);
    await putter.put("t", `after ${i}`);
    assertEquals(await reader.get("t"), `after ${i}`);
    closing.push(reader.close());
  }
  await Promise.all(closing);
});

Deno.test("plain HTTP finds at one server what was put at the other, also by the position that it had there", async () => {
  const servers = new SharedLogServers();
  await using a = await servers.serve();
  await using b = await servers.serveReluctant();
  let position = "start";
  for (let i = 0; i < 100; i++) {
    const stored = await (await a.post("/topics/t", `${i}`)).json();
    const response = await b.get(`/topics/t?after=${position}`);
    assertEquals([response.status, await response.text()], [200, `${i}`]);
    position = response.headers.get("dsmq-position")!;
    assertEquals(position, stored.position);
    const none = await b.get(`/topics/t?after=${stored.position}`);
    assertEquals(none.status, 204);
  }
});

Deno.test("clients are told the retention of the log, also once another server has changed it", async () => {
  const servers = new SharedLogServers();
  await using a = await servers.serve();
  const retentions = async () => {
    await using raw = await RawClient.open(a.url);
    const { retention } = await raw.request({ action: "hello", id: 1 });
    return [retention, (await (await a.get("/status")).json()).retention];
  };
  assertEquals(await retentions(), [600_000, 600_000]);
  await using _b = await servers.serve(undefined, { retention: 60_000, reconfigure: true });
  // It has come here, too, once a read has passed its fence.
  await a.get("/topics").then((response) => response.body?.cancel());
  assertEquals(await retentions(), [60_000, 60_000]);
});
