/**
 * Several histories: restored files, copies, and servers with a history each.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { inMemory, settled, store, type TestServer, testServer } from "../support/bridge.ts";
import {
  closeAll,
  connectedPair,
  disconnect,
  letReconnect,
  nextBody,
  reconnectTo,
} from "../support/connected_pair.ts";
import { QueueFile } from "../support/queue_file.ts";

/** A client of a queue in a file, and what it does to both. */
async function fileSetup() {
  const file = new QueueFile();
  let host = await testServer(file.open());
  const { bridge, mq } = await connectedPair(host, { since: "start" });
  return {
    file,
    bridge,
    mq,
    put: (...messages: string[]) => store(host, "t", ...messages),
    get: () => settled(mq.get("t")),
    /** Stops the server and starts it on what is in the folder, after a change to that; the client is disconnected. */
    async restart(change = () => {}) {
      disconnect(bridge);
      await host[Symbol.asyncDispose]();
      change();
      host = await testServer(file.open());
    },
    /** Lets the client reconnect. */
    back: () => letReconnect(bridge, mq, host),
    async [Symbol.asyncDispose]() {
      await closeAll(mq, host);
      await file[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a file that is opened again is the same history: reading continues, and nothing is reported", async () => {
  await using setup = await fileSetup();
  await setup.put("m1", "m2");
  assertEquals(await setup.get(), "m1");
  for (const more of ["m3", "m4"]) {
    await setup.restart();
    await setup.put(more);
    await setup.back();
  }
  const got = [await setup.get(), await setup.get(), await setup.get(), await setup.get()];
  assertEquals(got, ["m2", "m3", "m4", ""]);
});

for (const second of [false, true]) {
  const more = second ? ", and a second break before it is read" : "";
  Deno.test(`if a file lost its newest messages, as in a power failure, the loss is reported${more}`, async () => {
    await using setup = await fileSetup();
    const { file } = setup;
    await setup.put("m1", "m2");
    file.copy("before");
    await setup.put("m3", "m4");
    for (const message of ["m1", "m2", "m3", "m4"]) assertEquals(await setup.get(), message);
    await setup.restart(() => file.bringBack("before"));
    await setup.back();
    await setup.put("n3", "n4", "n5");
    if (second) await reconnectTo(setup.bridge, setup.mq);
    const got = [await setup.get(), await setup.get(), await setup.get(), await setup.get()];
    assertEquals(got, ["error ahead", "n3", "n4", "n5"]);
  });
}

Deno.test("an older file that was closed and is restored is another history, each time anew", async () => {
  await using setup = await fileSetup();
  const { file } = setup;
  await setup.put("m1", "m2");
  await setup.restart(() => file.copy("closed"));
  await setup.back();
  await setup.put("m3", "m4");
  for (const message of ["m1", "m2", "m3", "m4"]) assertEquals(await setup.get(), message);
  for (const name of ["x", "y"]) {
    await setup.restart(() => file.bringBack("closed"));
    await setup.put(`${name}3`, `${name}4`, `${name}5`);
    await setup.back();
    const code = await setup.get();
    assert(code === "error epoch_changed" || code === "error ahead", `${name}: ${code}`);
    const rest = [];
    for (let got; (got = await setup.get()) !== "";) rest.push(got);
    // Nothing that is there is skipped; what both had in common may be read again.
    assertEquals(rest.slice(-3), [`${name}3`, `${name}4`, `${name}5`]);
    assertEquals(rest.slice(0, -3), ["m1", "m2"].slice(2 - (rest.length - 3)));
  }
});

Deno.test("two servers on copies of one file are two histories from there on", async () => {
  await using file = new QueueFile();
  await using other = new QueueFile();
  const first = await testServer(file.open());
  await store(first, "t", "m1", "m2");
  await first[Symbol.asyncDispose]();
  for (const extra of ["", "-wal", "-shm"]) {
    try {
      Deno.copyFileSync(file.path + extra, other.path + extra);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const [one, two] = [await testServer(file.open()), await testServer(other.open())];
  const { bridge, mq } = await connectedPair(one, { since: "start" });
  await store(one, "t", "one 3", "one 4");
  await store(two, "t", "two 3", "two 4", "two 5");
  const got: string[] = [];
  for (let i = 0; i < 4; i++) got.push(await settled(mq.get("t")));
  await reconnectTo(bridge, mq, two);
  const code = await settled(mq.get("t"));
  const rest: string[] = [];
  for (let message; (message = await settled(mq.get("t"))) !== "";) rest.push(message);
  await closeAll(mq, one, two);
  assertEquals(got, ["m1", "m2", "one 3", "one 4"]);
  assert(code === "error epoch_changed" || code === "error ahead", code);
  assertEquals(rest.slice(-3), ["two 3", "two 4", "two 5"]);
});

Deno.test("a subscription is told of an older file as well, and continues as its onGap says", async () => {
  await using setup = await fileSetup();
  const { file, mq } = setup;
  await setup.put("m1", "m2");
  file.copy("before");
  await setup.put("m3");
  const plain = mq.subscribe("t", { since: "start" });
  const gaps: string[] = [];
  const going = mq.subscribe("t", {
    since: "start",
    onGap: ({ code }) => (gaps.push(code), "oldest"),
  });
  for (const stream of [plain, going]) {
    for (const message of ["m1", "m2", "m3"]) assertEquals(await nextBody(stream), message);
  }
  await setup.restart(() => file.bringBack("before"));
  await setup.put("n3", "n4", "n5");
  await setup.back();
  assertEquals(await nextBody(plain), "error ahead");
  const got = [await nextBody(going), await nextBody(going), await nextBody(going)];
  assertEquals([gaps, got], [["ahead"], ["n3", "n4", "n5"]]);
  await going.return!();
});

Deno.test("between two servers with a history each, reading continues at each where it was", async () => {
  const [one, two] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(one, { since: "start" });
  await store(one, "t", "a1", "a2", "a3", "a4");
  await store(two, "t", "b1", "b2", "b3");
  const get = () => settled(mq.get("t"));
  assertEquals([await get(), await get()], ["a1", "a2"]);
  await reconnectTo(bridge, mq, two);
  assertEquals([await get(), await get()], ["error epoch_changed", "b1"]);
  await reconnectTo(bridge, mq, one);
  assertEquals(await get(), "a3");
  await reconnectTo(bridge, mq, two);
  assertEquals([await get(), await get()], ["b2", "b3"]);
  await reconnectTo(bridge, mq, one);
  assertEquals([await get(), await get()], ["a4", ""]);
  await closeAll(mq, one, two);
});

Deno.test("a stream continues at each of two servers where it was there", async () => {
  const [one, two] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(one);
  const gaps: string[] = [];
  const stream = mq.subscribe("t", {
    since: "start",
    onGap: ({ code }) => (gaps.push(code), "oldest"),
  });
  const got: string[] = [];
  let puts = 0;
  for (const host of [one, two, one, two, one]) {
    if (bridge.host !== host) await reconnectTo(bridge, mq, host);
    await store(host, "t", `${++puts}`);
    got.push(await nextBody(stream));
    // Of what it missed there nothing is skipped.
    await store(host, "t", `${++puts}`);
    got.push(await nextBody(stream));
  }
  assertEquals(got, Array.from({ length: 10 }, (_, i) => `${i + 1}`));
  assertEquals(gaps, ["epoch_changed"]);
  await stream.return!();
  await closeAll(mq, one, two);
});

Deno.test("a stream that moves between two servers skips nothing that came to one while it was at the other", async () => {
  const [one, two] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(one);
  const stream = mq.subscribe("t", { since: "start", onGap: "oldest" });
  await store(one, "t", "a1");
  assertEquals(await nextBody(stream), "a1");
  await store(two, "t", "b1", "b2");
  await reconnectTo(bridge, mq, two);
  assertEquals([await nextBody(stream), await nextBody(stream)], ["b1", "b2"]);
  await store(one, "t", "a2", "a3");
  await reconnectTo(bridge, mq, one);
  assertEquals([await nextBody(stream), await nextBody(stream)], ["a2", "a3"]);
  await stream.return!();
  await closeAll(mq, one, two);
});

Deno.test("back at its first server, a topic that a client read only elsewhere is read from its start there", async () => {
  const [one, two] = [await testServer(inMemory()), await testServer(inMemory())];
  await store(one, "t", "older than the connection");
  const { bridge, mq } = await connectedPair(one);
  await store(one, "t", "a1");
  await reconnectTo(bridge, mq, two);
  await store(two, "t", "b1");
  assertEquals([await settled(mq.get("t")), await settled(mq.get("t"))], [
    "error epoch_changed",
    "b1",
  ]);
  await reconnectTo(bridge, mq, one);
  assertEquals([await settled(mq.get("t")), await settled(mq.get("t"))], ["a1", ""]);
  await closeAll(mq, one, two);
});

Deno.test("positions of more histories than are kept are reported as lost, and nothing is skipped", async () => {
  const hosts: TestServer[] = [];
  for (let i = 0; i < 6; i++) hosts.push(await testServer(inMemory()));
  const { bridge, mq } = await connectedPair(hosts[0]!, { since: "start" });
  const read = async () => {
    const got: string[] = [];
    for (let message; (message = await settled(mq.get("t"))) !== "";) got.push(message);
    return got;
  };
  for (const [i, host] of hosts.entries()) {
    if (i > 0) await reconnectTo(bridge, mq, host);
    await store(host, "t", `${i}`);
    assertEquals(await read(), i === 0 ? ["0"] : ["error epoch_changed", `${i}`]);
  }
  // The last three before are still known.
  for (const [i, known] of [[4, true], [3, true], [0, false]] as const) {
    await reconnectTo(bridge, mq, hosts[i]!);
    await store(hosts[i]!, "t", "more");
    assertEquals(await read(), known ? ["more"] : ["error epoch_changed", `${i}`, "more"]);
  }
  await closeAll(mq, ...hosts);
});

Deno.test("several topics between two servers: each is told of the other history once, whichever is read first", async () => {
  const [one, two] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(one, { since: "start" });
  const topics = ["a", "b", "c"];
  for (const topic of topics) await store(one, topic, `${topic}1`, `${topic}2`);
  for (const topic of ["a", "b"]) assertEquals(await mq.get(topic), `${topic}1`);
  for (const topic of topics) await store(two, topic, `${topic}x`);
  await reconnectTo(bridge, mq, two);
  const get = (topic: string) => settled(mq.get(topic));
  assertEquals([await get("c"), await get("c")], ["error epoch_changed", "cx"]);
  await reconnectTo(bridge, mq, two);
  assertEquals([await get("b"), await get("b"), await get("b")], [
    "error epoch_changed",
    "bx",
    "",
  ]);
  await reconnectTo(bridge, mq, one);
  assertEquals([await get("a"), await get("b"), await get("c")], ["a2", "b2", "c1"]);
  await reconnectTo(bridge, mq, two);
  assertEquals([await get("a"), await get("a"), await get("b"), await get("c")], [
    "error epoch_changed",
    "ax",
    "",
    "",
  ]);
  await closeAll(mq, one, two);
});
