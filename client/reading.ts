/**
 * How to read, as a caller says it.
 *
 * @module
 */

import type { DsmqError, DsmqErrorOf } from "../protocol/errors.ts";
import type { GapPolicy } from "../protocol/requests.ts";
import type { Since } from "./since.ts";

/** How to wait for a message. */
export interface WaitOptions {
  /**
   * How long to wait, in milliseconds; `Infinity` is no limit. The client measures this time, also while it has no
   * connection. While it has one, the server always gets at least half a second to answer. Default: 10000.
   */
  readonly timeout?: number;
  /** Stops waiting when it aborts. A message that is already on its way then goes to the next read. */
  readonly signal?: AbortSignal;
}

/** How to read one message. */
export interface ReadOptions {
  /**
   * How long to wait if there is no message, in milliseconds; `Infinity` is no limit. The client measures this time, also
   * while it has no connection. While it has one, the server always gets at least half a second to answer. Default: the
   * read does not wait for a message, only for the server's answer.
   */
  readonly wait?: number;
  /**
   * Read the newest unread message; older ones are skipped for good, also if the read is aborted on its way. With `wait`, if
   * there is none, the next one that is stored. Default: `false`, the oldest unread message.
   */
  readonly latest?: boolean;
  /** Ends the read when it aborts. A message that is already on its way then goes to the next read. */
  readonly signal?: AbortSignal;
}

/** The error of a gap: messages are gone, or (`refused`) one cannot be received. */
export type GapError =
  & DsmqError
  & DsmqErrorOf<"trimmed" | "ahead" | "epoch_changed" | "refused">;

/**
 * What to do when messages are gone that should have been delivered. `"oldest"` continues with the oldest message that is
 * left, `"now"` with what is put from now on. A function receives the gap as an error and returns one of the two, not a
 * promise. If it returns `undefined`, the subscription ends with the gap as its error. If it throws, the subscription ends
 * with what it threw; if it returns anything else, with a `TypeError`.
 */
export type GapHandler = GapPolicy | ((gap: GapError) => GapPolicy | undefined);

/** How to subscribe. */
export interface SubscribeOptions {
  /** Where to start. Default: the connection's cursor for the topic; for a prefix, where the connection started to read. */
  readonly since?: Since;
  /**
   * What to do when messages are gone that should have been delivered. Default: the subscription ends with the error
   * `trimmed`, `ahead` or `epoch_changed`.
   */
  readonly onGap?: GapHandler;
  /** Ends the subscription when it aborts, with the signal's reason as the error. */
  readonly signal?: AbortSignal;
}
