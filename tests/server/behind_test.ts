/**
 * A server whose store is behind its log: it serves nothing as fresh, and has its clients go to other servers.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { FencedStore } from "../support/fenced_store.ts";
import { problemOf } from "../support/http_server.ts";
import { serveStore } from "../support/served_store.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import { testStores } from "../support/store_servers.ts";
import { BEHIND, type Closing, OpenConnections, STOPPING } from "../../server/open_connections.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { withTimeout } from "../support/with_timeout.ts";

const HELLO = { action: "hello", id: 1 };

testStores(
  "it closes all connections with 1013, and ends waits and streams with behind",
  async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    const [old, waiting] = [await RawClient.open(server.url), await RawClient.open(server.url)];
    void waiting.send({ action: "get_wait", id: 1, topic: "t", timeout: 60_000 });
    const wait = server.get("/topics/t?wait=60");
    const events = await server.get("/topics/t", { headers: { accept: "text/event-stream" } });
    await using mq = await connect(server.url);
    while ((await mq.connections()).length < 5) await Promise.resolve();
    await mq.close();
    store.fallBehind();
    const { error } = await withTimeout(waiting.next());
    assertEquals(error.code, "behind");
    for (const raw of [old, waiting]) {
      const { code, reason } = await withTimeout(raw.closed);
      assertEquals(code, 1013);
      assertMatch(reason, /^behind/);
    }
    const problem = await problemOf(await withTimeout(wait));
    assertEquals([problem.status, problem.code], [503, "behind"]);
    assertMatch(await withTimeout(events.text()), /^event: end\ndata: .*"code":"behind"/m);
  },
);

testStores(
  "a connection whose request waits for the log is closed with 1013, too",
  async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    const [asking, stuck] = [await RawClient.open(server.url), Promise.withResolvers<void>()];
    const asked = Promise.withResolvers<void>();
    store.onFence = () => (asked.resolve(), stuck.promise);
    void asking.send({ action: "get", id: 1, topic: "t" });
    await withTimeout(asked.promise);
    store.fallBehind();
    const { code, reason } = await withTimeout(asking.closed);
    stuck.resolve();
    assertEquals(code, 1013);
    assertMatch(reason, /^behind/);
  },
);

testStores("it refuses new clients with 1013 or 503, until it has caught up", async (serve) => {
  const store = new FencedStore();
  await using server = await serve(store);
  store.fallBehind();
  const headers = { Host: `localhost:${server.port}`, ...UPGRADE };
  {
    const refused = await RawClient.handshake(server.port, headers);
    assertEquals(refused.status, 503);
    assertMatch(refused.received[0]!, /^retry-after: \d+\r$/im);
    const dsmq = { ...headers, "Sec-WebSocket-Protocol": "dsmq" };
    const silent = await RawClient.handshake(server.port, dsmq);
    assertEquals(await withTimeout(silent.closeCode()), 1013);
    // Who says hello is answered first, also in a list, and whatever its token.
    for (const hello of [HELLO, [HELLO], { ...HELLO, token: "wrong" }]) {
      const closed = await RawClient.handshake(server.port, dsmq);
      void closed.send(hello);
      const { id, error } = [await withTimeout(closed.next())].flat()[0];
      assertEquals([id, error.code], [1, "behind"]);
      assertEquals(await withTimeout(closed.closeCode()), 1013);
    }
  }
  const refused = await connect(server.url, { timeout: 100 }).catch((error) => error);
  assertEquals([refused.code, refused.retryable], ["behind", true]);
  for (
    const [path, init] of [
      ["/topics/t", {}],
      ["/topics/t", { method: "POST", body: "x" }],
      ["/messages", { headers: { accept: "application/x-ndjson" } }],
      ["/topics", {}],
      ["/groups", {}],
    ] as const
  ) {
    const response = await server.get(path, init);
    assertEquals(response.headers.get("retry-after"), "1");
    const { status, code } = await problemOf(response);
    assertEquals([status, code], [503, "behind"], path);
  }
  await store.catchUp();
  await using mq = await connect(server.url);
  await mq.put("t", "hello");
  assertEquals(await (await server.get("/topics/t")).text(), "hello");
});

testStores("it lives, but is not ready, and still tells operators how it does", async (serve) => {
  const store = new FencedStore();
  await using server = await serve(store);
  const health = async (path: string) => {
    const response = await server.get(path);
    return [response.status, await response.text()] as const;
  };
  store.fallBehind();
  assertEquals(await health("/health/live"), [200, "ok\n"]);
  for (const path of ["/health/ready", "/health"]) {
    const [status, text] = await health(path);
    assertEquals(status, 503);
    assertMatch(text, /^behind/);
    assert(!text.includes("nothing was heard"), "only operators learn why");
  }
  const status = await server.get("/status");
  assertEquals([status.status, (await status.json()).epoch], [200, store.epoch]);
  assertEquals((await health("/metrics"))[0], 404);
  await store.catchUp();
  assertEquals(await health("/health/ready"), [200, "ok\n"]);
});

testStores(
  "clients come back once it has caught up, and learn of the epoch that has begun",
  async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    await using mq = await connect(server.url, { reconnect: { minDelay: 1, maxDelay: 5 } });
    await mq.put("t", "1");
    assertEquals((await mq.read("t"))!.position, `${store.epoch}:1`);
    store.fallBehind();
    const put = mq.put("t", "2");
    await store.catchUp("another-epoch");
    await put;
    assertEquals((await mq.read("t"))!.position, "another-epoch:2");
    const { position } = await (await server.post("/topics/t", "3")).json();
    assertEquals(position, "another-epoch:3");
  },
);

Deno.test("the log tells the operator once each way", async () => {
  const store = new FencedStore();
  const lines: string[] = [];
  const log = {
    info: (line: string) => void lines.push(line),
    warn: () => {},
    error: (line: string) => void lines.push(line),
  };
  await using server = await serveStore(store, { log });
  for (const reason of ["nothing was heard for 5 s", "the log is away"]) store.fallBehind(reason);
  for (const path of ["/topics/t", "/topics"]) {
    await (await fetch(`http://127.0.0.1:${server.port}${path}`)).body?.cancel();
  }
  await store.catchUp();
  await store.catchUp();
  assertEquals(lines, [
    "dsmq: is behind its log, and has its clients go to other servers: nothing was heard for 5 s",
    "dsmq: is up to date with its log again, and serves",
  ]);
});

Deno.test("a hello whose token is being checked when the server falls behind is answered with behind", async () => {
  const store = new FencedStore();
  const [asked, checked] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()];
  await using server = await serveStore(store, {
    auth: {
      verify() {
        asked.resolve();
        return checked.promise;
      },
    },
  });
  const headers = { ...UPGRADE, Host: "localhost", "Sec-WebSocket-Protocol": "dsmq" };
  await using raw = await RawClient.handshake(server.port, headers);
  void raw.send({ ...HELLO, token: "a-token-of-a-test" });
  await withTimeout(asked.promise);
  store.fallBehind();
  checked.resolve(undefined as never);
  const { id, error } = await withTimeout(raw.next());
  assertEquals([id, error.code], [1, "behind"]);
  assertEquals(await withTimeout(raw.closeCode()), 1013);
});

Deno.test("a server that falls behind holds nothing for that once it has closed its connections, though there are others by then", () =>
  inVirtualTime(async () => {
    const connections = new OpenConnections();
    const stays = { closeGracefully() {}, close() {}, peer: { drop() {} }, closed: false };
    connections.admit(stays as never);
    let isOver = false;
    void connections.closeAll(BEHIND).then(() => isOver = true);
    await pass(2001);
    assert(isOver);
  }));

Deno.test("a server that stops while it is behind does not open again", async () => {
  const connections = new OpenConnections();
  await connections.closeAll(BEHIND);
  await connections.closeAll(STOPPING);
  connections.reopen();
  assertEquals(connections.closing, STOPPING);
  await connections.closeAll(BEHIND);
  assertEquals(connections.closing, STOPPING);
});

Deno.test("a server that stops lets requests finish; one that is behind does not, since they wait for its log", () => {
  const done = (closing: Closing) => {
    const calls: string[] = [];
    const connection = {
      finish: () => void calls.push("finish"),
      closeGracefully: () => void calls.push("close"),
    };
    const connections = new OpenConnections();
    connections.admit(connection as never);
    void connections.closeAll(closing);
    connections.delete(connection as never);
    return calls;
  };
  assertEquals([done(STOPPING), done(BEHIND)], [["finish"], ["close"]]);
});
