/**
 * A pipeline of requests whose worker is the test.
 *
 * @module
 */

import type { Limits } from "../../protocol/client_limits.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import {
  type PipelineConnection,
  type RequestHandler,
  RequestPipeline,
} from "../../connection/request_pipeline.ts";
import { ReplyWriter } from "../../connection/reply_writer.ts";
import type { Peer } from "../../transports/peer.ts";
import type { ManualTurns } from "./manual_turns.ts";

/** No message has more than a thousand bytes. */
export const LIMITS: Limits = { ...DEFAULT_LIMITS, messageBytes: 1000 };

/** A peer that reads everything at once. */
export const wire: Pick<Peer, "send" | "buffered" | "drained" | "close"> = {
  send() {},
  buffered: 0,
  drained: () => Promise.resolve(),
  close() {},
};

/** What most tests do not expect. */
export const noCallbacks:
  & Pick<RequestHandler, "onUnanswered">
  & Pick<PipelineConnection, "onFlood"> = {
    onUnanswered() {},
    onFlood() {},
  };

/** A pipeline whose worker also learns why it ended. */
export function newPipeline(
  peer: ConstructorParameters<typeof RequestPipeline>[0],
  replies: ReplyWriter,
  limits: Limits,
  worker: RequestHandler & PipelineConnection,
): RequestPipeline {
  return new RequestPipeline(peer, replies, limits, worker, worker);
}

/** A frame of this many requests. */
export function frame(count: number): string {
  return JSON.stringify(Array.from({ length: count }, () => ({ action: "topics", id: 1 })));
}

/** A pipeline whose requests take this many milliseconds each, and how many it did. */
export function slowPipeline(
  manual: ManualTurns,
  ms: number,
  limits: Limits = LIMITS,
): { readonly pipeline: RequestPipeline; readonly stats: { requests: number } } {
  const stats = { requests: 0 };
  const pipeline = newPipeline(
    { ...wire, turn: manual.turns.join() },
    new ReplyWriter(wire),
    limits,
    {
      dispatch: (run) => (stats.requests += run.length, manual.spend(ms * run.length)),
      failAll() {},
      onDefect() {},
      ...noCallbacks,
    },
  );
  return { pipeline, stats };
}
