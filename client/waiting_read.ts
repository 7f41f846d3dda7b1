/**
 * A read that waits for a message.
 *
 * @module
 */

import { MAX_WAIT } from "../protocol/limits.ts";
import type { ResultReply } from "../protocol/replies.ts";
import type { CallDeadline } from "./call_deadlines.ts";
import type { TopicName } from "./topic_names.ts";
import { OldestRead, type ReadContext } from "./topic_read.ts";

/** How long to wait for a message (ms, or `Infinity`), and what cancels the wait. */
export interface WaitLimits {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** However short a wait is, a server that is connected has this long to answer, in milliseconds. */
const MIN_REPLY_TIME = 500;

/**
 * A server that ends a wait `by` so much too early (ms) counted time that this end was asleep, or was asked for the longest
 * time that the wire allows. It is asked again for the rest, unless it answered `sooner` than that.
 */
const EARLY_REPLY = { margin: 1000, minElapsed: 500 };

/** A read that waits until there is a message, its time is over, or its signal aborts. */
export class WaitingRead extends OldestRead implements CallDeadline {
  /** When its time is over, by the clock of the deadlines, connected or not. */
  end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  /** Until then a connected server has time to answer. */
  readonly #earliestEnd: number;
  /** When it was sent last, by the same clock. */
  #sentAt = 0;

  constructor(action: string, topic: TopicName, wait: WaitLimits, context: ReadContext) {
    super(action, topic, context);
    this.#signal = wait.signal;
    this.#timeout = wait.timeout;
    const begin = context.shared.deadlines.now;
    this.end = begin + wait.timeout;
    this.#earliestEnd = begin + MIN_REPLY_TIME;
  }

  override get isWait(): boolean {
    return true;
  }

  override send(): void {
    super.send();
    if (!this.isOpen) return;
    this.#signal?.addEventListener("abort", this);
    this.context.shared.deadlines.add(this);
  }

  protected override jsonFields(): string {
    const { now } = this.context.shared.deadlines;
    this.#sentAt = now;
    // Sent again, it has waited for a while already.
    const remaining = this.isSent ? Math.ceil(this.end - now) : this.#timeout;
    return `${super.jsonFields()},"timeout":${Math.min(MAX_WAIT, Math.max(0, remaining))}`;
  }

  override onReply(reply: ResultReply): void {
    const { deadlines, positions, requests } = this.context.shared;
    if (this.isOpen && reply.kind === "empty" && !requests.ended) {
      const { now } = deadlines;
      if (this.end - now > EARLY_REPLY.margin && now - this.#sentAt > EARLY_REPLY.minElapsed) {
        this.requireBehind(reply);
        positions.advance(this.topic, reply.through);
        return requests.send(this);
      }
    }
    super.onReply(reply);
  }

  /** Its time is not over: it asks again. */
  override onStarved(): void {
    this.resend();
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.abandon(this.#signal!.reason);
  }

  /** What the server still sends for it goes to the next read. */
  override abandon(reason: unknown): void {
    if (!this.isOpen) return;
    this.close();
    this.rejectWith(reason);
    this.cancel();
  }

  /** Its time is over; a message that is on its way goes to the next read. */
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
