/**
 * Clients of a server that stops and starts again, on the same port.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError, type ServeOptions, type Server } from "@dsmq/server";
import { codeOf } from "../support/code_of.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const reconnect = { minDelay: 1, maxDelay: 10 };

/** Stops a server and starts another in its place. */
async function again(server: Server, options: ServeOptions = {}): Promise<Server> {
  const { port } = server;
  await server.shutdown();
  return await openServer({ port, ...options });
}

/** Resolves once a connection has reconnected. */
async function back(mq: Connection): Promise<void> {
  for await (const { status } of mq.statusChanges()) if (status === "connected") return;
}

Deno.test("after a restart of a server in memory, every read and every subscription is told that the epoch has changed", async () => {
  let server = await openServer();
  const clients = await Promise.all(
    Array.from({ length: 5 }, () => connect(server.url, { reconnect })),
  );
  const [putter, ...readers] = clients as [Connection, ...Connection[]];
  await putter.put("t", "old");
  for (const mq of readers) assertEquals(await mq.get("t"), "old");
  const streams = readers.map((mq) => mq.subscribe("t"));
  const gapCodes = streams.map((stream) => codeOf(stream.next()));
  const waits = readers.map((mq) => codeOf(mq.getWait("waited for")));
  await Promise.all(readers.map((mq) => mq.get("another, so that all of that has arrived")));

  server = await again(server);
  assertEquals(new Set(await Promise.all([...gapCodes, ...waits])), new Set(["epoch_changed"]));
  await putter.put("t", "new");
  for (const mq of readers) {
    for (const topic of ["t", "never read"]) {
      assertEquals(await codeOf(mq.get(topic)), "epoch_changed");
    }
    assertEquals([await mq.get("t"), await mq.get("never read")], ["new", ""]);
  }
  await Promise.all(clients.map((mq) => mq.close()));
  await server.shutdown();
});

Deno.test("a subscription with a gap policy continues with the new history", async () => {
  let server = await openServer();
  await using mq = await connect(server.url, { reconnect });
  const gaps: string[] = [];
  const chosen = mq.subscribe("t", { onGap: ({ code }) => (gaps.push(code), "oldest") });
  const oldest = mq.subscribe("t", { onGap: "oldest" });
  await mq.put("t", "old");
  for (const stream of [chosen, oldest]) {
    assertEquals((await withTimeout(stream.next())).value?.body, "old");
  }
  server = await again(server);
  await back(mq);
  assertEquals(await withTimeout(mq.put("t", "new")), 1);
  for (const stream of [chosen, oldest]) {
    const { value } = await withTimeout(stream.next());
    assertEquals([value?.seq, value?.body], [1, "new"]);
  }
  assertEquals(gaps, ["epoch_changed"]);
  await server.shutdown();
});

Deno.test("calls that are made while the server is away are carried out once it is back", async () => {
  const first = await openServer();
  await using mq = await connect(first.url, { reconnect });
  await first.shutdown();
  const put = mq.put("t", "meanwhile");
  const many = mq.putMany("t", ["a", "b"]);
  assertEquals(mq.status, "reconnecting");
  const server = await openServer({ port: first.port });
  assertEquals([await withTimeout(put), await withTimeout(many)], [1, [2, 3]]);
  await server.shutdown();
});

Deno.test("without reconnect a client ends with its connection", async () => {
  const server = await openServer();
  await using mq = await connect(server.url, { reconnect: false });
  await server.shutdown();
  const states = [];
  for await (const { status } of mq.statusChanges()) states.push(status);
  assertEquals(states.at(-1), "closed");
  assertEquals(await codeOf(mq.put("t", "m")), "closed");
});

Deno.test("lost messages of a topic are reported once after a break, with what is known of them", async () => {
  let time = Date.now();
  const clock = {
    now: () => time,
    after(ms: number, callback: () => void) {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  };
  const dir = await Deno.makeTempDir();
  try {
    const options: ServeOptions = { store: `sqlite:${dir}/queue.db`, retention: 1000, clock };
    let server = await openServer(options);
    await using mq = await connect(server.url, { reconnect });
    await mq.put("t", "one");
    await mq.put("t", "two");
    assertEquals(await mq.get("t"), "one");
    time += 2000;
    server = await again(server, options);
    const error = await assertRejects(() => withTimeout(mq.get("t")), DsmqError);
    const { code, after, floor, last } = error;
    assertEquals([code, after, floor, last], ["trimmed", 1, 2, 2]);
    await mq.put("t", "three");
    assertEquals(await mq.get("t"), "three");
    assert(mq.durability === "disk", mq.durability);
    await server.shutdown();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a client that has read very many topics continues with all of them after a restart", async () => {
  const names = Array.from({ length: 16_000 }, (_, i) => `${i}${"é".repeat(100)}`);
  const dir = await Deno.makeTempDir();
  try {
    const options: ServeOptions = { store: `sqlite:${dir}/queue.db`, transport: "hardened" };
    let server = await openServer(options);
    await using mq = await connect(server.url, { reconnect });
    await Promise.all(names.map((name) => mq.put(name, "old")));
    const read = (body: string) => async (name: string) => assertEquals(await mq.get(name), body);
    await Promise.all(names.map(read("old")));
    server = await again(server, options);
    await Promise.all(names.map((name) => mq.put(name, "new")));
    await Promise.all(names.map(read("new")));
    await server.shutdown();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a full queue reports its limit, to one put and to many", async () => {
  await using server = await openServer({ limits: { storedBytes: 300 } });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["one", "two"]);
  for (const put of [() => mq.put("t", "three"), () => mq.putMany("t", ["three", "four"])]) {
    const { code, limit } = await assertRejects(put, DsmqError);
    assertEquals([code, limit], ["full", 300]);
  }
  const both = await Promise.allSettled([mq.put("t", "three"), mq.put("t", "four")]);
  assertEquals(both.map((put) => put.status === "rejected" && put.reason.limit), [300, 300]);
});

Deno.test("the name and the password of an address, and its query, are not shown", async () => {
  await using server = await openServer();
  const withName = server.url.replace("ws://", "ws://somebody:secret@");
  const secrets = {
    [withName]: server.url,
    [`${withName}/?token=secret`]: `${server.url}/?…`,
    [`${server.url}/mq?token=secret`]: `${server.url}/mq?…`,
  };
  for (const [secret, expected] of Object.entries(secrets)) {
    await using mq = await connect(secret);
    assertEquals(mq.url, expected);
  }
  await server.shutdown();
  for (const secret of Object.keys(secrets)) {
    const error = await assertRejects(() => connect(secret, { timeout: 50 }), DsmqError);
    assert(!/somebody|secret/.test(`${error.message} ${error.stack}`), error.message);
  }
});
