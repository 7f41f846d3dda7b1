/**
 * Spans of plain HTTP, over both transports and mounted.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { context, trace } from "@opentelemetry/api";
import { problemOf, testHttp } from "../support/http_server.ts";
import { openMounted } from "../support/mounted_server.ts";
import { quiet } from "../support/open_server.ts";
import { createHandler } from "../../server.ts";
import { someTrace, takeSpans } from "../support/recorded_spans.ts";

/** What all spans of messages have. */
const MESSAGING = { "messaging.system": "dsmq" };

testHttp(
  "a request continues the trace of its traceparent, and what it puts is a part of it",
  async (open) => {
    await using server = await open();
    const caller = someTrace(1);
    const message = someTrace(2);
    const response = await server.post("/topics/orders", "one", {
      traceparent: caller.traceparent,
      "dsmq-header-traceparent": message.traceparent,
    });
    assertEquals(response.status, 201);
    await response.body?.cancel();
    const [put, request] = takeSpans();
    assertEquals([request?.name, request?.kind], ["POST /topics/{topic}", "SERVER"]);
    assertEquals([`${request?.trace}-${request?.parent}`, request?.links], [caller.link, []]);
    assertEquals(request?.attributes, {
      "http.request.method": "POST",
      "url.scheme": "http",
      "http.route": "/topics/{topic}",
      "http.response.status_code": 201,
    });
    assertEquals([put?.name, put?.kind, put?.isError], ["put orders", "PRODUCER", false]);
    assertEquals([put?.trace, put?.parent, put?.links], [request!.trace, request!.id, [
      message.link,
    ]]);
    assertEquals(put?.attributes, {
      ...MESSAGING,
      "messaging.operation.name": "put",
      "messaging.operation.type": "send",
      "messaging.destination.name": "orders",
    });
  },
);

testHttp("lines are put in one span, with their number and a link to each trace", async (open) => {
  await using server = await open();
  const traces = [someTrace(1), someTrace(2)];
  const line = (i: number) =>
    JSON.stringify({ body: "x", headers: { traceparent: traces[i]!.traceparent } });
  const body = ['"plain"', line(0), line(0), line(1), '"plain"'].join("\n");
  const headers = { "content-type": "application/x-ndjson" };
  await (await server.post("/topics/t", body, headers)).body?.cancel();
  const [put, request, ...others] = takeSpans();
  assertEquals([others, put?.parent], [[], request!.id]);
  assertEquals(put?.links, traces.map(({ link }) => link));
  assertEquals(put?.attributes["messaging.batch.message_count"], 5);
});

testHttp(
  "a message or a page that is read is a span of its request, if a message has a traceparent",
  async (open) => {
    await using server = await open();
    const { traceparent, link } = someTrace(1);
    await (await server.post("/topics/t", "plain")).body?.cancel();
    await (await server.post("/topics/t", "traced", { "dsmq-header-traceparent": traceparent }))
      .body?.cancel();
    takeSpans();
    await (await server.get("/topics/t")).body?.cancel();
    assertEquals(takeSpans().map(({ name }) => name), ["GET /topics/{topic}"]);
    await (await server.get("/topics/t", { method: "HEAD" })).body?.cancel();
    assertEquals(takeSpans().map(({ name }) => name), ["HEAD /topics/{topic}"]);
    const read = await server.get("/messages?count=9");
    const { messages } = await read.json();
    assertEquals(messages.length, 2);
    const [deliver, request] = takeSpans();
    assertEquals(request?.name, "GET /messages");
    assertEquals([deliver?.name, deliver?.kind], ["deliver t", "CONSUMER"]);
    assertEquals([deliver?.parent, deliver?.links], [request!.id, [link]]);
    assertEquals(deliver?.attributes, {
      ...MESSAGING,
      "messaging.operation.name": "deliver",
      "messaging.operation.type": "receive",
      "messaging.destination.name": "t",
      "messaging.batch.message_count": 2,
    });
  },
);

testHttp(
  "the span of a stream ends when it begins, and what it brings continues the trace of the message",
  async (open) => {
    await using server = await open();
    const stopping = new AbortController();
    const headers = { accept: "application/x-ndjson" };
    const response = await server.get("/topics/t", { headers, signal: stopping.signal });
    assertEquals(takeSpans().map(({ name }) => name), ["GET /topics/{topic}"]);
    const { traceparent, link, id } = someTrace(7);
    await (await server.post("/topics/t", "x", { "dsmq-header-traceparent": traceparent }))
      .body?.cancel();
    for await (const bytes of response.body!) {
      if (new TextDecoder().decode(bytes).includes('"body":"x"')) break;
    }
    const deliver = takeSpans().find(({ name }) => name === "deliver t");
    assertEquals([deliver?.links, deliver?.parent], [[link], id]);
    stopping.abort();
  },
);

testHttp(
  "a request that is refused is a span with its code, and an error if the server is to blame",
  async (open) => {
    await using server = await open({ limits: { storedBytes: 1_048_576 } });
    const large = "x".repeat(900_000);
    await (await server.post("/topics/t", large)).body?.cancel();
    takeSpans();
    const cases: [path: string, init: RequestInit, name: string, code: string, status: number][] = [
      ["/nothing/here", {}, "GET", "not_found", 404],
      ["/topics/t", { method: "DELETE" }, "DELETE /topics/{topic}", "bad_request", 405],
      ["/topics/t", { method: "PROPFIND" }, "HTTP /topics/{topic}", "bad_request", 405],
      ["/topics/t?count=x", {}, "GET /topics/{topic}", "bad_request", 400],
      [
        "/topics/t",
        { headers: { origin: "http://evil.example" } },
        "GET /topics/{topic}",
        "permission_denied",
        403,
      ],
      ["/topics/t", { method: "POST", body: large }, "POST /topics/{topic}", "full", 507],
    ];
    for (const [path, init, name, code, status] of cases) {
      const problem = await problemOf(await server.get(path, init));
      assertEquals([problem.status, problem.code], [status, code]);
      const spans = takeSpans();
      const request = spans.at(-1)!;
      assertEquals([request.name, request.isError], [name, status >= 500]);
      assertEquals(request.attributes["error.type"], code);
      assertEquals(request.attributes["http.response.status_code"], status);
      const put = spans.find(({ name }) => name === "put t");
      assertEquals(
        [put?.isError, put?.attributes["error.type"]],
        code === "full" ? [true, "full"] : [undefined, undefined],
      );
    }
  },
);

testHttp("a malformed traceparent is as none", async (open) => {
  await using server = await open();
  const { traceparent } = someTrace(1);
  const malformed = [
    "x",
    `${traceparent}-more`,
    traceparent.replace("00-", "ff-"),
    traceparent.replace(/-0[^-]*-01$/, "-0000000000000000-01"),
    traceparent.toUpperCase(),
    "0".repeat(4000),
  ];
  for (const text of malformed) {
    const response = await server.post("/topics/t", "x", {
      traceparent: text,
      "dsmq-header-traceparent": text,
    });
    assertEquals(response.status, 201, text);
    await response.body?.cancel();
    const page = await server.get("/topics/t?count=99", { headers: { traceparent: text } });
    assertEquals((await page.json()).messages.at(-1).headers.traceparent, text);
    const spans = takeSpans();
    assertEquals(spans.map(({ links }) => links), [[], [], []]);
    assertEquals(spans[1]?.parent, undefined);
    assertEquals(spans[2]?.parent, undefined);
  }
});

testHttp(
  "what is put keeps its headers: a traceparent of the request is not among them",
  async (open) => {
    await using server = await open();
    await (await server.post("/topics/t", "x", { traceparent: someTrace(1).traceparent })).body
      ?.cancel();
    const { messages: [message] } = await (await server.get("/topics/t?count=1")).json();
    assertEquals(message.headers, undefined);
    assertEquals(takeSpans().map(({ name }) => name), [
      "put t",
      "POST /topics/{topic}",
      "GET /topics/{topic}",
    ]);
  },
);

Deno.test("a handler within a span of its program makes no other one for the request", async () => {
  await using mq = createHandler({ path: "/mq", log: quiet });
  const tracer = trace.getTracer("program");
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request, info) => {
      const span = tracer.startSpan("own name");
      const response = await context.with(
        trace.setSpan(context.active(), span),
        () => mq.fetch(request, info),
      );
      span.end();
      return response;
    },
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  await mq.ready;
  takeSpans();
  await (await fetch(`${origin}/mq/topics/t`, { method: "POST", body: "x" })).body?.cancel();
  await (await fetch(`${origin}/mq/nothing`)).body?.cancel();
  const [put, own, missing, ...others] = takeSpans();
  assertEquals([others, own?.name, put?.parent], [[], "own name", own!.id]);
  assertEquals(own?.attributes, { "http.route": "/mq/topics/{topic}" });
  assertEquals(missing?.attributes, { "error.type": "not_found" });
  await server.shutdown();
});

Deno.test("routes of a handler begin with its path", async () => {
  await using server = openMounted({ path: "/mq" });
  await (await fetch(`http://127.0.0.1:${server.port}/mq/health`)).body?.cancel();
  const [request] = takeSpans();
  assertEquals([request?.name, request?.attributes["http.route"]], [
    "GET /mq/health",
    "/mq/health",
  ]);
});
