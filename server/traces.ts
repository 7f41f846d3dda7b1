/**
 * Spans of OpenTelemetry, named as its semantic conventions have it.
 *
 * ```text
 * POST /topics/{topic}    SERVER    of the trace in the header traceparent of the request
 * └─ put orders           PRODUCER  linked to the traceparent in the headers of each message
 * deliver orders          CONSUMER  the same, where there is one
 * ```
 *
 * A put or a delivery that is part of no request continues the trace of its messages, if they have only one: so it is recorded
 * where that trace is. In a span there are topics, numbers and codes; never a text, a key, a token, or who a client is.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import type { MessageAttributes } from "../protocol/attributes.ts";
import type { EventLog } from "../queue/log_event.ts";
import type { RequestOutcome, TracedMessage, Tracing } from "../queue/tracing.ts";
import type {
  HeaderGetter,
  OpenTelemetryApi,
  Span,
  SpanContext,
  TraceContext,
  Tracer,
} from "./opentelemetry_package.ts";

/** At most this many links has a span, as in the specification of OpenTelemetry. */
const MAX_LINKS = 128;

/** What the conventions call methods that they know; others could be as many as clients like. */
const METHODS: readonly string[] = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
];

const OF_REQUEST: HeaderGetter<Headers> = {
  keys: (headers) => [...headers.keys()],
  get: (headers, name) => headers.get(name) ?? undefined,
};

const OF_MESSAGE: HeaderGetter<Readonly<Record<string, string>>> = {
  keys: Object.keys,
  get: (headers, name) => Object.hasOwn(headers, name) ? headers[name] : undefined,
};

/** Records spans with the provider that is registered. */
export class Traces implements Tracing {
  readonly #api: OpenTelemetryApi;
  readonly #tracer: Tracer;
  readonly #log: EventLog;
  /** The spans of requests that are being handled. */
  readonly #requests = new WeakMap<Request, Span>();
  /** Deno records the requests of `Deno.serve` by itself, and knows no routes. */
  readonly #isOfDeno: boolean;

  /**
   * Takes the provider that is registered now.
   *
   * @param api the package
   * @param log is told if a provider throws
   */
  constructor(api: OpenTelemetryApi, log: EventLog) {
    this.#api = api;
    this.#log = log;
    this.#tracer = api.trace.getTracer(deno.name, deno.version);
    const { telemetry } = Deno as { readonly telemetry?: { readonly tracerProvider: unknown } };
    this.#isOfDeno = api.trace.getTracerProvider() === telemetry?.tracerProvider;
  }

  beginRequest(request: Request): (outcome: RequestOutcome) => void {
    const end = this.#guarded(() => this.#beginRequest(request));
    return (outcome) => this.#guarded(() => end?.(outcome));
  }

  async put<Result extends object>(
    messages: readonly TracedMessage[],
    apply: () => Promise<readonly Result[]>,
    request?: Request,
  ): Promise<readonly Result[]> {
    const links = this.#guarded(() => this.#linksOf(messages)) ?? [];
    const span = this.#guarded(() => this.#begin("put", messages, links, request));
    let failure: unknown = "unavailable";
    try {
      const results = await apply();
      failure = (results.find((result) => "code" in result) as { code?: string } | undefined)?.code;
      return results;
    } finally {
      this.#guarded(() => {
        if (failure !== undefined) {
          span?.setAttributes({ "error.type": `${failure}` });
          span?.setStatus({ code: this.#api.SpanStatusCode.ERROR });
        }
        span?.end();
      });
    }
  }

  deliver(messages: readonly TracedMessage[], request?: Request): void {
    if (!messages.some(isTraced)) return;
    this.#guarded(() => {
      const links = this.#linksOf(messages);
      if (links.length > 0) this.#begin("deliver", messages, links, request).end();
    });
  }

  /** A request has the span that is active already, of Deno or of the program whose handler this is; or one of its own. */
  #beginRequest(request: Request): (outcome: RequestOutcome) => void {
    const { trace, SpanStatusCode } = this.#api;
    const method = METHODS.includes(request.method) ? request.method : undefined;
    const active = trace.getActiveSpan();
    const span = active?.isRecording() ? active : this.#startRequest(request, method);
    const isOurs = span !== active;
    this.#requests.set(request, span);
    return ({ route, status, code }) => {
      if (code !== undefined) span.setAttributes({ "error.type": code });
      if (route !== undefined) {
        span.setAttributes({ "http.route": route });
        if (isOurs || this.#isOfDeno) span.updateName(`${method ?? "HTTP"} ${route}`);
      }
      if (!isOurs) return;
      span.setAttributes({ "http.response.status_code": status });
      // What a client does wrong is no error of the server.
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    };
  }

  #startRequest({ headers, url }: Request, method: string | undefined): Span {
    const { context, SpanKind } = this.#api;
    const attributes = {
      "http.request.method": method ?? "_OTHER",
      "url.scheme": url.slice(0, url.indexOf(":")),
    };
    const parent = this.#parent(this.#contextOf(headers, OF_REQUEST, context.active()));
    // Deno has a span of each request, also where that is not active (node:http, 2.9.6): a second of this kind would count twice.
    const kind = this.#isOfDeno ? SpanKind.INTERNAL : SpanKind.SERVER;
    return this.#tracer.startSpan(method ?? "HTTP", { kind, attributes }, parent);
  }

  #begin(
    operation: "put" | "deliver",
    messages: readonly TracedMessage[],
    links: readonly { readonly context: SpanContext }[],
    request: Request | undefined,
  ): Span {
    const { ROOT_CONTEXT, SpanKind, trace } = this.#api;
    const { topic } = messages[0]!;
    const name = messages.every((message) => message.topic === topic)
      ? topic.toWellFormed()
      : undefined;
    const attributes = {
      "messaging.system": "dsmq",
      "messaging.operation.name": operation,
      "messaging.operation.type": operation === "put" ? "send" : "receive",
      ...(name !== undefined && { "messaging.destination.name": name }),
      ...(messages.length > 1 && { "messaging.batch.message_count": messages.length }),
    };
    const kind = operation === "put" ? SpanKind.PRODUCER : SpanKind.CONSUMER;
    const ofRequest = request && this.#requests.get(request);
    const context = ofRequest
      ? trace.setSpan(ROOT_CONTEXT, ofRequest)
      : this.#parent(links.length === 1 ? links[0]!.context : undefined);
    const title = name ? `${operation} ${name}` : operation;
    return this.#tracer.startSpan(title, { kind, attributes, links }, context);
  }

  /** Not what is active: a connection goes on for long after the request that it began with. */
  #parent(parent: SpanContext | undefined): TraceContext {
    const { ROOT_CONTEXT, trace } = this.#api;
    return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  }

  /** What the messages name in their headers; of equal ones that follow each other, one. */
  #linksOf(messages: readonly TracedMessage[]): { readonly context: SpanContext }[] {
    const links: { readonly context: SpanContext }[] = [];
    for (const message of messages) {
      if (!isTraced(message)) continue;
      const { headers = {} }: MessageAttributes = JSON.parse(message.attributes!);
      const context = this.#contextOf(headers, OF_MESSAGE);
      const last = links.at(-1)?.context;
      if (!context || last?.spanId === context.spanId && last?.traceId === context.traceId) {
        continue;
      }
      links.push({ context });
      if (links.length === MAX_LINKS) break;
    }
    return links;
  }

  /** What headers name, if it is valid; nothing else of them, such as baggage, is passed on. */
  #contextOf<Carrier>(
    headers: Carrier,
    getter: HeaderGetter<Carrier>,
    context: TraceContext = this.#api.ROOT_CONTEXT,
  ): SpanContext | undefined {
    const { propagation, trace } = this.#api;
    return trace.getSpanContext(propagation.extract(context, headers, getter));
  }

  /** What a provider throws must not look like a failure of what it was told about. */
  #guarded<T>(record: () => T): T | undefined {
    try {
      return record();
    } catch (reason) {
      this.#log.write({ event: "unexpected_error", message: "a span was not recorded", reason });
      return undefined;
    }
  }
}

/** Whether a message may name a trace: few do, and their attributes are read for that. */
function isTraced({ attributes }: TracedMessage): boolean {
  return attributes !== undefined && attributes.includes('"traceparent":');
}
