/**
 * The package `npm:@opentelemetry/api`: loaded only where somebody has registered a provider of traces.
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };
import { loadNpmPackage } from "./npm_package.ts";

/** What spans and links are attributed. */
export type SpanAttributes = Readonly<Record<string, string | number>>;

/** Which span of which trace. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/** Immutable: what is passed on with a trace. */
export interface TraceContext {
  setValue(key: symbol, value: unknown): TraceContext;
}

/** What is recorded of a piece of work. */
export interface Span {
  setAttributes(attributes: SpanAttributes): unknown;
  setStatus(status: { readonly code: number }): unknown;
  updateName(name: string): unknown;
  isRecording(): boolean;
  end(): void;
}

/** How a span begins. */
export interface SpanOptions {
  readonly kind: number;
  readonly attributes: SpanAttributes;
  readonly links?: readonly { readonly context: SpanContext }[];
}

/** Reads headers. */
export interface HeaderGetter<Carrier> {
  keys(carrier: Carrier): string[];
  get(carrier: Carrier, name: string): string | undefined;
}

/** Makes spans. */
export interface Tracer {
  startSpan(name: string, options: SpanOptions, context: TraceContext): Span;
}

/** The part of the package that is used. */
export interface OpenTelemetryApi {
  readonly ROOT_CONTEXT: TraceContext;
  readonly SpanKind: Readonly<Record<"INTERNAL" | "SERVER" | "PRODUCER" | "CONSUMER", number>>;
  readonly SpanStatusCode: { readonly ERROR: number };
  readonly context: { active(): TraceContext };
  readonly propagation: {
    extract<Carrier>(
      context: TraceContext,
      carrier: Carrier,
      getter: HeaderGetter<Carrier>,
    ): TraceContext;
  };
  readonly trace: {
    getTracer(name: string, version: string): Tracer;
    getTracerProvider(): unknown;
    getActiveSpan(): Span | undefined;
    getSpanContext(context: TraceContext): SpanContext | undefined;
    setSpan(context: TraceContext, span: Span): TraceContext;
    setSpanContext(context: TraceContext, span: SpanContext): TraceContext;
  };
}

/**
 * Loads the package.
 *
 * Its version matters: it sees what an equal or later version of the first number has registered, so it is the oldest one that
 * will do. What Deno registers counts as later than all of them.
 *
 * @param stop ends waiting for it
 * @throws {DsmqError} `module_unavailable`; `unavailable`, if no file descriptor is left to load it
 */
export function loadOpenTelemetry(stop?: AbortSignal): Promise<OpenTelemetryApi> {
  const name = "npm:@opentelemetry/api";
  const specifier = deno.scopes["./"]["@opentelemetry/api"];
  return loadNpmPackage<OpenTelemetryApi>({ name, specifier, action: "record traces" }, stop);
}
