/**
 * What connections are, and what they hold, as an administrator sees it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Connection, type ConnectionInfo } from "@dsmq/server";
import { store, testServer, turns } from "../support/bridge.ts";
import { EventReader } from "../support/event_reader.ts";
import { HeldStore } from "../support/held_store.ts";
import { testHttp } from "../support/http_server.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What of a connection is compared. */
function heldBy({ kind, subscriptions, waits, cursors }: ConnectionInfo): string {
  return [kind, subscriptions, waits, cursors].join();
}

/** Waits until these are the connections besides the one that asks: kind, subscriptions, waits, cursors. */
async function reach(mq: Connection, ...expected: string[]): Promise<void> {
  const reached = (async () => {
    for (;;) {
      const others = (await mq.connections()).filter(({ own }) => !own);
      if (`${others.map(heldBy).sort()}` === `${expected.sort()}`) return;
    }
  })();
  await withTimeout(reached);
}

testHttp("an administrator sees what each connection is, and what it holds", async (open) => {
  await using server = await open();
  await using admin = await connect(server.url);
  assertEquals((await admin.connections()).map(heldBy), ["websocket,0,0,0"]);
  const leave = new AbortController();
  const { signal } = leave;
  const endings: Promise<unknown>[] = [];
  {
    await using mq = await connect(server.url);
    await mq.putMany("t", ["one", "two"]);
    await mq.get("t");
    await reach(admin, "websocket,0,0,1");
    for (let i = 0; i < 3; i++) endings.push(mq.getWait("u", { signal }).catch(() => {}));
    await reach(admin, "websocket,0,3,2");
    const stream = mq.subscribe({ prefix: "x" }, { signal });
    endings.push(stream.next().catch(() => {}));
    await reach(admin, "websocket,1,3,2");
    endings.push(
      server.get("/topics/u?after=now&wait=60", { signal }).then((r) => r.body?.cancel(), () => {}),
    );
    await reach(admin, "websocket,1,3,2", "http_wait,0,1,0");
    const events = await EventReader.events(`${server.origin}/topics/u`);
    await reach(admin, "websocket,1,3,2", "http_wait,0,1,0", "http_stream,1,0,0");
    leave.abort();
    await Promise.all(endings);
    await reach(admin, "websocket,0,0,2", "http_stream,1,0,0");
    await events[Symbol.asyncDispose]();
  }
  await reach(admin);
});

Deno.test("an administrator sees how much memory the requests of a connection take, until they are answered", async () => {
  const heldStore = new HeldStore(["read"]);
  await using host = await testServer(heldStore);
  await store(host, "t", "m");
  using peer = new ManualPeer(host);
  host.directory.add(peer.connection);
  const usage = () => host.directory.list("", 9, peer.connection).connections[0]!.inFlightBytes!;
  assertEquals(usage(), 0);
  heldStore.hold();
  peer.sendFrame({ action: "get", id: 1, topic: "t" });
  await turns(3);
  const first = usage();
  assert(first > 0);
  peer.sendFrame({ action: "put", id: 2, topic: "t", body: "x".repeat(50_000) });
  await turns(3);
  assert(usage() >= first + 50_000, `${usage()}`);
  heldStore.release();
  await turns(3);
  assertEquals(usage(), 0);
});
