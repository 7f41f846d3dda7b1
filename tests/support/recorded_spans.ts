/**
 * A provider of traces, as a program registers it, whose spans a test reads.
 *
 * @module
 */

import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { NodeTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-node";

/** What a test compares of a span. */
export interface RecordedSpan {
  readonly name: string;
  readonly kind: string;
  readonly trace: string;
  readonly id: string;
  /** The id of the span that it is part of, if there is one. */
  readonly parent: string | undefined;
  /** The spans that it is linked to, as `TRACE-ID`. */
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly isError: boolean;
}

const ended: ReadableSpan[] = [];

/** The provider; registered for the whole process once this file is loaded. */
const provider = new NodeTracerProvider({
  // As the server limits them by itself.
  spanLimits: { linkCountLimit: 1000 },
  spanProcessors: [{
    onStart() {},
    onEnd: (span) => void ended.push(span),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  }],
});
provider.register();

/** Takes the spans that have ended since the last call. */
export function takeSpans(): RecordedSpan[] {
  return ended.splice(0).map(toRecorded);
}

/** The same as text, with all that a provider gets. */
export function takeSpanTexts(): string {
  return JSON.stringify(
    ended.splice(0).map((span) => ({
      ...toRecorded(span),
      links: span.links,
      events: span.events,
      status: span.status,
    })),
  );
}

function toRecorded(span: ReadableSpan): RecordedSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    name: span.name,
    kind: SpanKind[span.kind]!,
    trace: traceId,
    id: spanId,
    parent: span.parentSpanContext?.spanId,
    links: span.links.map(({ context }) => `${context.traceId}-${context.spanId}`),
    attributes: span.attributes,
    isError: span.status.code === SpanStatusCode.ERROR,
  };
}

/** A trace of somebody else, by number: its `traceparent`, and as {@linkcode RecordedSpan.links} have it. */
export function someTrace(number: number): { traceparent: string; link: string; id: string } {
  const trace = `4bf92f3577b34da6a3ce929d0e0e${`${number}`.padStart(4, "0")}`;
  const id = `00f067aa0ba9${`${number}`.padStart(4, "0")}`;
  return { traceparent: `00-${trace}-${id}-01`, link: `${trace}-${id}`, id };
}
