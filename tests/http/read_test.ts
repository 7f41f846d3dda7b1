/**
 * `GET /topics/{topic}`, `GET /messages` and `GET /topics`: what is read, and from where it goes on.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { problemOf, testHttp } from "../support/http_server.ts";

/** What a response brings of a message: its text, and its number. */
async function messageOf(response: Response): Promise<[number, string, string | null]> {
  return [response.status, await response.text(), response.headers.get("dsmq-seq")];
}

testHttp(
  "the next message comes as it is, and its position leads to the one after it",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    await mq.putMany("t", ["one", "", "\0 🦊"]);
    let after = "start";
    for (const [i, text] of ["one", "", "\0 🦊"].entries()) {
      const response = await server.get(`/topics/t?after=${encodeURIComponent(after)}`);
      const { headers } = response;
      assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
      assertEquals(headers.get("x-content-type-options"), "nosniff");
      after = headers.get("dsmq-position")!;
      assertMatch(headers.get("dsmq-time")!, /^\d{13}$/);
      assertEquals(await messageOf(response), [200, text, `${i + 1}`]);
    }
    const empty = await server.get(`/topics/t?after=${after}`);
    assertEquals([empty.status, empty.headers.get("dsmq-position")], [204, after]);
    const now = await server.get("/topics/other?after=now");
    assertEquals([now.status, now.headers.get("dsmq-position")], [204, after]);
    assertEquals(await messageOf(await server.get("/topics/t")), [200, "one", "1"]);
    assertEquals(await messageOf(await server.get("/topics/t?after=1")), [200, "", "2"]);
    assertEquals(server.stats().delivered, 5);
  },
);

testHttp(
  "attributes of a message are headers, and what UTF-8 cannot carry is refused with the way to read it",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    const headers = { "content-type": "text/html; a=b", "Größe A%": "100% 🦊\n" };
    await mq.put("t", "x", { messageId: "m ü", key: "k", headers });
    const response = await server.get("/topics/t");
    assertEquals(await response.text(), "x");
    const found = [...response.headers].filter(([name]) => /^dsmq-(key|mess|head)/.test(name));
    assertEquals(Object.fromEntries(found), {
      "dsmq-header-content-type": "text/html;%20a=b",
      "dsmq-header-%47r%c3%b6%c3%9fe%20%41%25": "100%25%20%f0%9f%a6%8a%0a",
      "dsmq-key": "k",
      "dsmq-message-id": "m%20%c3%bc",
    });
    await mq.put("half", "a\ud800");
    await mq.put("halfheader", "a", { headers: { a: "\udc00" } });
    for (const topic of ["half", "halfheader"]) {
      const refused = await server.get(`/topics/${topic}`);
      const position = refused.headers.get("dsmq-position")!;
      const { status, detail } = await problemOf(refused);
      assertEquals([status, detail.includes("application/json")], [406, true]);
      assertEquals((await server.get(`/topics/${topic}?after=${position}`)).status, 204);
      const page = await server.get(`/topics/${topic}`, {
        headers: { accept: "application/json" },
      });
      const { messages: [message] } = await page.json();
      const { body, headers } = (await mq.read(topic))!;
      assertEquals([message.body, message.headers], [body, headers ?? undefined]);
    }
  },
);

testHttp(
  "a page has as many messages as it is asked for, and leads to the next one",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    await mq.putMany("t", ["1", "2", "3", "4", "5"]);
    const read: string[] = [];
    let after = "start";
    for (let i = 0; i < 4; i++) {
      const response = await server.get(`/topics/t?count=2&after=${after}`);
      const { messages, next } = await response.json();
      assertEquals(response.headers.get("dsmq-position"), next);
      read.push(messages.map(({ body }: { body: string }) => body).join());
      after = next;
    }
    assertEquals(read, ["1,2", "3,4", "5", ""]);
    const large = "x".repeat(200_000);
    await mq.putMany("large", [large, large, large]);
    const { messages } = await (await server.get("/topics/large?count=1000")).json();
    assertEquals(messages.length, 1);
  },
);

testHttp("all topics, or those with a prefix, are read in one order", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  for (const [i, topic] of ["a.1", "b", "a.2", "a.1"].entries()) await mq.put(topic, `${i}`);
  const accept = { headers: { accept: "application/json" } };
  const found = async (query: string) => {
    const { messages } = await (await server.get(`/messages${query}`, accept)).json();
    return messages.map(({ topic, body }: { topic: string; body: string }) => `${topic} ${body}`);
  };
  assertEquals(await found(""), ["a.1 0", "b 1", "a.2 2", "a.1 3"]);
  assertEquals(await found("?prefix=a."), ["a.1 0", "a.2 2", "a.1 3"]);
  assertEquals(await found("?prefix=a.&after=1"), ["a.2 2", "a.1 3"]);
  const one = await server.get("/messages?prefix=a.&after=2");
  assertEquals([one.headers.get("dsmq-topic"), await one.text()], ["a.2", "2"]);
});

testHttp("topics are listed in pages", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  for (const topic of ["a", "b1", "b2", "b3", "c"]) await mq.put(topic, topic);
  const list = async (query: string) => {
    const { topics, next } = await (await server.get(`/topics${query}`)).json();
    return [...topics.map(({ topic }: { topic: string }) => topic), next];
  };
  assertEquals(await list(""), ["a", "b1", "b2", "b3", "c", null]);
  assertEquals(await list("?prefix=b&count=2"), ["b1", "b2", "b2"]);
  assertEquals(await list("?prefix=b&count=2&after=b2"), ["b3", null]);
  const { topics: [first] } = await (await server.get("/topics")).json();
  assertEquals([first.topic, first.messages, first.seq], ["a", 1, 1]);
});

testHttp("a wait ends with the message that comes, or with none", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const none = await server.get("/topics/t?wait=0.05");
  assertEquals([none.status, /:0$/.test(none.headers.get("dsmq-position")!)], [204, true]);
  const waits = [
    server.get("/topics/t?wait=30"),
    server.get("/topics/t?wait=30&after=now"),
    server.get("/messages?prefix=t&wait=30"),
    server.get("/topics/t?wait=30&count=5").then((response) => response.json()),
  ] as const;
  for (const topic of ["other", "t"]) {
    // Each is there by the time that its connection is listed.
    while ((await mq.connections()).length < 5) await Promise.resolve();
    await mq.put(topic, `to ${topic}`);
  }
  const [oldest, newest, prefix, page] = await Promise.all(waits);
  assertEquals(await messageOf(oldest), [200, "to t", "2"]);
  assertEquals(await messageOf(newest), [200, "to t", "2"]);
  assertEquals(await messageOf(prefix), [200, "to t", "2"]);
  assertEquals(page.messages.length, 1);
  while ((await mq.connections()).length > 1) await Promise.resolve();
});

testHttp("a client that leaves ends its wait, and is not counted as refused", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const controller = new AbortController();
  const waiting = server.get("/topics/t?wait=3600", { signal: controller.signal });
  while ((await mq.connections()).length < 2) await Promise.resolve();
  controller.abort();
  await waiting.then(() => {}, () => {});
  while ((await mq.connections()).length > 1) await Promise.resolve();
  // It has left before this one came.
  await (await server.get("/topics")).body?.cancel();
  assertEquals(server.stats().refused, 0);
});

testHttp("what is gone is 410, with the position from which reading goes on", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  await mq.putMany("t", ["1", "2", "3"]);
  const position = (await mq.read("t"))!.position;
  await mq.purge("t", { before: 3 });
  const gone = await server.get(`/topics/t?after=${position}`);
  const problem = await problemOf(gone);
  assertEquals([problem.status, problem.code, problem.after, problem.last], [410, "trimmed", 1, 3]);
  assertEquals(problem.position, gone.headers.get("dsmq-position"));
  assertEquals(await messageOf(await server.get(`/topics/t?after=${problem.position}`)), [
    200,
    "3",
    "3",
  ]);
  const epoch = position.split(":")[0];
  const ahead = await problemOf(await server.get(`/topics/t?after=${epoch}:9`));
  assertEquals([ahead.status, ahead.code], [410, "ahead"]);
  const other = await problemOf(await server.get(`/topics/t?after=${"x".repeat(36)}:1`));
  assertEquals([other.status, other.code], [410, "epoch_changed"]);
  // Whoever reads from the start has missed nothing.
  assertEquals(await messageOf(await server.get("/topics/t")), [200, "3", "3"]);
  assertEquals(server.stats().refused, 0);
});

testHttp("a request that is not understood is refused with what it must be", async (open, kind) => {
  await using server = await open();
  const cases: [path: string, headers: Record<string, string>, status: number][] = [
    ["/topics/t?after=yesterday", {}, 400],
    ["/topics/t?wait=soon", {}, 400],
    ["/topics/t?wait=-1", {}, 400],
    ["/topics/t?wait=99999999", {}, 400],
    ["/topics/t?count=0", {}, 400],
    ["/topics/t?count=1001", {}, 400],
    ["/topics/t?aftr=start", {}, 400],
    ["/topics/t?wait=1&wait=2", {}, 400],
    ["/topics/t?access_token=x", {}, 400],
    ["/topics/t?token=x", {}, 400],
    ["/topics/t?wait=1", { accept: "text/event-stream" }, 400],
    ["/topics/t", { accept: "text/event-stream", "last-event-id": "x" }, 400],
    ["/topics/t", { accept: "image/png" }, 406],
    ["/topics/t?count=1", { accept: "text/plain" }, 406],
    ["/topics", { accept: "text/html" }, 406],
    ["/nothing", {}, 404],
    ["/topicsy", {}, 404],
  ];
  for (const [path, headers, status] of cases) {
    const problem = await problemOf(await server.get(path, { headers }));
    assertEquals(problem.status, status, `${path} ${JSON.stringify(headers)}`);
  }
  // The parser of hardened knows no other methods than those that are registered.
  const word = await server.get("/topics/t", { method: "constructor" });
  assertEquals((await problemOf(word)).status, kind === "hardened" ? 400 : 405);
  for (const method of ["PUT", "DELETE", "PATCH"]) {
    const refused = await server.get("/topics/t", { method });
    // Node reads no methods that it does not know.
    const isUnread = kind === "hardened" && method === "constructor";
    assertEquals(refused.headers.get("allow"), isUnread ? null : "GET, HEAD, POST, OPTIONS");
    assertEquals((await problemOf(refused)).status, isUnread ? 400 : 405);
  }
  const refused = await server.get("/messages", { method: "POST", body: "x" });
  assertEquals([(await problemOf(refused)).status, refused.headers.get("allow")], [
    405,
    "GET, HEAD, OPTIONS",
  ]);
});

testHttp("what a request must be is said in its own words", async (open) => {
  await using server = await open();
  const all = "text/plain, application/json, text/event-stream, application/x-ndjson";
  const cases: [path: string, accept: string, detail: string][] = [
    [
      "/topics/t?aftr=1",
      "*/*",
      'There is no parameter "aftr" here: it must be one of topic, after, wait, count',
    ],
    ["/topics/t", "image/png", `Accept must include one of ${all}`],
    [
      "/topics/t?count=1",
      "text/plain",
      "The parameter count is for a page: Accept must include application/json",
    ],
    [
      "/topics/t?wait=1",
      "text/event-stream",
      "The parameter wait is for a message or a page: a stream waits by itself",
    ],
  ];
  for (const [path, accept, detail] of cases) {
    const problem = await problemOf(await server.get(path, { headers: { accept } }));
    assertEquals(problem.detail, detail);
  }
});
