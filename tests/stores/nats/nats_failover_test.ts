/**
 * A log in NATS whose server is cut off from the others goes on by way of another one.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../stores/replicated/record_log.ts";
import { ignoredIf } from "../../support/ignored_if.ts";
import { LogLoad } from "../../support/log_load.ts";
import { Follower, record } from "../../support/log_records.ts";
import { openAt } from "../../support/nats_logs.ts";
import { NatsProxy } from "../../support/nats_proxy.ts";
import { NatsServer, noNats } from "../../support/nats_server.ts";
import { withTimeout } from "../../support/with_timeout.ts";
import { until } from "../../faults/sleep.ts";

/** In how long another server is found, in milliseconds. */
const FOUND = 10_000;

/** Does something each time one of the two ways to a server is cut off: one of them is that of the log. */
async function cutEach(
  ways: readonly NatsProxy[],
  work: () => Promise<unknown>,
): Promise<void> {
  for (const way of ways) {
    way.cutOff();
    await work();
    way.rejoin();
  }
}

Deno.test({
  ...ignoredIf(
    noNats,
    "a server that answers pings and acknowledges nothing is left for one that acknowledges",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using one = new NatsProxy(server.port);
    await using other = new NatsProxy(server.port);
    await using log = await openAt(`nats://${one.host},${other.host}/orders`);
    await using load = new LogLoad(log, "r");
    await load.more(10);
    await cutEach([one, other], () => withTimeout(load.more(10), FOUND));
    await load.stop();
  },
});

Deno.test({
  ...ignoredIf(noNats, "the same of one that answers no question, if nothing is appended"),
  async fn() {
    await using server = await NatsServer.start();
    await using one = new NatsProxy(server.port);
    await using other = new NatsProxy(server.port);
    await using log = await openAt(`nats://${one.host},${other.host}/orders`);
    await log.append(record("a"));
    const answered = (ms: number) => until(() => log.state().then(() => true, () => false), ms);
    await cutEach([one, other], async () => assert(await answered(FOUND)));
  },
});

Deno.test({
  ...ignoredIf(noNats, "a server is not left while no other one acknowledges anything"),
  async fn() {
    await using server = await NatsServer.start();
    await using one = new NatsProxy(server.port);
    await using other = new NatsProxy(server.port);
    await using log = await openAt(`nats://${one.host},${other.host}/orders`);
    await log.append(record("a"));
    one.cutOff();
    other.cutOff();
    await using follower = new Follower(log, 1);
    const { message } = await withTimeout(
      assertRejects(() => log.append(record("b")), LogError),
      FOUND,
    );
    // And not: the connection broke.
    assertEquals(message, "Cannot append to the log: NATS did not acknowledge it in 4 s");
    await follower.ended;
  },
});
