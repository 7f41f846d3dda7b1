/**
 * Puts over breaks: stored once, in their order, or reported with an unknown outcome.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { inMemory, reconnect, settled, store, testServer, turns } from "../support/bridge.ts";
import { closeAll, connectedPair, disconnect, reconnectTo } from "../support/connected_pair.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { QueueFile } from "../support/queue_file.ts";
import { RawClient } from "../support/raw_client.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const RETENTION = 60_000;
const SESSION_ID = "a-session-of-a-test";

/** All messages of a topic. */
async function contents(host: Parameters<typeof connectedPair>[0], topic = "t"): Promise<string[]> {
  const { mq } = await connectedPair(host, { since: "start" });
  const bodies: string[] = [];
  for (let message; (message = await mq.read(topic)) !== undefined;) bodies.push(message.body);
  await mq.close();
  return bodies;
}

for (const dedupComplete of [undefined, false]) {
  Deno.test(`what was sent to a server without complete deduplication is not sent again (dedupComplete: ${dedupComplete})`, async () => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, dedupComplete };
    const mq = await connect(script.url, { dial: script.dial, reconnect });
    const calls = [mq.put("t", "once"), mq.putMany("t", ["a", "b"])].map((work) =>
      settled<unknown>(work)
    );
    await script.next();
    script.hangUp();
    assertEquals(await Promise.all(calls), ["error unknown_outcome", "error unknown_outcome"]);
    // The next one that comes is what is put now.
    const later = settled(mq.put("t", "later"));
    const { body, id } = await withTimeout(
      script.next().then(async (request) =>
        // The earlier list may have been sent in a frame of its own.
        request.bodies ? await script.next() : request
      ),
    );
    assertEquals(body, "later");
    await script.send({ id, seq: 9 });
    assertEquals(await later, 9);
    await withTimeout(mq.close());
  });
}

for (const code of ["unavailable", "busy", "permission_denied", "full"]) {
  Deno.test(`a put that is repeated may be stored, unless the server has looked: ${code}`, async () => {
    const script = new ScriptedServer();
    script.welcome = { ...WELCOME, dedupComplete: true };
    const mq = await connect(script.url, { dial: script.dial, reconnect });
    const error = { code, message: "Cannot put" };
    const answer = async (details: object = {}) => {
      const { id } = await withTimeout(script.next());
      await script.send({ id, error: { ...error, ...details } });
    };
    for (const count of [1, 2]) {
      const bodies = ["1", "2"].slice(0, count);
      const put = settled<unknown>(count === 1 ? mq.put("t", "1") : mq.putMany("t", bodies));
      await script.next();
      script.hangUp();
      await answer(count === 1 ? {} : { outcomes: [7, error] });
      assertEquals(await put, `error ${code === "full" ? code : "unknown_outcome"}`);
    }
    // One that is sent for the first time is not stored.
    const next = settled(mq.put("t", "4"));
    await answer();
    assertEquals(await next, `error ${code}`);
    await withTimeout(mq.close());
  });
}

Deno.test("a put that was never sent goes on, even if the server remembers nothing", async () => {
  const script = new ScriptedServer();
  script.welcome = { ...WELCOME, limits: { ...DEFAULT_LIMITS, inFlight: 1 } };
  const mq = await connect(script.url, { dial: script.dial, reconnect });
  const [sent, unsent] = [mq.put("t", "sent"), mq.put("u", "kept")].map((work) => settled(work));
  await script.next();
  script.hangUp();
  assertEquals(await sent, "error unknown_outcome");
  const { id, body } = await withTimeout(script.next());
  assertEquals(body, "kept");
  await script.send({ id, seq: 3 });
  assertEquals(await unsent, 3);
  await withTimeout(mq.close());
});

Deno.test("a refused put is not stored behind a later one of its session, even if nobody received either answer", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION, { storedBytes: 330 }), clock);
  const { bridge, mq } = await connectedPair(host);
  await store(host, "old", "x", "y", "z"); // It is full.
  bridge.passes = () => false;
  const first = settled(mq.put("t", "first")); // It is refused.
  await turns();
  clock.advance(RETENTION); // There is room again.
  const second = settled(mq.put("t", "second")); // It is stored.
  await turns();
  bridge.passes = () => true;
  bridge.cut();
  assertEquals([await first, await second], ["error superseded", 4]);
  assertEquals(await contents(host), ["second"]);
  await closeAll(mq, host);
});

Deno.test("the same with lists: what was refused of one is superseded, and what was stored is known", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION, { storedBytes: 330 }), clock);
  const { bridge, mq } = await connectedPair(host);
  await store(host, "old", "x", "y");
  bridge.passes = () => false;
  // There is room for one.
  const first = mq.putMany("t", ["1", "2"]).catch((error) => error.outcomes);
  await turns();
  clock.advance(RETENTION);
  const second = settled(mq.putMany("t", ["3", "4"]));
  await turns();
  bridge.passes = () => true;
  bridge.cut();
  const [stored, refused] = await withTimeout(first);
  assertEquals([stored, refused.code], [3, "superseded"]);
  assertEquals(await second, [4, 5]);
  await closeAll(mq, host);
});

Deno.test("a refused put that no later one follows is sent again, and stored when there is room", async () => {
  const clock = new ManualClock();
  const host = await testServer(inMemory(clock, RETENTION, { storedBytes: 330 }), clock);
  const { bridge, mq } = await connectedPair(host);
  await store(host, "old", "x", "y", "z");
  bridge.passes = () => false;
  const put = settled(mq.put("t", "only"));
  await turns();
  clock.advance(RETENTION);
  bridge.passes = () => true;
  bridge.cut();
  assertEquals(await put, 4);
  assertEquals(await contents(host), ["only"]);
  await closeAll(mq, host);
});

for (const [what, lose] of [["the puts were", "up"], ["the answers were", "down"]] as const) {
  Deno.test(`puts of which ${what} lost are stored once, and in their order`, async () => {
    const host = await testServer(inMemory());
    const { bridge, mq } = await connectedPair(host);
    if (lose === "up") bridge.passesUp = () => false;
    else bridge.passes = () => false;
    const calls = [
      mq.put("t", "1"),
      mq.putMany("t", ["2", "3"]),
      mq.put("other", "4"),
      mq.put("t", "5"),
    ].map((work) => settled<unknown>(work));
    await turns();
    bridge.passes = bridge.passesUp = () => true;
    bridge.cut();
    assertEquals(await Promise.all(calls), [1, [2, 3], 4, 5]);
    assertEquals(await contents(host), ["1", "2", "3", "5"]);
    await closeAll(mq, host);
  });
}

Deno.test("a stored put is known to a server that was restarted on its file, and unknown to one in memory", async () => {
  await using file = new QueueFile();
  for (const kind of ["file", "memory"]) {
    const open = () => testServer(kind === "file" ? file.open() : inMemory());
    let host = await open();
    const { bridge, mq } = await connectedPair(host);
    bridge.passes = () => false;
    const put = settled(mq.put("t", "once"));
    await turns();
    disconnect(bridge);
    await host[Symbol.asyncDispose]();
    host = await open();
    bridge.passes = () => true;
    bridge.host = host;
    assertEquals(await put, kind === "file" ? 1 : "error unknown_outcome");
    assertEquals(await contents(host), kind === "file" ? ["once"] : []);
    await closeAll(mq, host);
  }
});

Deno.test("what was put at one server is not put again at another that does not know it", async () => {
  const [one, two] = [await testServer(inMemory()), await testServer(inMemory())];
  const { bridge, mq } = await connectedPair(one);
  bridge.passes = () => false;
  const put = settled(mq.put("t", "m"));
  await turns();
  bridge.passes = () => true;
  await reconnectTo(bridge, mq, two);
  assertEquals(await put, "error unknown_outcome");
  assertEquals([await contents(one), await contents(two)], [["m"], []]);
  await closeAll(mq, one, two);
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a put is stored once, even if the restarted server requires a token (${transport})`, async () => {
    await using file = new QueueFile();
    const token = "secret-of-a-test";
    const options = { store: `sqlite:${file.path}` as const, transport };
    let server = await openServer(options);
    const { port } = server;
    const sockets: WebSocket[] = [];
    let losing = false;
    const mq = await connect(server.url, {
      token,
      reconnect,
      dial(url, protocols) {
        const socket = new WebSocket(url, protocols);
        sockets.push(socket);
        // Before the client listens: so it does not notice.
        socket.addEventListener("message", (event) => {
          if (losing) event.stopImmediatePropagation();
        });
        return socket;
      },
    });
    losing = true;
    const put = settled(mq.put("t", "once"));
    await using watcher = await connect(server.url, { since: "start" });
    assertEquals(await watcher.getWait("t"), "once");
    await watcher.close();
    await server.shutdown();
    server = await openServer({ ...options, port, auth: token });
    losing = false;
    assertEquals(await put, 1);
    assertEquals(server.stats().stored, 0);
    await withTimeout(mq.close());
    await server.shutdown();
  });
}

Deno.test("a session is the same with a token and without one", async () => {
  await using file = new QueueFile();
  const storeOption = { store: `sqlite:${file.path}` as const };
  const put = { action: "put", id: 2, topic: "t", body: "once", n: 1 };
  const hello = { action: "hello", id: 1, session: SESSION_ID, try: 1 };
  const again = { ...hello, try: 2 };
  let server = await openServer(storeOption);
  {
    await using client = await RawClient.open(server.url);
    await client.request(hello);
    assertEquals(await client.request(put), { id: 2, seq: 1 });
  }
  await server.shutdown();
  const token = "one-token-of-a-test";
  const auth = { tokens: [{ token }], anonymous: { permissions: ["read"] as const } };
  server = await openServer({ ...storeOption, auth });
  {
    await using client = await RawClient.open(server.url);
    await client.request({ ...again, token });
    assertEquals(await client.request(put), { id: 2, seq: 1, dup: true });
  }
  await server.shutdown();
  server = await openServer(storeOption);
  {
    await using client = await RawClient.open(server.url);
    await client.request({ ...again, try: 3 });
    assertEquals(await client.request(put), { id: 2, seq: 1, dup: true });
  }
  await server.shutdown();
});
