/**
 * A log in NATS on three servers: it outlives each of them.
 *
 * @module
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { LogError, type RecordLog } from "../../../stores/replicated/record_log.ts";
import { ignoredIf } from "../../support/ignored_if.ts";
import { LogLoad, SteadyFollower } from "../../support/log_load.ts";
import { record } from "../../support/log_records.ts";
import { NatsOperator, openAt } from "../../support/nats_logs.ts";
import { NatsCluster, type NatsServer, noNats } from "../../support/nats_server.ts";
import { withTimeout } from "../../support/with_timeout.ts";

/**
 * In how long there are acknowledgements again, in milliseconds. Where nothing else runs it is 10 s after one server is lost, and 15 s
 * after a second one is back.
 */
const AGAIN = 40_000;

function open(cluster: NatsCluster): Promise<RecordLog> {
  return openAt(`nats://${cluster.hosts}/orders?replicas=3`, AGAIN);
}

/** The server that leads the stream, or one that does not. */
async function findServer(cluster: NatsCluster, leads: boolean): Promise<NatsServer> {
  const find = async () => {
    for (;;) {
      try {
        await using operator = await NatsOperator.connect(cluster.hosts);
        const { cluster: info } = await operator.manager.streams.info("orders");
        const isLeader = ({ port }: NatsServer) => info?.leader === `n${port}`;
        if (cluster.servers.some(isLeader)) {
          return cluster.servers.find((server) => isLeader(server) === leads)!;
        }
      } catch {
        // The leader changes just now.
      }
    }
  };
  return await withTimeout(find(), AGAIN);
}

/** All that was acknowledged is there, once it has come. */
async function assertComplete(log: RecordLog, load: LogLoad, follower: SteadyFollower) {
  await load.stop();
  await log.append(record("end"));
  await withTimeout(follower.sees("end"), AGAIN);
  const seen = new Set(follower.texts);
  assertEquals(load.acknowledged.filter((text) => !seen.has(text)), []);
}

Deno.test({
  ...ignoredIf(noNats, "a quorum is told, and what a power cut at most servers can lose"),
  async fn() {
    await using cluster = await NatsCluster.start();
    await using log = await open(cluster);
    assertEquals(log.durability, "quorum");
    assertMatch(log.warnings.join(), /a power cut at most of the 3 NATS servers at once can lose/);
    const { message } = await assertRejects(
      () => openAt(`nats://${cluster.hosts}/orders?replicas=1`),
      LogError,
    );
    assertMatch(message, /its num_replicas is 3, it must be 1/);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a leader that is killed under load is replaced, and nothing acknowledged is lost",
  ),
  async fn() {
    await using cluster = await NatsCluster.start();
    await using log = await open(cluster);
    await using follower = new SteadyFollower(log);
    await using load = new LogLoad(log, "r");
    await load.more(200);
    for (let round = 1; round <= 2; round++) {
      const leader = await findServer(cluster, true);
      await leader.kill();
      await withTimeout(load.more(100), AGAIN);
      await leader.run();
      await withTimeout(load.more(100), AGAIN);
    }
    await assertComplete(log, load, follower);
  },
});

Deno.test({
  ...ignoredIf(noNats, "a server that stands still is left for another, leader or not"),
  async fn() {
    await using cluster = await NatsCluster.start();
    await using log = await open(cluster);
    await using follower = new SteadyFollower(log);
    await using load = new LogLoad(log, "r");
    await load.more(200);
    for (const leads of [true, false]) {
      const server = await findServer(cluster, leads);
      await server.pause();
      try {
        // Until it is given up it may have what was sent to it: 3 s.
        await withTimeout(load.more(100), AGAIN);
      } finally {
        server.resume();
      }
    }
    await assertComplete(log, load, follower);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "without two of three servers nothing is acknowledged, each record is refused in time, and it goes on",
  ),
  async fn() {
    await using cluster = await NatsCluster.start();
    await using log = await open(cluster);
    await using follower = new SteadyFollower(log);
    await using load = new LogLoad(log, "r");
    await load.more(200);
    const leader = await findServer(cluster, true);
    const second = cluster.servers.find((server) => server !== leader)!;
    await Promise.all([leader.kill(), second.kill()]);
    const { length } = load.acknowledged;
    // First there is no connection; then there is one to the server that is left.
    for (let message = ""; !/did not acknowledge|has no leader/.test(message);) {
      const refused = assertRejects(() => log.append(record("no")), LogError);
      const error = await withTimeout(refused, AGAIN);
      assertEquals(error.code, "unavailable");
      message = error.message;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(load.acknowledged.length, length);
    await Promise.all([leader.run(), second.run()]);
    await withTimeout(load.more(100), AGAIN);
    await assertComplete(log, load, follower);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a tail at a server that is cut off from the others ends, also if nothing is appended",
  ),
  async fn() {
    await using cluster = await NatsCluster.start();
    await using log = await open(cluster);
    await log.append(record("a"));
    const stop = new AbortController();
    const others = cluster.servers.slice(1);
    const reading = async () => {
      for await (const _ of log.tail(0, stop.signal)) {
        for (const server of others) await server.pause();
      }
    };
    try {
      const { code } = await withTimeout(assertRejects(reading, LogError), AGAIN);
      assertEquals(code, "unavailable");
    } finally {
      for (const server of others) server.resume();
    }
  },
});
