/**
 * A log in NATS when its server, its connection or an operator fails it: what was acknowledged is there, and every doubt ends a tail.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../stores/replicated/record_log.ts";
import { CuttableProxy } from "../../support/cuttable_proxy.ts";
import { ignoredIf } from "../../support/ignored_if.ts";
import { LogLoad, SteadyFollower } from "../../support/log_load.ts";
import { appendAll, Follower, record, take, texts } from "../../support/log_records.ts";
import { NatsOperator, openAt } from "../../support/nats_logs.ts";
import { NatsServer, noNats } from "../../support/nats_server.ts";
import { withTimeout } from "../../support/with_timeout.ts";

/** In how long a tail must notice that something is wrong, and a little, in milliseconds. */
const NOTICED = 6000;

async function assertUnavailable(work: Promise<unknown>): Promise<void> {
  const { code, message } = await withTimeout(assertRejects(() => work, LogError), NOTICED);
  assertEquals(code, "unavailable", message);
}

async function endOf(follower: Follower): Promise<LogError> {
  const error = await withTimeout(follower.ended, NOTICED);
  assert(error instanceof LogError);
  return error;
}

Deno.test({
  ...ignoredIf(
    noNats,
    "a server that is killed under load and comes back has all it had acknowledged",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using log = await openAt(`nats://${server.host}/orders`);
    await using follower = new SteadyFollower(log);
    await using load = new LogLoad(log, "r");
    for (let round = 1; round <= 3; round++) {
      await load.more(500);
      await server.kill();
      await assertUnavailable(log.state());
      await server.run();
      await withTimeout(load.more(100), 20_000);
    }
    await load.stop();
    assert(load.refused > 0);
    await log.append(record("end"));
    await withTimeout(follower.sees("end"), 20_000);
    const seen = new Set(follower.texts);
    assertEquals(load.acknowledged.filter((text) => !seen.has(text)), []);
    assert(follower.faults.length >= 3, "each kill ended the tail");
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a stream that is deleted ends its tails, and nothing is acknowledged any more",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a");
    await using follower = new Follower(log, 0);
    await follower.has(1);
    await operator.manager.streams.delete("orders");
    assertEquals((await endOf(follower)).code, "unavailable");
    await assertUnavailable(log.append(record("b")));
    await assertUnavailable(log.fence());
    await assertRejects(() => log.state(), LogError, "it was deleted");
    await assertUnavailable(take(log, 1, 1));
  },
});

Deno.test({
  ...ignoredIf(noNats, "a stream that is deleted and made anew ends its tails, and is another log"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a", "b", "c");
    const { id } = await log.state();
    await using follower = new Follower(log, 0);
    await follower.has(3);
    await operator.manager.streams.delete("orders");
    await using again = await openAt(`nats://${server.host}/orders`);
    await appendAll(again, "x");
    assertEquals((await endOf(follower)).code, "unavailable");
    assertEquals(texts(follower.entries), ["a", "b", "c"]);
    const { code } = await assertRejects(() => take(log, 3, 1), LogError);
    assertEquals(code, "ahead");
    // And when it is longer than the old one was: nothing but its id tells.
    await appendAll(again, "y", "z", "v");
    assertEquals(texts(await take(log, (await log.state()).last - 1, 1)), ["v"]);
    assert((await log.state()).id !== id);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a stream that is made anew while a tail waits ends it before the first new record",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a");
    await using follower = new Follower(log, 0);
    await follower.has(1);
    const { config } = await operator.manager.streams.info("orders");
    await operator.manager.streams.delete("orders");
    await operator.manager.streams.add(config);
    await Promise.all(Array.from({ length: 20 }, (_, i) => log.append(record(`new ${i}`))));
    await endOf(follower);
    assertEquals(texts(follower.entries), ["a"]);
  },
});

Deno.test({
  ...ignoredIf(noNats, "what is purged by hand before it was read ends the tail, and is told"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    const large = new Uint8Array(200_000);
    const count = 200;
    await Promise.all(Array.from({ length: count }, () => log.append(large)));
    const stop = new AbortController();
    let last = 0;
    const reading = async () => {
      for await (const { position } of log.tail(0, stop.signal)) {
        last = position;
        // The server sends only so much ahead, and what it would send next is removed.
        if (position === 1) await operator.manager.streams.purge("orders", { keep: 1 });
      }
    };
    const { code } = await withTimeout(assertRejects(reading, LogError), NOTICED);
    assertEquals(code, "trimmed");
    assert(last > 1 && last < count - 1, "what had been sent came");
    const again = await assertRejects(() => take(log, last, 1), LogError);
    assertEquals(again.code, "trimmed");
    assertEquals((await take(log, count - 1, 1))[0]!.position, count);
  },
});

Deno.test({
  ...ignoredIf(noNats, "nobody can remove a record from the middle of the log"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a", "b", "c");
    await assertRejects(() => operator.manager.streams.deleteMessage("orders", 2), Error);
    assertEquals(texts(await take(log, 0, 3)), ["a", "b", "c"]);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a consumer that is deleted by hand ends its tail, and the next one goes on",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a");
    await using follower = new Follower(log, 0);
    await follower.has(1);
    const [consumer] = await operator.consumers("orders");
    await operator.manager.consumers.delete("orders", consumer!);
    await appendAll(log, "b");
    const { code, message } = await endOf(follower);
    assertEquals(code, "unavailable", message);
    assertEquals(texts(await take(log, 1, 1)), ["b"]);
  },
});

Deno.test({
  ...ignoredIf(noNats, "a tail that ends leaves no consumer behind"),
  async fn() {
    await using server = await NatsServer.start();
    await using operator = await NatsOperator.connect(server.host);
    await using log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a");
    await take(log, 0, 1);
    await using follower = new Follower(log, 0);
    await follower.has(1);
    follower.stop();
    await follower.ended;
    const untilGone = async () => {
      while ((await operator.consumers("orders")).length > 0);
    };
    // Sooner than the server would do it by itself.
    await withTimeout(untilGone(), 4000);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a connection that is cut ends tails and what waits, and comes back by itself",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using proxy = new CuttableProxy(server.port);
    await using log = await openAt(`nats://${new URL(proxy.url).host}/orders`);
    await appendAll(log, "a");
    await using follower = new Follower(log, 0);
    await follower.has(1);
    proxy.cut();
    assertEquals((await endOf(follower)).code, "unavailable");
    await using load = new LogLoad(log, "r");
    await withTimeout(load.more(10), NOTICED);
    await load.stop();
    assertEquals(texts(await take(log, 0, 1)), ["a"]);
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a server that stands still refuses in time, and is used again when it goes on",
  ),
  async fn() {
    await using server = await NatsServer.start();
    await using log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a");
    await using follower = new Follower(log, 0);
    await follower.has(1);
    await server.pause();
    try {
      const waits = [log.append(record("b")), log.fence(), log.state(), log.trim(1)];
      await Promise.all(waits.map(assertUnavailable));
      assertEquals((await endOf(follower)).code, "unavailable");
    } finally {
      server.resume();
    }
    await using load = new LogLoad(log, "r");
    await withTimeout(load.more(10), 20_000);
    await load.stop();
  },
});

Deno.test({
  ...ignoredIf(noNats, "a log is closed while its server is away, and leaves nothing"),
  async fn() {
    await using server = await NatsServer.start();
    const log = await openAt(`nats://${server.host}/orders`);
    await appendAll(log, "a");
    const follower = new Follower(log, 0);
    await follower.has(1);
    await server.kill();
    await endOf(follower);
    await withTimeout(Promise.resolve(log[Symbol.asyncDispose]()));
    const paused = await NatsServer.start();
    await using _ = paused;
    const other = await openAt(`nats://${paused.host}/orders`);
    await paused.pause();
    const waiting = assertRejects(() => other.append(record("b")), LogError);
    await withTimeout(Promise.resolve(other[Symbol.asyncDispose]()));
    assertEquals((await waiting).code, "unavailable");
  },
});
