/**
 * Traces: what the queue and plain HTTP tell of their work, where somebody records it.
 *
 * @module
 */

/** The part of a message that traces look at: never its body. */
export interface TracedMessage {
  readonly topic: string;
  /** The JSON encoding of its attributes, in whose headers there may be a `traceparent`. */
  readonly attributes?: string | undefined;
}

/** How a request over plain HTTP was answered. */
export interface RequestOutcome {
  /** What it was for, such as `/topics/{topic}`; absent if there is no such thing. */
  readonly route: string | undefined;
  readonly status: number;
  /** Why it failed, if it did. */
  readonly code: string | undefined;
}

/** Records spans. Whatever becomes of them, what they tell of goes on as without them: nothing here throws. */
export interface Tracing {
  /**
   * Begins the span of a request over plain HTTP, which continues the trace of its header `traceparent`.
   *
   * @param request the request
   * @returns ends it
   */
  beginRequest(request: Request): (outcome: RequestOutcome) => void;
  /**
   * Stores messages, in one span.
   *
   * @param messages the messages, at least one
   * @param apply stores them
   * @param request the request that they came with, if it was over plain HTTP
   * @returns what `apply` returns; results with a `code` have failed
   */
  put<Result extends object>(
    messages: readonly TracedMessage[],
    apply: () => Promise<readonly Result[]>,
    request?: Request,
  ): Promise<readonly Result[]>;
  /**
   * Records that messages were handed to a reader: in one span, if any of them has a `traceparent`.
   *
   * @param messages the messages, perhaps none
   * @param request the request that they answer, if it was over plain HTTP
   */
  deliver(messages: readonly TracedMessage[], request?: Request): void;
}
