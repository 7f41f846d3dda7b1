/**
 * What a reader of a fuzzer got.
 *
 * @module
 */

import type { Outcome } from "./fuzz_client.ts";
import { covers, type Opening, type Recorded, type Records } from "./fuzz_records.ts";
import type { ClientLog, SubscribeSent } from "./fuzz_wire_log.ts";

/** Tolerance for what is in motion when a time is noted, in milliseconds. */
export const SLACK = 3;

/** What a reader of one topic got, in order. */
export interface Reading {
  readonly who: string;
  readonly topic: string;
  readonly log: ClientLog;
  /** A subscription: missing messages are reported whenever they expired. */
  readonly stream: boolean;
  /** Of a subscription: its ids on the wire. */
  readonly ids: readonly number[];
  /** Where it began, if not where the connection did. */
  readonly since?: "start" | "now" | undefined;
  /** When it was called (ms). */
  readonly askedAt: number;
  /** Of a stream: when and where it was told to start; it gets nothing from before. */
  readonly started?: SubscribeSent | undefined;
  /** Of a stream: all requests that were answered with a start, in order. */
  readonly begun?: readonly SubscribeSent[];
  /** Of a stream: when it was first sent, and to which opening. */
  readonly sent?: SubscribeSent | undefined;
  /** Of a stream from the cursor: how far reads had come at least, and at most. If unknown, what had arrived counts. */
  readonly cursor?: { readonly min: number; readonly max: number } | undefined;
  readonly events: readonly ReadingEvent[];
}

/** When a stream began in a store (ms): it misses nothing that was gone by then. */
export function begunAt({ begun }: Reading, { openings }: Records, store: string): number {
  return begun?.find(({ opening }) => openings[opening]?.store === store)?.startedAt ?? Infinity;
}

/** A message that a reader got. */
export type ReadMessage = Extract<Outcome, { readonly kind: "message" }>;

/** One result of a reader. */
export interface ReadingEvent {
  readonly at: number;
  readonly step: number;
  readonly outcome: Outcome;
  /** Older messages may have been skipped. */
  readonly newest?: boolean;
}

/** How far a reader has come in one store. */
export interface Position {
  readonly seq: number;
  readonly opening: number;
}

/** Longer than a frame takes, and a store after that, in milliseconds. */
const MAX_TRANSIT = 100;

/**
 * A message without which a stream began: from the start means from the oldest message there is, and from now means from when
 * it was first sent to the server.
 */
export function missedAtStart(
  { since, topic }: Reading,
  { openings }: Records,
  { start, startedAt, opening }: SubscribeSent,
  sent: SubscribeSent,
): Recorded | undefined {
  const { store, messages } = openings[opening]!;
  if (since === "now" && openings[sent.opening]?.store !== store) return undefined;
  return messages.find(({ topic: other, seq, at, goneAt }) =>
    covers(topic, other) && seq <= start && goneAt > startedAt + SLACK &&
    (since === "start" || at > sent.at + MAX_TRANSIT)
  );
}

/** Whether a message has arrived as the answer to a read, by some time (ms). */
export function isRead(
  { arrivals }: Pick<ClientLog, "arrivals">,
  body: string,
  until: number = Infinity,
): boolean {
  return arrivals.get(body)?.some(({ id, at }) => id !== undefined && at < until) ?? false;
}

/** Whether reads of the client have come to a message in a store, or beyond it. */
export function isPassed(
  { log, topic }: Reading,
  { messages }: Opening,
  { seq }: Recorded,
): boolean {
  return messages.some((other) =>
    other.topic === topic && other.seq >= seq && isRead(log, other.body)
  );
}

/** Whether a gap at the connection's cursor was reported to a stream that began there: it is reported once. */
export function wasReported(
  { log, topic, stream }: Reading,
  records: Records,
  store: string,
  until: number,
  from = -Infinity,
): boolean {
  return log.gaps.some((gap) =>
    gap.topic === topic && (gap.cursor || stream && gap.stream === undefined) &&
    gap.at <= until + SLACK && gap.at >= from - SLACK &&
    records.openings[gap.connection.opening]?.store === store
  );
}

/** Whether there was anything for a reader, by an event of the run, where its connection began. */
export function wasOwedBefore(
  { log: { base }, topic }: Reading,
  { openings }: Records,
  step: number,
): boolean {
  return base !== undefined &&
    openings[base.opening]!.messages.some((message) =>
      covers(topic, message.topic) && message.seq > base.start && message.step < step
    );
}
