/**
 * Traces: whether anybody in this process wants them.
 *
 * @module
 */

import { formatValue } from "../../protocol/text.ts";
import type { EventLog } from "../../queue/log_event.ts";
import type { Tracing } from "../../queue/tracing.ts";

/** Where `npm:@opentelemetry/api`, and Deno itself, keep what a program has registered: the same place for all 1.x. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/** What is there. */
interface Registry {
  readonly version?: unknown;
  /** The provider of traces. */
  readonly trace?: unknown;
}

/**
 * Loads what records traces, if a provider is registered: by the program, before it starts a server, or by Deno with
 * `OTEL_DENO=true`. Otherwise nothing is loaded. To call before any client can connect.
 *
 * @param log is told if there is a provider and traces cannot be recorded: that is no reason not to serve
 * @param stop ends waiting for the package
 * @returns what records traces; `undefined` if nobody wants them, or it cannot. Rejects with the reason of `stop` alone
 */
export async function loadTracing(
  log: EventLog,
  stop: AbortSignal | undefined,
): Promise<Tracing | undefined> {
  const { trace: provider, version } = Object(Reflect.get(globalThis, REGISTRY)) as Registry;
  if (provider === undefined) return undefined;
  try {
    const [{ Traces }, { loadOpenTelemetry }] = await Promise.all([
      import("../traces.ts"),
      import("../opentelemetry_package.ts"),
    ]);
    const api = await loadOpenTelemetry(stop);
    if (api.trace.getTracerProvider() === provider) return new Traces(api, log);
    // It would give tracers that record nothing.
    const seen = formatValue(version);
    throw new RangeError(`@opentelemetry/api of the program must be 1.9 or later, got ${seen}`);
  } catch (reason) {
    stop?.throwIfAborted();
    const message = "records no traces, though a provider is registered";
    log.write({ event: "traces_unavailable", message, reason: (reason as Error).message });
    return undefined;
  }
}
