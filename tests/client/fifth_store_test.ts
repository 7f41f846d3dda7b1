/**
 * A subscription keeps its positions of the last four stores: back at one that it has forgotten it tells the gap, however it
 * began there.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Connection, MessageStream } from "../../client.ts";
import { inMemory, store, type TestServer, testServer, turns } from "../support/bridge.ts";
import { closeAll, connectedPair, nextBody, reconnectTo } from "../support/connected_pair.ts";
import { QueueFile } from "../support/queue_file.ts";

type Topics = Parameters<Connection["subscribe"]>[0];
type Options = Parameters<Connection["subscribe"]>[1];

/** How a subscription begins. */
const BEGINNINGS: readonly [string, (first: TestServer) => [Topics, Options]][] = [
  ["at the cursor", () => ["t", {}]],
  ["at the start", () => ["t", { since: "start" }]],
  ["now", () => ["t", { since: "now" }]],
  ["at a time", () => ["t", { since: new Date(0) }]],
  ["at a number", () => ["t", { since: 0 }]],
  ["at a position", ({ queue }) => ["t", { since: `${queue.store.epoch}:0` }]],
  ["at the start of the connection, of a prefix", () => [{ prefix: "t" }, {}]],
  ["at the start, of a prefix", () => [{ prefix: "t" }, { since: "start" }]],
];

/** Subscribes, and notes each message and each gap. */
function noting(mq: Connection, [topics, options]: [Topics, Options]) {
  const seen: string[] = [];
  const stream: MessageStream = mq.subscribe(topics as string, {
    ...options,
    onGap: ({ code }) => (seen.push(code), "oldest"),
  });
  /** Takes messages up to this one. */
  const takeTo = async (last: string) => {
    while (seen.at(-1) !== last) seen.push(await nextBody(stream));
    return seen.splice(0);
  };
  return { stream, takeTo };
}

for (const [name, begin] of BEGINNINGS) {
  for (const others of [3, 4]) {
    const promise = others === 3 ? "continues" : "tells the gap";
    Deno.test(`at its first store after ${others} others a subscription ${promise}: it began ${name}`, async () => {
      const hosts: TestServer[] = [];
      for (let i = 0; i <= others; i++) hosts.push(await testServer(inMemory()));
      const [first, ...later] = hosts as [TestServer, ...TestServer[]];
      const { bridge, mq } = await connectedPair(first, { since: "start" });
      const { stream, takeTo } = noting(mq, begin(first));
      await turns(3);
      await store(first, "t", "1", "2");
      assertEquals(await takeTo("2"), ["1", "2"]);
      for (const host of later) {
        await store(host, "t", "m");
        await reconnectTo(bridge, mq, host);
        assertEquals(await takeTo("m"), ["epoch_changed", "m"]);
      }
      await store(first, "t", "3");
      await reconnectTo(bridge, mq, first);
      const expected = others === 3 ? ["3"] : ["epoch_changed", "1", "2", "3"];
      assertEquals(await takeTo("3"), expected);
      // From then on it continues there.
      await store(first, "t", "4");
      await reconnectTo(bridge, mq, first);
      assertEquals(await takeTo("4"), ["4"]);
      await stream.return!();
      await closeAll(mq, ...hosts);
    });
  }
}

for (const [name, begin] of BEGINNINGS) {
  Deno.test(`a visit to its first store where no answer came leaves it the oldest of five: it began ${name}`, async () => {
    const hosts: TestServer[] = [];
    for (let i = 0; i < 5; i++) hosts.push(await testServer(inMemory()));
    const [first, ...later] = hosts as [TestServer, ...TestServer[]];
    const { bridge, mq } = await connectedPair(first, { since: "start" });
    const { stream, takeTo } = noting(mq, begin(first));
    await turns(3);
    await store(first, "t", "1", "2");
    assertEquals(await takeTo("2"), ["1", "2"]);
    for (const host of later) {
      if (host === later.at(-1)) {
        // The connection was there again, the subscription was not.
        bridge.passes = (frame) => frame.includes('"protocol"');
        await reconnectTo(bridge, mq, first);
        bridge.passes = () => true;
      }
      await store(host, "t", "m");
      await reconnectTo(bridge, mq, host);
      assertEquals(await takeTo("m"), ["epoch_changed", "m"]);
    }
    await reconnectTo(bridge, mq, first);
    assertEquals(await takeTo("2"), ["epoch_changed", "1", "2"]);
    await stream.return!();
    await closeAll(mq, ...hosts);
  });
}

Deno.test("at its first file after four others a subscription from a position tells the gap", async () => {
  await using files = new AsyncDisposableStack();
  const hosts: TestServer[] = [];
  for (let i = 0; i < 5; i++) hosts.push(await testServer(files.use(new QueueFile()).open()));
  const [first, ...later] = hosts as [TestServer, ...TestServer[]];
  const { bridge, mq } = await connectedPair(first, { since: "start" });
  const { stream, takeTo } = noting(mq, ["t", { since: `${first.queue.store.epoch}:0` }]);
  for (const host of hosts) await store(host, "t", "1", "2");
  assertEquals(await takeTo("2"), ["1", "2"]);
  for (const host of [...later, first]) {
    await reconnectTo(bridge, mq, host);
    assertEquals(await takeTo("2"), ["epoch_changed", "1", "2"]);
  }
  await stream.return!();
  await closeAll(mq, ...hosts);
});
