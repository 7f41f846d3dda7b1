/**
 * What a server tells of its present state.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { TrafficCounts } from "../../queue/traffic_counts.ts";
import { GroupReader } from "../../queue/group_reader.ts";
import { loadPromClient } from "../../server/metrics/prom_client_package.ts";
import { ServerMetrics } from "../../server/metrics/server_metrics.ts";
import type { OperationSources } from "../../server/metrics/sources.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { put } from "../../testing/store/support.ts";
import { FailingFile } from "../support/failing_file.ts";
import { openMeasured, reach, valuesOf } from "../support/measured_server.ts";
import { parseMetrics, valueOf } from "../support/metrics_text.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("what is stored stands beside its limits", async () => {
  const limits = { storedBytes: 5000, topics: 7, connections: 11, pendingConnections: 3 };
  await using server = await openMeasured({ limits });
  await using mq = await connect(server.url);
  await mq.putMany("one", ["a", "b"]);
  await mq.put("three", "c");
  assertEquals(
    await valuesOf(server, "dsmq_stored_messages", "dsmq_stored_bytes", "dsmq_topics"),
    [3, 3 * 100 + 3 * 3 + 3 + 3 + 5, 2],
  );
  const names = ["stored_bytes", "topics", "connections", "pending_connections"];
  assertEquals(
    await valuesOf(server, ...names.map((name) => `dsmq_${name}_limit`)),
    [5000, 7, 11, 3],
  );
  assertEquals(await valuesOf(server, "dsmq_store_usable", "dsmq_cursors"), [1, 0]);
  await mq.get("one");
  assertEquals(await valuesOf(server, "dsmq_cursors"), [1]);
});

Deno.test("connections are counted while they are open, and those that have yet to send a token apart", async () => {
  await using server = await openMeasured({ auth: "secret" });
  const counts = ['dsmq_connections{kind="websocket"}', "dsmq_pending_connections"] as const;
  using pending = await RawSocket.open(server.port, "Sec-WebSocket-Protocol: dsmq");
  assertEquals(await valuesOf(server, ...counts), [0, 1]);
  {
    await using _mq = await connect(server.url, { token: "secret" });
    assertEquals(await valuesOf(server, ...counts), [1, 1]);
  }
  pending.cut();
  await reach(server, { [counts[0]]: 0, [counts[1]]: 0 });
});

Deno.test("two servers of one process do not mix, and each says what it is", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  await using one = await openMeasured({ engine: "node:sqlite", clock });
  await using other = await openMeasured({ engine: "node:sqlite", transport: "hardened" });
  await using mq = await connect(one.url);
  await mq.put("t", "x");
  assertEquals(await valuesOf(one, "dsmq_puts_stored_total"), [1]);
  assertEquals(await valuesOf(other, "dsmq_puts_stored_total"), [0]);
  assertEquals(await valuesOf(one, "dsmq_start_time_seconds"), [1_700_000_000]);
  const about = (transport: string) =>
    `dsmq_info{version="0.1.0",engine="node:sqlite",store="memory",durability="memory",transport="${transport}"}`;
  assertEquals(await valuesOf(one, about("builtin")), [1]);
  assertEquals(await valuesOf(other, about("hardened")), [1]);
});

Deno.test("the process and its event loop are measured", async () => {
  await using server = await openMeasured();
  const names = ["process_resident_memory_bytes", "process_cpu_seconds_total"];
  const heap = ["dsmq_heap_used_bytes", "dsmq_heap_total_bytes", "dsmq_external_memory_bytes"];
  for (const value of await valuesOf(server, ...names, ...heap)) assert(value! > 0);
  const [count] = await valuesOf(server, "dsmq_event_loop_delay_seconds_count");
  const ticked = (async () => {
    while ((await valuesOf(server, "dsmq_event_loop_delay_seconds_count"))[0]! <= count!) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  await withTimeout(ticked);
});

Deno.test("without metrics a server has none, and reads no clock for them", async () => {
  await using server = await openMeasured({ metrics: false });
  assertEquals(server.metrics, undefined);
  const counts = new TrafficCounts();
  assertEquals(counts.begin(), 0);
});

/** What a server tells that nobody uses. */
function serverSource(
  groups: () => Promise<readonly never[]> = () => Promise.resolve([]),
): Omit<OperationSources, "store"> {
  const limits = {
    ...{ connections: 1, pendingConnections: 1, storedBytes: 1, topics: 1 },
    groups: 1,
  };
  const reader = new GroupReader({ groups, now: () => 0 }, () => 0);
  const server = {
    ...{ counts: new TrafficCounts(), limits, log: { dropped: 2, suppressed: 3 } },
    connections: () => ({ websocket: 0 }),
    pendingConnections: () => 0,
    usedSlots: () => 0,
    uptime: () => 0,
    readGroups: () => reader.read(),
    totals: { refused: 6, dropped: 5, slowReaders: 4 },
    usage: () => ({ used: 0, limit: Infinity }),
  };
  const description = { version: "", engine: "", store: "", durability: "", transport: "" };
  return { server, description, startedAt: 0 };
}

Deno.test("a file that cannot be written to makes a store unusable until it can be", async () => {
  const client = await loadPromClient();
  await using file = new FailingFile();
  const { store, clock } = file;
  const metrics = new ServerMetrics(client, { ...serverSource(), store });
  const isUsable = async () => valueOf(await metrics.text(), "dsmq_store_usable") === 1;
  assert(await isUsable());
  file.failure = "database or disk is full";
  file.before = (sql) => sql === "COMMIT";
  await store.apply({ time: clock.now(), commands: [put("t", "x")] });
  assert(!await isUsable());
  file.repair();
  clock.advance(1000);
  assert(await isUsable());
});

Deno.test("a store in trouble is told, and hides nothing else", async () => {
  const client = await loadPromClient();
  let fault: string | undefined;
  let usage = () => Promise.resolve({ messages: 1, bytes: 2, topics: 3 });
  let groups = (): Promise<readonly never[]> => Promise.resolve([]);
  const store = {
    findFault: () => fault,
    usage: () => usage(),
  };
  const metrics = new ServerMetrics(client, { ...serverSource(() => groups()), store });
  const all = await metrics.text();
  assertEquals(valueOf(all, "dsmq_store_usable"), 1);
  assertEquals(valueOf(all, "dsmq_waits_limit"), Infinity);
  assertEquals(valueOf(all, "dsmq_slow_readers_dropped_total"), 4);
  assertEquals(valueOf(all, 'dsmq_log_lines_dropped_total{reason="output"}'), 2);
  assertEquals(valueOf(all, 'dsmq_log_lines_dropped_total{reason="rate"}'), 3);
  fault = "the file was removed";
  assertEquals(valueOf(await metrics.text(), "dsmq_store_usable"), 0);
  fault = undefined;
  assertEquals(valueOf(all, "dsmq_groups"), 0);
  usage = () => Promise.reject(new Error("disk I/O error"));
  groups = () => Promise.reject(new Error("disk I/O error"));
  const text = await metrics.text();
  assertEquals(valueOf(text, "dsmq_store_usable"), 0);
  assertEquals(valueOf(text, "dsmq_stored_bytes"), undefined);
  assertEquals(valueOf(text, "dsmq_groups"), undefined);
  assertEquals(valueOf(text, "dsmq_dropped_connections_total"), 5);
  assertEquals([...parseMetrics(text).keys()], [...parseMetrics(all).keys()]);
});
