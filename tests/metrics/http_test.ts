/**
 * `/metrics` over plain HTTP.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { testHttp } from "../support/http_server.ts";
import { parseMetrics, valueOf } from "../support/metrics_text.ts";

const TOKENS = [
  { token: "all" },
  { token: "reader", permissions: ["read", "write"] },
  { token: "some", permissions: ["admin"], topics: ["t"] },
  { token: "watch", permissions: ["admin"] },
] as const;

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

testHttp(
  "metrics are text for Prometheus, and count what comes over HTTP and WebSockets",
  async (open, kind) => {
    await using server = await open({ metrics: true });
    const put = await server.post("/topics/t", "one");
    assertEquals([put.status, (await put.json()).seq], [201, 1]);
    assertEquals(await (await server.get("/topics/t?after=start")).text(), "one");
    {
      await using mq = await connect(server.url);
      await mq.put("t", "two");
      const response = await server.get("/metrics");
      assertEquals(response.status, 200);
      assertEquals(
        response.headers.get("content-type"),
        "text/plain; version=0.0.4; charset=utf-8",
      );
      assertEquals(response.headers.get("cache-control"), "no-store");
      const text = await response.text();
      assert(parseMetrics(text).size >= 40);
      assertEquals(valueOf(text, "dsmq_puts_stored_total"), 2);
      assertEquals(valueOf(text, "dsmq_put_bytes_total"), 10);
      assertEquals(valueOf(text, "dsmq_put_duration_seconds_count"), 2);
      assertEquals(valueOf(text, "dsmq_deliveries_total"), 1);
      assertEquals(valueOf(text, "dsmq_delivered_bytes_total"), 5);
      assertEquals(valueOf(text, 'dsmq_connections{kind="websocket"}'), 1);
      // The request itself.
      assertEquals(valueOf(text, 'dsmq_connections{kind="http_request"}'), 1);
      assertStringIncludes(text, `transport="${kind === "mounted" ? "handler" : kind}"`);
    }
    const head = await server.get("/metrics", { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
    const post = await server.post("/metrics", "x");
    assertEquals([post.status, post.headers.get("allow")], [405, "GET, HEAD, OPTIONS"]);
    await post.body?.cancel();
  },
);

testHttp("requests of HTTP that last are counted by their kind", async (open) => {
  await using server = await open({ metrics: true });
  const leave = new AbortController();
  const { signal } = leave;
  const stream = await server.get("/topics/t", {
    ...{ headers: { accept: "text/event-stream" } },
    signal,
  });
  const waiting = server.get("/topics/t?after=now&wait=20", { signal }).catch(() => {});
  const kinds = ["http_stream", "http_wait", "http_request"];
  const counts = async () => {
    const text = await (await server.get("/metrics")).text();
    return [
      ...kinds.map((kind) => valueOf(text, `dsmq_connections{kind="${kind}"}`)),
      valueOf(text, "dsmq_subscriptions"),
      valueOf(text, "dsmq_waits"),
    ].join();
  };
  while (await counts() !== "1,1,1,1,1");
  leave.abort();
  await stream.body?.cancel().catch(() => {});
  await waiting;
  while (await counts() !== "0,0,1,0,0");
});

testHttp(
  "where tokens are asked for, metrics need the permission admin for all topics",
  async (open) => {
    await using server = await open({ metrics: true, auth: { tokens: TOKENS, anonymous: {} } });
    const codes: [string, number][] = [];
    for (const token of ["all", "watch", "reader", "some", "wrong"]) {
      const response = await server.get("/metrics", bearer(token));
      codes.push([token, response.status]);
      if (response.status === 403) {
        const { code, detail } = await response.json();
        assertEquals(code, "permission_denied");
        assertStringIncludes(detail, "Cannot read metrics: permission denied");
        assertEquals(
          detail.endsWith("that needs the permission admin for all topics"),
          token === "some",
        );
      } else await response.body?.cancel();
    }
    assertEquals(codes, [["all", 200], ["watch", 200], ["reader", 403], ["some", 403], [
      "wrong",
      401,
    ]]);
    const anonymous = await server.get("/metrics");
    assertEquals([anonymous.status, (await anonymous.json()).code], [403, "permission_denied"]);
  },
);

testHttp(
  "a server without tokens has metrics for its own machine alone, and not through a proxy",
  async (open) => {
    await using server = await open({ metrics: true });
    const forwarded = await server.get("/metrics", { headers: { "x-forwarded-for": "192.0.2.1" } });
    assertEquals(forwarded.status, 403);
    assertStringIncludes((await forwarded.json()).detail, "and not through a proxy");
  },
);

testHttp(
  "without the option metrics there are none, and the answer says how to have them",
  async (open) => {
    await using server = await open();
    const response = await server.get("/metrics");
    const { code, detail } = await response.json();
    assertEquals([response.status, code], [404, "not_found"]);
    assertEquals(
      detail,
      "There are no metrics: start the server with --metrics (metrics: true in a program)",
    );
  },
);

testHttp("metrics are there when all slots are taken", async (open) => {
  await using server = await open({ metrics: true, limits: { connections: 1 } });
  await using _mq = await connect(server.url);
  const refused = await server.get("/topics");
  assertEquals(refused.status, 503);
  await refused.body?.cancel();
  const text = await (await server.get("/metrics")).text();
  assertEquals(valueOf(text, 'dsmq_connections{kind="websocket"}'), 1);
  assertEquals(valueOf(text, "dsmq_connections_limit"), 1);
  assertEquals(valueOf(text, 'dsmq_refusals_total{code="limit_exceeded"}'), 1);
});
