/**
 * A read that ends at a time, or when its signal aborts.
 *
 * @module
 */

import type { CallDeadline } from "./call_deadlines.ts";
import type { TopicName } from "./topic_names.ts";
import { type ReadContext, TopicRead } from "./topic_read.ts";

/** How long a read may take (ms, or `Infinity`), and what cancels it. */
export interface ReadLimits {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** However short the time is, a server that is connected has this long to answer, in milliseconds. */
const MIN_REPLY_TIME = 500;

/** A read of the oldest message or of the newest, in its time. What the server still sends for it goes to the next read. */
export class LimitedRead extends TopicRead implements CallDeadline {
  readonly newest: boolean;
  /** When its time is over, by the clock of the deadlines, connected or not. */
  end: number;
  readonly #signal: AbortSignal | undefined;
  /** Until then a connected server has time to answer. */
  readonly #earliestEnd: number;

  /** Makes one that is not sent. */
  constructor(
    action: "get" | "get_latest" | "get_wait",
    topic: TopicName,
    { timeout, signal }: ReadLimits,
    context: ReadContext,
  ) {
    super(action, topic, context);
    this.newest = action === "get_latest";
    this.#signal = signal;
    const begin = context.shared.deadlines.now;
    this.end = begin + timeout;
    this.#earliestEnd = begin + MIN_REPLY_TIME;
  }

  override send(): void {
    super.send();
    if (!this.isOpen) return;
    this.#signal?.addEventListener("abort", this);
    this.context.shared.deadlines.add(this);
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.abandon(this.#signal!.reason);
  }

  override abandon(reason: unknown): void {
    if (!this.isOpen) return;
    this.close();
    this.rejectWith(reason);
    this.cancel();
  }

  /** Its time is over. */
  onDeadline(now: number): void {
    if (this.context.shared.requests.isOpen && now < this.#earliestEnd) {
      this.end = this.#earliestEnd;
    } else {
      this.close();
      this.resolveWith(undefined);
      this.cancel();
    }
  }

  protected override close(): void {
    this.context.shared.deadlines.delete(this);
    this.#signal?.removeEventListener("abort", this);
    super.close();
  }
}
