/**
 * Spans of what is put and delivered over the WebSocket.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { testHttp } from "../support/http_server.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { someTrace, takeSpans, takeSpanTexts } from "../support/recorded_spans.ts";

testHttp(
  "a put over the WebSocket is a span that continues the trace of its message, and without one a trace of its own",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    takeSpans();
    const { traceparent, link, id } = someTrace(1);
    await mq.put("orders", "traced", { headers: { traceparent } });
    await mq.put("orders", "plain");
    const [traced, plain, ...others] = takeSpans();
    assertEquals(others, []);
    assertEquals([traced?.name, traced?.kind, traced?.parent], ["put orders", "PRODUCER", id]);
    assertEquals([traced?.links, link.startsWith(traced!.trace)], [[link], true]);
    assertEquals(traced?.attributes, {
      "messaging.system": "dsmq",
      "messaging.operation.name": "put",
      "messaging.operation.type": "send",
      "messaging.destination.name": "orders",
    });
    assertEquals([plain?.name, plain?.parent, plain?.links], ["put orders", undefined, []]);
  },
);

Deno.test("putMany is one span, linked to each trace and part of none", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  takeSpans();
  const traces = [someTrace(1), someTrace(2)];
  const bodies = traces.map(({ traceparent }) => ({ body: "x", headers: { traceparent } }));
  await mq.putMany("t", [...bodies, "plain"]);
  const [put, ...others] = takeSpans();
  assertEquals([others, put?.parent], [[], undefined]);
  assertEquals(put?.links, traces.map(({ link }) => link));
  assertEquals(put?.attributes["messaging.batch.message_count"], 3);
});

Deno.test("a span has at most 128 links", async () => {
  await using server = await openServer();
  await using mq = await connect(server.url);
  takeSpans();
  const messages = Array.from({ length: 200 }, (_, i) => ({
    body: "x",
    headers: { traceparent: someTrace(i + 1).traceparent },
  }));
  await mq.putMany("t", messages);
  assertEquals(takeSpans().map(({ links }) => links.length), [128]);
});

Deno.test("a put that fails is an error with its code", async () => {
  await using server = await openServer({ limits: { topics: 1 } });
  await using mq = await connect(server.url);
  await mq.put("one", "x");
  takeSpans();
  const error = await mq.put("two", "x").catch(({ code }) => code);
  const [put] = takeSpans();
  assertEquals([put?.name, put?.isError, put?.attributes["error.type"]], ["put two", true, error]);
});

testHttp(
  "each way to read is a span where a message has a traceparent, and none where none has",
  async (open) => {
    await using server = await open();
    await using mq = await connect(server.url);
    const { traceparent, link, id } = someTrace(3);
    const reads: Readonly<Record<string, () => Promise<unknown>>> = {
      get: () => mq.get("t"),
      getLatest: () => mq.getLatest("t"),
      getWait: () => mq.getWait("t"),
      read: () => mq.read("t"),
    };
    for (const [name, read] of Object.entries(reads)) {
      for (const headers of [{ traceparent }, {}]) {
        await mq.put("t", "x", { headers });
        takeSpans();
        await read();
        const spans = takeSpans().map((
          { name, kind, links, parent },
        ) => [name, kind, links, parent]);
        const expected = "traceparent" in headers ? [["deliver t", "CONSUMER", [link], id]] : [];
        assertEquals(spans, expected, name);
      }
    }
  },
);

testHttp("what a stream brings at once is one span, of a topic or of many", async (open) => {
  await using server = await open();
  await using mq = await connect(server.url);
  const traces = [someTrace(1), someTrace(2)];
  await mq.putMany(
    "a.1",
    traces.map(({ traceparent }) => ({ body: "x", headers: { traceparent } })),
  );
  await mq.put("a.2", "last");
  takeSpans();
  const seen: string[] = [];
  for await (const { body } of mq.subscribe({ prefix: "a." }, { since: "start" })) {
    seen.push(body);
    if (body === "last") break;
  }
  const [deliver, ...others] = takeSpans();
  assertEquals([seen.length, others], [3, []]);
  assertEquals([deliver?.name, deliver?.kind, deliver?.parent], ["deliver", "CONSUMER", undefined]);
  assertEquals(deliver?.links, traces.map(({ link }) => link));
  assertEquals(deliver?.attributes, {
    "messaging.system": "dsmq",
    "messaging.operation.name": "deliver",
    "messaging.operation.type": "receive",
    "messaging.batch.message_count": 3,
  });
});

Deno.test("frames of dsmq 1.x have spans, too, and get what they always got", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  client.send({ action: "put", topic: "", message: "x" });
  client.send({ action: "get", topic: "" });
  assertEquals(await client.next(), { message: "x" });
  assertEquals(takeSpans().map(({ name }) => name), ["put"]);
});

testHttp("no span holds a text, a key, a header, a token or who a client is", async (open) => {
  const token = "secret-token-0123456789abcdef0123456789abcdef";
  const grant = {
    identity: "secret-identity",
    permissions: ["write", "read"],
    topics: ["t"],
  } as const;
  await using server = await open({
    auth: { verify: (given) => given === token ? grant : undefined },
  });
  const { traceparent } = someTrace(1);
  const secret = {
    authorization: `Bearer ${token}`,
    traceparent,
    baggage: "secret-baggage=1",
    tracestate: "secret=state",
    "user-agent": "secret-agent",
    "idempotency-key": "secret-id",
    "dsmq-header-traceparent": traceparent,
    "dsmq-header-other": "secret-header",
  };
  const bad = await server.post("/topics/t?key=secret-key&secret-query=1", "secret-body", secret);
  await bad.body?.cancel();
  const good = await server.post("/topics/t?key=secret-key", "secret-body", secret);
  assertEquals([bad.status, good.status], [400, 201]);
  await good.body?.cancel();
  await (await server.get("/topics/t", { headers: secret })).body?.cancel();
  await (await server.get("/secret-path", { headers: secret })).body?.cancel();
  await (await server.get("/topics/other", { headers: { authorization: "Bearer secret-wrong" } }))
    .body?.cancel();
  await using mq = await connect(server.url, { token });
  const headers = { traceparent, other: "secret-header", baggage: "secret-baggage=1" };
  await mq.put("t", "secret-body", { headers, key: "secret-key", messageId: "secret-id" });
  await mq.get("t");
  const text = takeSpanTexts();
  assertStringIncludes(text, '"deliver t"');
  assertStringIncludes(text, '"unauthorized"');
  assertEquals(text.match(/secret[^"]*/g), null);
});
