/**
 * A client that begins at a position which another program saved, over breaks.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { inMemory, settled, store, testServer } from "../support/bridge.ts";
import { closeAll, connectedPair, nextBody, reconnectTo } from "../support/connected_pair.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";

const LOST = "9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90";

Deno.test("hello carries the position, and that all which is gone after it is missing", async () => {
  const script = new ScriptedServer();
  const options = { dial: script.dial, reconnect: { minDelay: 0, maxDelay: 0 } };
  await using mq = await connect(script.url, { ...options, since: `${LOST}:41` });
  const since = { after: 41, epoch: LOST, asOf: 0 };
  assertEquals(script.hello.since, since);
  // After a break the same again: the server, not the client, knows what became of that history.
  script.hangUp();
  const read = mq.get("t");
  await script.reply(await script.next());
  await read;
  assertEquals(script.hello.since, since);
  const stream = mq.subscribe("t", { since: `${LOST}:42` });
  const { since: from } = await script.next();
  assertEquals(from, { after: 42, epoch: LOST });
  await stream.return!();
});

Deno.test("that its history is gone is told once of each topic, however often the connection breaks before and after", async () => {
  const host = await testServer(inMemory());
  await store(host, "t", "1");
  await store(host, "u", "2");
  const { bridge, mq } = await connectedPair(host, { since: `${LOST}:41` });
  await reconnectTo(bridge, mq);
  assertEquals(await settled(mq.get("t")), "error epoch_changed");
  await reconnectTo(bridge, mq);
  assertEquals([await mq.get("t"), await mq.get("t")], ["1", ""]);
  assertEquals(await settled(mq.get("u")), "error epoch_changed");
  assertEquals(await mq.get("u"), "2");
  const stream = mq.subscribe("never read");
  assertEquals(await nextBody(stream), "error epoch_changed");
  await closeAll(mq, host);
});

Deno.test("that a number, or a position, was ahead is told once of each topic, however often the connection breaks and whatever is stored meanwhile", async () => {
  for (const isNumber of [true, false]) {
    const host = await testServer(inMemory());
    await store(host, "t", "1");
    const { epoch } = host.queue.store;
    const { bridge, mq } = await connectedPair(host, { since: isNumber ? 5 : `${epoch}:5` });
    assertEquals(await settled(mq.get("read before")), "error ahead");
    await reconnectTo(bridge, mq);
    await store(host, "t", "2", "3", "4", "5", "6", "7");
    await reconnectTo(bridge, mq);
    const error = await mq.get("t").catch((error) => error);
    assertEquals([error.code, error.after, error.message], [
      "ahead",
      5,
      "Cannot read on from 5: the last message of that history was 1",
    ]);
    // Nothing that was stored since is passed over.
    assertEquals(await mq.get("t"), "2");
    await reconnectTo(bridge, mq);
    assertEquals([await mq.get("t"), await mq.get("read before")], ["3", ""]);
    const stream = mq.subscribe({ prefix: "" });
    assertEquals([await nextBody(stream), await nextBody(stream)], ["error ahead", "(is done)"]);
    const other = mq.subscribe("u", { onGap: "oldest" });
    await store(host, "u", "of u");
    assertEquals(await nextBody(other), "of u");
    await closeAll(mq, host);
  }
});

Deno.test("a number that the server has is not told to be ahead later", async () => {
  // The server begins later, since something is gone, or just there.
  for (const since of [5, 7]) {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, start: 7 };
    const options = { dial: script.dial, reconnect: { minDelay: 0, maxDelay: 0 } };
    await using mq = await connect(script.url, { ...options, since });
    script.hangUp();
    const read = mq.get("t");
    await script.reply(await script.next());
    await read;
    assertEquals(script.hello.since, { after: 7, epoch: "e", asOf: 0 });
  }
});

Deno.test("a topic that begins at the position on a later connection misses nothing", async () => {
  const host = await testServer(inMemory());
  await store(host, "t", "1", "2");
  const { epoch } = host.queue.store;
  const { bridge, mq } = await connectedPair(host, { since: `${epoch}:1` });
  await reconnectTo(bridge, mq);
  await store(host, "t", "3");
  assertEquals([await mq.get("t"), await mq.get("t"), await mq.get("t")], ["2", "3", ""]);
  await closeAll(mq, host);
});

Deno.test("the messages of a subscription name the epoch in which each arrived", async () => {
  const first = await testServer(inMemory());
  const other = await testServer(inMemory());
  await store(first, "t", "1");
  await store(other, "t", "one");
  const { bridge, mq } = await connectedPair(first, { since: "start" });
  const stream = mq.subscribe("t", { onGap: "oldest" });
  // The first message is not taken before the second has come from another server.
  const { value } = await stream.next();
  await store(first, "t", "2");
  await store(first, "u", "");
  assertEquals(await mq.get("u"), "");
  await reconnectTo(bridge, mq, other);
  assertEquals(await settled(mq.get("t")), "error epoch_changed");
  const { value: second } = await stream.next();
  const { value: third } = await stream.next();
  assertEquals([value, second, third].map((message) => message!.position), [
    `${first.queue.store.epoch}:1`,
    `${first.queue.store.epoch}:2`,
    `${other.queue.store.epoch}:1`,
  ]);
  await closeAll(mq, first, other);
});

Deno.test("a position of a message that was kept for the next read names its own epoch", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: { minDelay: 0 } });
  const controller = new AbortController();
  const aborted = mq.getWait("t", { signal: controller.signal }).catch(() => {});
  const request = await script.next();
  controller.abort();
  await aborted;
  await script.reply(request, { seq: 1, body: "kept" });
  script.welcome = { ...WELCOME, epoch: "later" };
  const changes = mq.statusChanges();
  script.hangUp();
  for await (const { status } of changes) if (status === "reconnecting") break;
  while (mq.status !== "connected") await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals((await mq.read("t"))?.position, `${WELCOME.epoch}:1`);
});
