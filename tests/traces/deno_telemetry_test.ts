/**
 * Traces of Deno itself: `OTEL_DENO=true dsmq serve`, whose spans a collector gets by OTLP.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { local } from "../support/module_graph.ts";
import { type Environment, Program, ROOT } from "../support/program.ts";
import { someTrace } from "../support/recorded_spans.ts";

/** A span, as OTLP has it. */
interface OtlpSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes?: readonly { readonly key: string; readonly value: object }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** Takes spans over HTTP, as any collector does. */
function openCollector() {
  const spans: OtlpSpan[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { resourceSpans = [] } = await request.json();
    if (new URL(request.url).pathname === "/v1/traces") {
      for (const { scopeSpans } of resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
    }
    return Response.json({});
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { spans, url, [Symbol.asyncDispose]: () => server.shutdown() };
}

const [INTERNAL, SERVER, PRODUCER, CONSUMER] = [1, 2, 4, 5];

for (const transport of ["builtin", "hardened"]) {
  Deno.test(`with OTEL_DENO=true a server exports its spans, and one for each request (${transport})`, async () => {
    await using collector = openCollector();
    const caller = someTrace(1);
    const message = someTrace(2);
    const flags = ["--port", "0", "--json", "--transport", transport];
    await using program = new Program(["-A", "cli.ts", "serve", ...flags], {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    });
    const { url }: { url: string } = JSON.parse((await program.line())!);
    {
      await using mq = await connect(url);
      const response = await fetch(`${url.replace("ws", "http")}/topics/orders`, {
        method: "POST",
        body: "x",
        headers: {
          traceparent: caller.traceparent,
          "dsmq-header-traceparent": message.traceparent,
        },
      });
      assertEquals(response.status, 201);
      await response.body?.cancel();
      assertEquals(await mq.getWait("orders"), "x");
      await mq.put("orders", "y");
    }
    program.child.kill("SIGTERM");
    assertEquals((await program.end()).code, 0);
    const named = (name: string) => collector.spans.filter((span) => span.name === name);
    const linkOf = ({ links = [] }: OtlpSpan) =>
      links.map(({ traceId, spanId }) => `${traceId}-${spanId}`);
    const [request, ...more] = named("POST /topics/{topic}");
    assert(request, `among ${collector.spans.map(({ name }) => name)}`);
    // Deno's own span of a request becomes ours, or is beside it.
    assertEquals([more, named("POST").length], [[], transport === "builtin" ? 0 : 1]);
    assertEquals(request.kind, transport === "builtin" ? SERVER : INTERNAL);
    assertEquals(`${request.traceId}-${request.parentSpanId}`, caller.link);
    const keys = request.attributes!.map(({ key }) => key);
    assertEquals(keys.filter((key) => /route|method|status/.test(key)).sort(), [
      "http.request.method",
      "http.response.status_code",
      "http.route",
    ]);
    const [put, own, ...others] = named("put orders");
    assertEquals([put?.kind, own?.kind, others], [PRODUCER, PRODUCER, []]);
    assertEquals([put?.parentSpanId, linkOf(put!)], [request.spanId, [message.link]]);
    assertEquals([own?.parentSpanId || undefined, linkOf(own!)], [undefined, []]);
    const [deliver] = named("deliver orders");
    assertEquals([deliver?.kind, deliver?.parentSpanId], [CONSUMER, message.id]);
    assertEquals(linkOf(deliver!), [message.link]);
  });
}

/** The files that belong to traces, of those that a server loads until it has stored and delivered a message. */
async function loadedForTraces(env: Environment): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const args = ["-A", `--coverage=${folder}`, "cli.ts", "serve", "--port", "0", "--json"];
    await using program = new Program(args, env);
    const { url }: { url: string } = JSON.parse((await program.line())!);
    {
      await using mq = await connect(url);
      await mq.put("t", "x", { headers: { traceparent: someTrace(1).traceparent } });
      assertEquals(await mq.get("t"), "x");
    }
    program.child.kill("SIGTERM");
    assertEquals((await program.end()).code, 0);
    const files: string[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      const { url }: { url: string } = JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
      if (url.startsWith(ROOT.href)) files.push(local(url));
    }
    assert(files.includes("server/start/load_tracing.ts"));
    return files.filter((file) => /opentelemetry|traces/.test(file)).sort();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("nothing of OpenTelemetry is loaded unless somebody wants traces", async () => {
  assertEquals(await loadedForTraces({ OTEL_DENO: undefined }), []);
  await using collector = openCollector();
  const wanted = { OTEL_DENO: "true", OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  assertEquals(await loadedForTraces({ ...wanted, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }), [
    "server/opentelemetry_package.ts",
    "server/traces.ts",
  ]);
});
