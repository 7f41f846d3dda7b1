/**
 * Where servers share a log: what a client is told is what anybody was told before, at any server.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection, type ConnectionInfo, type DsmqError } from "@dsmq/server";
import { type HttpServer, problemOf } from "../support/http_server.ts";
import { behindError, FencedStore } from "../support/fenced_store.ts";
import { RawClient } from "../support/raw_client.ts";
import { UPGRADE } from "../support/raw_socket.ts";
import { requests1x } from "../support/requests_1x.ts";
import { testStores } from "../support/store_servers.ts";

/** What asks, and what it gets if `hello` is the one message of the topic `t`. */
interface Question {
  ask(mq: Connection, server: HttpServer): Promise<unknown>;
  readonly answer: unknown;
}

const json = { headers: { accept: "application/json" } };

const bodies = (page: { readonly messages: readonly { readonly body: string }[] }) =>
  page.messages.map(({ body }) => body);

/** All that answers with what is there now. */
const QUESTIONS: Readonly<Record<string, Question>> = {
  get: { ask: (mq) => mq.get("t"), answer: "hello" },
  "gets in one frame": {
    ask: (mq) => Promise.all([mq.get("t"), mq.get("t"), mq.get("u")]),
    answer: ["hello", "", ""],
  },
  getLatest: { ask: (mq) => mq.getLatest("t"), answer: "hello" },
  read: { ask: (mq) => mq.read("t").then((message) => message?.body), answer: "hello" },
  "getWait, before it waits": { ask: (mq) => mq.getWait("t", { timeout: 1 }), answer: "hello" },
  topics: { ask: (mq) => mq.topics().then((all) => all.map(({ topic }) => topic)), answer: ["t"] },
  "GET of a message": {
    ask: (_, server) => server.get("/topics/t").then((response) => response.text()),
    answer: "hello",
  },
  "GET of a page": {
    ask: (_, server) =>
      server.get("/messages?after=start", json).then(async (page) => bodies(await page.json())),
    answer: ["hello"],
  },
  "GET of the topics": {
    ask: (_, server) =>
      server.get("/topics").then(async (response) =>
        (await response.json()).topics.map(({ topic }: { topic: string }) => topic)
      ),
    answer: ["t"],
  },
};

for (const [name, { ask, answer }] of Object.entries(QUESTIONS)) {
  testStores(`${name}: finds what came from another server while it was asked`, async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    await using mq = await connect(server.url);
    store.fences = 0;
    store.onFence = async () => {
      store.onFence = () => {};
      await store.arrive("t", "hello");
    };
    assertEquals(await ask(mq, server), answer);
    assertEquals(store.fences, 1);
  });
}

testStores("what is put and streamed needs no fence", async (serve) => {
  const store = new FencedStore();
  await using server = await serve(store);
  await using mq = await connect(server.url);
  store.fences = 0;
  const stream = mq.subscribe("t");
  const waiting = mq.getWait("u", { timeout: 60_000 });
  const isOpen = async () => {
    const [{ subscriptions, waits = 0 }] = await mq.connections() as [ConnectionInfo];
    return subscriptions + waits === 2;
  };
  while (!await isOpen());
  const asked = store.fences;
  assertEquals(asked, 1);
  await mq.putMany("t", ["1", "2"]);
  await mq.put("u", "3");
  assertEquals(await waiting, "3");
  for (const text of ["1", "2"]) assertEquals((await stream.next()).value?.body, text);
  await store.arrive("t", "4");
  assertEquals((await stream.next()).value?.body, "4");
  assertEquals(store.fences, asked);
});

testStores(
  "who connects reads nothing that anybody was told of before, at whatever server",
  async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    store.onFence = () => store.arrive("t", "before");
    await using mq = await connect(server.url);
    assertEquals(store.fences, 1);
    store.onFence = () => {};
    await store.arrive("t", "after");
    assertEquals(await mq.get("t"), "after");
  },
);

testStores(
  "a stream that begins now does not bring what anybody was told of before",
  async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    await using mq = await connect(server.url, { since: "start" });
    store.onFence = async () => {
      store.onFence = () => {};
      await store.arrive("t", "before");
    };
    const stream = mq.subscribe("t", { since: "now" });
    while ((await mq.connections())[0]!.subscriptions < 1) await Promise.resolve();
    await store.arrive("t", "after");
    assertEquals((await stream.next()).value?.body, "after");
  },
);

testStores("nor does one over plain HTTP, and a position after now is behind it", async (serve) => {
  const store = new FencedStore();
  await using server = await serve(store);
  store.onFence = () => store.arrive("t", "before");
  const events = await server.get("/topics/t", { headers: { accept: "text/event-stream" } });
  const page = await server.get("/topics/t?after=now", json);
  assertEquals(bodies(await page.json()), []);
  store.onFence = () => {};
  await store.arrive("t", "after");
  const after = await server.get(`/topics/t?after=${page.headers.get("dsmq-position")}`);
  assertEquals(await after.text(), "after");
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("after")) text += (await reader.read()).value;
  // Those of the page came after its beginning.
  assertEquals(text.match(/before/g)?.length, 2);
  await reader.cancel();
});

/** All that goes on from a position without a fence, and the first message that it brings. */
const RESUMED: Readonly<
  Record<string, (server: HttpServer, position: string) => Promise<string | undefined>>
> = {
  async "a connection"(server, position) {
    await using mq = await connect(server.url, { since: position });
    const stream = mq.subscribe("t");
    return (await stream.next()).value?.body;
  },
  async "a stream"(server, position) {
    await using mq = await connect(server.url);
    return (await mq.subscribe("t", { since: position }).next()).value?.body;
  },
  async "events"(server, position) {
    const headers = { accept: "text/event-stream", "last-event-id": position };
    const events = await server.get("/topics/t", { headers });
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!/^data: {/m.test(text)) text += (await reader.read()).value;
    await reader.cancel();
    return JSON.parse(/^data: ({.*)$/m.exec(text)![1]!).body;
  },
};

for (const [name, resume] of Object.entries(RESUMED)) {
  testStores(
    `${name}: what another server has told is waited for, and is not ahead`,
    async (serve) => {
      const store = new FencedStore();
      await using server = await serve(store);
      await store.arrive("t", "1");
      const position = `${store.epoch}:3`;
      store.onFence = async () => {
        // The fence of a new connection does not count.
        if (name !== "events" && store.fences === 1) return;
        store.onFence = () => {};
        for (const text of ["2", "3", "4"]) await store.arrive("t", text);
      };
      assertEquals(await resume(server, position), "4");
    },
  );
}

testStores("what no server has told is ahead", async (serve) => {
  const store = new FencedStore();
  await using server = await serve(store);
  const position = `${store.epoch}:${await store.arrive("t") + 1}`;
  const { status, code } = await problemOf(await server.get(`/topics/t?after=${position}`));
  assertEquals([status, code], [410, "ahead"]);
});

testStores("a fence that fails is the error of the request, and nothing is read", async (serve) => {
  const store = new FencedStore();
  await using server = await serve(store);
  await using mq = await connect(server.url, { reconnect: false });
  await store.arrive("t", "hello");
  store.onFence = () => Promise.reject(behindError());
  const codes = await Promise.all(
    [
      mq.read("t"),
      mq.read("t", { latest: true }),
      mq.topics(),
    ].map((asked) => asked.then(() => "answered", ({ code }: DsmqError) => code)),
  );
  assertEquals(codes, ["behind", "behind", "behind"]);
  const problem = await problemOf(await server.get("/topics/t"));
  assertEquals([problem.status, problem.code], [503, "behind"]);
  const upgrade = { Host: "localhost", ...UPGRADE };
  assertEquals((await RawClient.handshake(server.port, upgrade)).status, 503);
  const dsmq = { ...upgrade, "Sec-WebSocket-Protocol": "dsmq" };
  assertEquals(await (await RawClient.handshake(server.port, dsmq)).closeCode(), 1013);
  store.onFence = () => {};
  assertEquals(await mq.get("t"), "hello");
});

testStores(
  "a client of dsmq 1.x gets exactly one answer to each get, also if a fence fails",
  async (serve) => {
    const store = new FencedStore();
    await using server = await serve(store);
    await using raw = await RawClient.open(server.url);
    await store.arrive("t", "hello");
    store.onFence = () => Promise.reject(behindError());
    for (const request of [requests1x.get("t"), requests1x.getLatest("t")]) {
      const { message, error } = await raw.request(request);
      assertEquals([message, error.code], ["", "behind"]);
    }
    store.onFence = () => {};
    assertEquals(await raw.request(requests1x.get("t")), { message: "hello" });
    assertEquals(raw.unread, []);
  },
);
