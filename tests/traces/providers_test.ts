/**
 * Which providers of traces count, and what one that is broken can do.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { trace, type TracerProvider } from "@opentelemetry/api";
import { connect } from "@dsmq/server";
import type { LogEvent } from "../../queue/log_event.ts";
import { loadTracing } from "../../server/start/load_tracing.ts";
import { problemOf, testHttp } from "../support/http_server.ts";
import { someTrace } from "../support/recorded_spans.ts";

const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/** Does something with another registry. */
async function withRegistry<T>(registry: unknown, work: () => Promise<T>): Promise<T> {
  const before = Reflect.get(globalThis, REGISTRY);
  Reflect.set(globalThis, REGISTRY, registry);
  try {
    return await work();
  } finally {
    Reflect.set(globalThis, REGISTRY, before);
  }
}

async function loadWith(registry: unknown) {
  const events: LogEvent[] = [];
  const log = { write: (event: LogEvent) => void events.push(event) };
  const tracing = await withRegistry(registry, () => loadTracing(log, undefined));
  return { tracing, events };
}

Deno.test("without a provider of traces there are none, also where metrics or propagators are registered", async () => {
  for (const registry of [undefined, null, 1, {}, { version: "1.9.0", metrics: {} }]) {
    assertEquals(await loadWith(registry), { tracing: undefined, events: [] });
  }
});

Deno.test("a provider that the package cannot see is told to the log, and no reason not to serve", async () => {
  for (const version of ["1.4.0", "2.0.0", undefined]) {
    const { tracing, events: [event, ...others] } = await loadWith({ version, trace: {} });
    assertEquals([tracing, others], [undefined, []]);
    assertEquals(event?.event, "traces_unavailable");
    assertStringIncludes(`${event?.reason}`, "must be 1.9 or later, got");
  }
});

Deno.test("a start that is aborted does not wait for traces", async () => {
  const reason = new Error("no more");
  const log = { write() {} };
  const registry = { version: "1.9.0", trace: {} };
  const caught = await withRegistry(
    registry,
    () => loadTracing(log, AbortSignal.abort(reason)).catch((error) => error),
  );
  assertEquals(caught, reason);
});

/** All that it makes throws. */
const BROKEN: TracerProvider = {
  getTracer: () => ({
    startSpan() {
      throw new Error("broken on purpose");
    },
    startActiveSpan() {
      throw new Error("broken on purpose");
    },
  }),
};

/** Makes spans that throw. */
const LATE: TracerProvider = {
  getTracer: () => ({
    startSpan: () =>
      new Proxy({} as ReturnType<ReturnType<TracerProvider["getTracer"]>["startSpan"]>, {
        get() {
          return () => {
            throw new Error("broken on purpose");
          };
        },
      }),
    startActiveSpan() {
      throw new Error("broken on purpose");
    },
  }),
};

for (const [name, provider] of Object.entries({ BROKEN, LATE })) {
  testHttp(`a provider that throws disturbs nothing (${name})`, async (open) => {
    const own = Reflect.get(globalThis, REGISTRY);
    await withRegistry({ ...own, trace: provider }, async () => {
      assertEquals(trace.getTracerProvider(), provider);
      await using server = await open();
      const { traceparent } = someTrace(1);
      const headers = { "dsmq-header-traceparent": traceparent };
      const { seq } = await (await server.post("/topics/t", "x", headers)).json();
      assertEquals(seq, 1);
      await using mq = await connect(server.url);
      assertEquals(await mq.put("t", "y", { headers: { traceparent } }), 2);
      assertEquals((await mq.read("t"))?.body, "y");
      assertEquals(await (await server.get("/topics/t")).text(), "x");
      assertEquals((await problemOf(await server.get("/none"))).status, 404);
    });
  });
}
