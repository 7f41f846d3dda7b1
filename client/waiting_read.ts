/**
 * A read that waits for a message.
 *
 * @module
 */

import { MAX_WAIT } from "../protocol/limits.ts";
import type { ResultReply } from "../protocol/replies.ts";
import { LimitedRead, type ReadLimits } from "./limited_read.ts";
import type { TopicName } from "./topic_names.ts";
import type { ReadContext } from "./topic_read.ts";

/**
 * A server that ends a wait `by` so much too early (ms) counted time that this end was asleep, or was asked for the longest
 * time that the wire allows. It is asked again for the rest, unless it answered `sooner` than that.
 */
const EARLY_REPLY = { margin: 1000, minElapsed: 500 };

/** A read that waits until there is a message, its time is over, or its signal aborts. */
export class WaitingRead extends LimitedRead {
  readonly #timeout: number;
  /** When it was sent last, by the clock of the deadlines. */
  #sentAt = 0;

  /** Makes one that is not sent. */
  constructor(topic: TopicName, limits: ReadLimits, context: ReadContext) {
    super("get_wait", topic, limits, context);
    this.#timeout = limits.timeout;
  }

  override get isWait(): boolean {
    return true;
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
}
