/**
 * How many readers a topic has, as lists of topics tell it: of all kinds, and until they end, however they do.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { type HttpServer, problemOf, testHttp } from "../support/http_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout } from "../support/with_timeout.ts";

interface Listed {
  readonly topic: string;
  readonly readers: number;
}

/** The readers of each topic, in the order of their names. */
async function readersOf(server: HttpServer, token?: string): Promise<number[]> {
  const headers: Record<string, string> = token === undefined
    ? {}
    : { authorization: `Bearer ${token}` };
  const response = await server.get("/topics", { headers });
  const { topics }: { topics: readonly Listed[] } = await response.json();
  return topics.map(({ readers }) => readers);
}

/** Waits until they are so. */
async function reach(server: HttpServer, expected: readonly number[], token?: string) {
  const reached = (async () => {
    while (`${await readersOf(server, token)}` !== `${expected}`) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  await withTimeout(reached);
}

/** Puts a message into each. */
async function fill(server: HttpServer, ...topics: string[]): Promise<void> {
  for (const topic of topics) await (await server.post(`/topics/${topic}`, "x")).body?.cancel();
}

testHttp("a topic has the readers of each kind that follow it, also by a prefix", async (open) => {
  await using server = await open();
  await fill(server, "a", "a.b", "b");
  assertEquals(await readersOf(server), [0, 0, 0]);
  await using mq = await connect(server.url);
  const leave = new AbortController();
  const { signal } = leave;
  const endings: Promise<unknown>[] = [];
  const loop = async (filter: string | { prefix: string }) => {
    for await (const _ of mq.subscribe(filter, { signal, since: "now" }));
  };
  const wait = (path: string) =>
    server.get(path, { signal }).then((response) => response.body?.cancel(), () => {});
  const steps: [begin: () => unknown, expected: number[]][] = [
    [() => endings.push(loop("a").catch(() => {})), [1, 0, 0]],
    [() => endings.push(loop({ prefix: "a." }).catch(() => {})), [1, 1, 0]],
    [() => endings.push(loop({ prefix: "" }).catch(() => {})), [2, 2, 1]],
    [() => endings.push(mq.getWait("b", { timeout: 60_000, signal }).catch(() => {})), [2, 2, 2]],
    [() => endings.push(mq.getWait("b", { timeout: 60_000, signal }).catch(() => {})), [2, 2, 3]],
    [() => endings.push(wait("/topics/a?after=now&wait=60")), [3, 2, 3]],
    [() => endings.push(wait("/messages?prefix=a&after=now&wait=60")), [4, 3, 3]],
  ];
  for (const [begin, expected] of steps) {
    begin();
    await reach(server, expected);
  }
  const events = await EventReader.events(`${server.origin}/topics/b`);
  const lines = await EventReader.lines(`${server.origin}/messages?prefix=b`);
  await reach(server, [4, 3, 5]);
  assertEquals((await mq.topics()).map(({ readers }) => readers), [4, 3, 5]);
  assertEquals((await mq.topics("b")).map(({ readers }) => readers), [5]);
  leave.abort();
  await Promise.all(endings);
  await reach(server, [0, 0, 2]);
  await events[Symbol.asyncDispose]();
  await lines[Symbol.asyncDispose]();
  await reach(server, [0, 0, 0]);
});

testHttp(
  "a reader without credit follows its topic until it ends by each of its ends",
  async (open) => {
    await using server = await open();
    await fill(server, "t", "t", "t");
    const subscribe = (id: number, more = {}) => ({
      ...{ action: "subscribe", id, since: "start", messages: 1, bytes: 1000 },
      ...more,
    });
    const client = await RawClient.open(server.url);
    await client.send(subscribe(1, { topic: "t" }));
    await client.send(subscribe(2, { prefix: "" }));
    await reach(server, [2]);
    await client.send({ action: "unsubscribe", id: 3, sub: 1 });
    await reach(server, [1]);
    // What has ended does not end again.
    await client.send({ action: "unsubscribe", id: 4, sub: 1 });
    await client.send(subscribe(5, { topic: "t" }));
    await reach(server, [2]);
    client[Symbol.dispose]();
    await reach(server, [0]);
  },
);

testHttp("a stream that a gap ends follows its topic no longer", async (open) => {
  await using server = await open();
  await fill(server, "t", "t", "t");
  await using mq = await connect(server.url);
  using client = await RawClient.open(server.url);
  const request = { ...{ action: "subscribe", id: 1, topic: "t", since: "start" }, bytes: 1000 };
  await client.send({ ...request, messages: 1 });
  await reach(server, [1]);
  await mq.purge("t", { before: 3 });
  await client.send({ action: "credit", id: 2, sub: 1, messages: 9, bytes: 1000 });
  await reach(server, [0]);
  // A stream over HTTP goes on behind it.
  await using events = await EventReader.events(`${server.origin}/topics/t`);
  await reach(server, [1]);
  await mq.put("t", "gone");
  await mq.purge("t", { before: 4 });
  await fill(server, "t");
  assertEquals(await events.told(1), ["gone"]);
  await reach(server, [1]);
});

testHttp("a wait follows its topic until it is answered, or its time is over", async (open) => {
  const clock = new ManualClock();
  await using server = await open({ clock });
  await fill(server, "t");
  using client = await RawClient.open(server.url);
  const now = { since: "now", topic: "t", timeout: 1000 };
  const wait = (id: number) => client.request({ action: "get_wait", id, ...now });
  const [first, second] = [wait(1), wait(2)];
  const http = server.get("/topics/t?after=now&wait=1");
  await reach(server, [3]);
  await fill(server, "t");
  await first;
  assertEquals(await (await http).text(), "x");
  await reach(server, [1]);
  const late = server.get("/topics/t?after=now&wait=1");
  await reach(server, [2]);
  clock.advance(1000);
  await second;
  assertEquals((await late).status, 204);
  await reach(server, [0]);
});

testHttp(
  "who may not read a topic any more does not follow it, and who may not list learns nothing",
  async (open) => {
    const watcher = { token: "watcher", permissions: ["read"] } as const;
    const reader = { token: "reader", permissions: ["read"] } as const;
    await using server = await open({ auth: { tokens: [watcher, reader, { token: "all" }] } });
    const authorization = "Bearer all";
    for (const topic of ["t", "u"]) {
      await (await server.post(`/topics/${topic}`, "x", { authorization })).body?.cancel();
    }
    await using mq = await connect(server.url, { token: "reader" });
    const loop = async (filter: string | { prefix: string }) => {
      for await (const _ of mq.subscribe(filter, { since: "now" }));
    };
    const headers = { authorization: "Bearer reader" };
    const endings = [
      loop("t").catch(() => {}),
      loop({ prefix: "" }).catch(() => {}),
      mq.getWait("t", { timeout: 60_000 }).catch(() => {}),
      server.get("/topics/t?after=now&wait=60", { headers }).then(problemOf),
    ];
    const events = await EventReader.events(`${server.origin}/topics/t`, headers);
    await reach(server, [5, 1], "watcher");
    await server.setAuth({ tokens: [watcher, { ...reader, topics: ["u"] }] });
    await Promise.all(endings);
    await reach(server, [0, 0], "watcher");
    assertEquals(await readersOf(server, "reader"), [0]);
    await events[Symbol.asyncDispose]();
  },
);
