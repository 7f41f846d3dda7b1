/**
 * Two servers over one log: what one has acknowledged, the other one knows.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { defaultsOf } from "../../protocol/client_limits.ts";
import { LIMITS } from "../../protocol/limits.ts";
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

Deno.test("clients are told the retention and the limits of the log, also once another server has changed them", async () => {
  const servers = new SharedLogServers();
  await using a = await servers.serve();
  const options = async () => {
    await using raw = await RawClient.open(a.url);
    const { retention, limits } = await raw.request({ action: "hello", id: 1 });
    const status = await (await a.get("/status")).json();
    const uses: { name: string; limit: number }[] = status.operation.limits;
    const limitOf = (wanted: string) => uses.find(({ name }) => name === wanted)!.limit;
    return {
      retentions: [retention, status.retention],
      inFlight: limits.inFlight,
      stored: ["storedBytes", "topics", "groups"].map(limitOf),
    };
  };
  const { inFlight, storedBytes, topics, groups } = defaultsOf(LIMITS);
  assertEquals(await options(), {
    ...{ retentions: [600_000, 600_000], inFlight, stored: [storedBytes, topics, groups] },
  });
  const limits = { inFlight: 100, storedBytes: 5e6, topics: 7, groups: 3 };
  await using _b = await servers.serve(undefined, {
    ...{ retention: 60_000, limits, reconfigure: true },
  });
  // It has come here, too, once a read has passed its fence.
  await a.get("/topics").then((response) => response.body?.cancel());
  assertEquals(await options(), {
    retentions: [60_000, 60_000],
    inFlight: 100,
    stored: [5e6, 7, 3],
  });
});
