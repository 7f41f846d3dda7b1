/**
 * A purge over the wire and in the library: what it removes, what readers are told, and who may.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect, type DsmqError, type ServeOptions } from "@dsmq/server";
import { inMemory, settled, store, testServer, turns, until } from "../support/bridge.ts";
import { ManualPeer } from "../support/manual_peer.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const folder = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let files = 0;

/** Servers of each kind. */
const KINDS: Readonly<Record<string, () => ServeOptions>> = {
  "in memory": () => ({}),
  "in a file, hardened": () => ({
    transport: "hardened",
    store: `sqlite:${folder}/${++files}.db`,
    durability: "process",
  }),
};

for (const [kind, options] of Object.entries(KINDS)) {
  Deno.test(`purge removes all messages of its topic and of no other, and puts go on (${kind})`, async () => {
    await using server = await openServer(options());
    await using mq = await connect(server.url, { since: "start" });
    await mq.putMany("t", ["one", "two", "three"]);
    await mq.put("other", "stays");
    assertEquals(await mq.purge("t"), 3);
    assertEquals(await mq.purge("t"), 0);
    assertEquals(await mq.purge("never used"), 0);
    assertEquals((await mq.topics()).map(({ topic, messages }) => [topic, messages]), [[
      "other",
      1,
    ]]);
    assertEquals(await mq.put("t", "four"), 5);
    const [, stays] = [await mq.get("t").catch(() => ""), await mq.get("other")];
    assertEquals(stays, "stays");
    await using late = await connect(server.url, { since: "start" });
    assertEquals((await late.read("t"))?.seq, 5);
  });

  Deno.test(`purge before a position, a number, a time or so long ago leaves what was stored then or later (${kind})`, async () => {
    await using server = await openServer(options());
    await using mq = await connect(server.url, { since: "start" });
    await mq.putMany("t", ["1", "2", "3", "4"]);
    const second = await (await connect(server.url, { since: 1 }).then(async (one) => {
      const found = await one.read("t");
      await one.close();
      return found!;
    }));
    assertEquals(second.body, "2");
    assertEquals(await mq.purge("t", { before: second.position }), 1);
    assertEquals(await mq.purge("t", { before: second.position }), 0);
    assertEquals(await mq.purge("t", { before: 3 }), 1);
    assertEquals(await mq.purge("t", { before: new Date(second.time - 1000) }), 0);
    assertEquals(await mq.purge("t", { before: { ago: 60_000 } }), 0);
    assertEquals(await mq.purge("t", { before: new Date(second.time + 60_000) }), 2);
  });
}

Deno.test("a subscription that has not come so far is told once, and those of other topics are not", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  await mq.putMany("t", ["1", "2", "3"]);
  await mq.put("u", "4");
  await mq.purge("t", { before: 3 });
  const gaps: unknown[] = [];
  const onGap = ({ code, topic }: DsmqError) => {
    gaps.push([code, topic]);
    return "oldest" as const;
  };
  const read = [];
  for (const topic of ["t", "u"]) {
    for await (const { body } of mq.subscribe(topic, { since: 0, onGap })) {
      read.push(body);
      break;
    }
  }
  assertEquals([read, gaps], [["3", "4"], [["trimmed", "t"]]]);
  for await (const { body } of mq.subscribe({ prefix: "" }, { since: 0, onGap: () => "oldest" })) {
    assertEquals(body, "3");
    break;
  }
});

Deno.test("a stream without credit is told of a purge once it has some, and a live one that has all is told nothing", async () => {
  await using host = await testServer(inMemory());
  await store(host, "t", "1", "2", "3");
  using peer = new ManualPeer(host);
  const subscribe = { action: "subscribe", topic: "t", since: "start", bytes: 1e6 };
  await peer.request({ ...subscribe, id: 1, messages: 1 });
  await peer.request({ ...subscribe, id: 2, messages: 100 });
  await turns();
  const purge = await peer.request({ action: "purge", id: 4, topic: "t" });
  assertEquals(purge, { id: 4, purged: 3 });
  await peer.request({ action: "credit", id: 5, sub: 1, messages: 10, bytes: 1e6 });
  await store(host, "t", "4");
  await turns();
  const of = (id: number) =>
    peer.received.filter(({ sub, prev, error }) => sub === id && (prev !== undefined || error));
  assertEquals(of(1).map(({ bodies, error }) => bodies ?? [error.code]), [["1"], ["trimmed"]]);
  assertEquals(of(2).flatMap(({ bodies }) => bodies), ["1", "2", "3", "4"]);
});

for (const filter of [{ topic: "t" }, { prefix: "t" }]) {
  Deno.test(`once a purge is answered, none of thousands of streams gets what it removed (${Object.keys(filter)})`, async () => {
    await using host = await testServer(inMemory());
    const peers = Array.from({ length: 8 }, () => new ManualPeer(host));
    const subscribe = { action: "subscribe", ...filter, messages: 10, bytes: 1e6 };
    for (const peer of peers) {
      for (let id = 0; id < 1000; id++) peer.sendFrame({ ...subscribe, id });
      await peer.request({ action: "heartbeat", id: 1000 });
    }
    const [admin] = peers;
    const received = () =>
      peers.reduce((sum, peer) => sum + peer.received.filter(({ seqs }) => seqs).length, 0);
    admin!.sendFrame([{ action: "put", id: 1001, topic: "t", body: "m" }, {
      action: "purge",
      id: 1002,
      topic: "t",
    }]);
    await until(() => admin!.reply(1002) !== undefined);
    const inTime = received();
    await turns(50);
    assertEquals([admin!.reply(1002), inTime], [{ id: 1002, purged: 1 }, received()]);
    for (const peer of peers) peer[Symbol.dispose]();
  });
}

Deno.test("purge needs the permission admin for its topic", async () => {
  await using server = await openServer({
    auth: {
      tokens: [
        { token: "users", permissions: ["read", "write"] },
        { token: "some", permissions: ["admin"], prefixes: ["a."] },
      ],
    },
  });
  const outcome = async (token: string, topic: string) => {
    await using mq = await connect(server.url, { token });
    return await settled(mq.purge(topic));
  };
  assertEquals(await outcome("users", "a.b"), "error permission_denied");
  assertEquals(await outcome("some", "a.b"), 0);
  assertEquals(await outcome("some", "b"), "error permission_denied");
});

Deno.test("a purge in order with puts of its connection takes those before it, and leaves those behind it", async () => {
  await using server = await openServer();
  using raw = await RawClient.open(server.url);
  const put = (id: number) => ({ action: "put", id, topic: "t", body: `${id}` });
  const replies = await raw.request([
    put(1),
    put(2),
    { action: "purge", id: 3, topic: "t" },
    put(4),
  ]);
  assertEquals(
    replies.map(({ seq, purged }: { seq?: number; purged?: number }) => seq ?? -purged!),
    [1, 2, -2, 3],
  );
  const got = await raw.request({ action: "get", id: 5, topic: "t", since: "start" });
  assertEquals(got.body, "4");
});

Deno.test("a purge of very many messages lets others have their turn, and counts them all", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  const count = 30_000;
  // Alone in their rows: two topics alternate.
  for (let i = 0; i < count; i += 10_000) {
    const puts = Array.from({ length: 20_000 }, (_, k) => mq.put(k % 2 ? "t" : "u", "x"));
    await Promise.all(puts);
  }
  await using other = await connect(server.url);
  const purging = mq.purge("t");
  let answered = 0;
  const isDone = purging.then(() => true);
  while (!await Promise.race([isDone, other.topics("u").then(() => false)])) answered++;
  assertEquals(await purging, count);
  assert(answered > 1, `${answered} other requests were answered meanwhile`);
  assertEquals((await mq.topics()).map(({ topic, messages }) => [topic, messages]), [["u", count]]);
});

Deno.test("a purge whose connection breaks before the answer is not sent again, and a disconnect is", async () => {
  const server = new ScriptedServer();
  await using mq = await connect(server.url, { dial: server.dial, reconnect: { minDelay: 1 } });
  const purging = settled(mq.purge("t"));
  const disconnecting = settled(mq.disconnect("bcdf-1"));
  assertEquals([(await server.next()).action, (await server.next()).action], [
    "purge",
    "disconnect",
  ]);
  server.hangUp(1006);
  assertEquals(await purging, "error unknown_outcome");
  const again = await server.next();
  assertEquals(again.action, "disconnect");
  // It was closed by the first request.
  await server.send({ id: again.id, error: { code: "not_found", message: "Cannot disconnect" } });
  assertEquals(await disconnecting, undefined);
});

Deno.test("a purge whose connection ends before the answer has an unknown outcome, and its errors name the topic", async () => {
  const server = new ScriptedServer();
  await using mq = await connect(server.url, { dial: server.dial, reconnect: false });
  const refused = mq.purge("t").catch((error) => error);
  const { id } = await server.next();
  await server.send({ id, error: { code: "permission_denied", message: "Cannot purge" } });
  const { code, topic } = await refused;
  assertEquals([code, topic], ["permission_denied", "t"]);
  const purging = mq.purge("t").catch((error) => error);
  await server.next();
  server.hangUp(1006);
  const unknown = await purging;
  assertEquals([unknown.code, unknown.topic], ["unknown_outcome", "t"]);
  assertStringIncludes(unknown.message, "Cannot tell what was purged: ");
  // One that was never sent has purged nothing.
  const late = await mq.purge("t").catch((error) => error);
  assertEquals([late.code, late.topic], ["closed", "t"]);
});

Deno.test("once a purge is acknowledged, its text is in no file of the server", async () => {
  const path = `${folder}/erased.db`;
  await using server = await openServer({ store: `sqlite:${path}` });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["very secret", "x".repeat(50_000) + "very secret"]);
  await mq.put("u", "not secret");
  const texts = () =>
    ["", "-wal"].map((end) => new TextDecoder("latin1").decode(Deno.readFileSync(path + end)))
      .join();
  assert(texts().includes("very secret"));
  await mq.purge("t");
  assert(!texts().includes("very secret"));
  assert(texts().includes("not secret"));
});
