/**
 * One who waits for a message of a topic.
 *
 * @module
 */

import type { Reply } from "../protocol/encode_replies.ts";
import { MAX_WAIT } from "../protocol/limits.ts";
import type { CallDeadline } from "./call_deadlines.ts";
import { OldestRead, type ReadContext } from "./topic_read.ts";
import type { TopicName } from "./topic_names.ts";

/** For how long to wait for a message (ms, or `Infinity`), and what ends that. */
export interface WaitLimits {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** A wait gives a server that is there so long to say what there is, in milliseconds, however short it is itself. */
const MIN_REPLY_TIME = 500;

/**
 * A server whose time ends a wait by so much too early (ms) has counted time for which this end was asleep, or was asked
 * for the longest time that can be asked for: it is asked again, for what is left; unless it answered sooner than this.
 */
const EARLY_REPLY = { margin: 1000, minElapsed: 500 };

/** One who waits for it. */
export class WaitingRead extends OldestRead implements CallDeadline {
  override readonly isWait = true;
  /** When its time is over, by the clock of the deadlines, whatever becomes of the server. */
  end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #timeout: number;
  /** Until then a server that is there has time to say what there is. */
  readonly #earliestEnd: number;
  /** When it left last, by the same clock. */
  #sentAt = 0;

  constructor(action: string, topic: TopicName, wait: WaitLimits, context: ReadContext) {
    super(action, topic, context);
    this.#signal = wait.signal;
    this.#timeout = wait.timeout;
    const begin = context.client.deadlines.now;
    this.end = begin + wait.timeout;
    this.#earliestEnd = begin + MIN_REPLY_TIME;
  }

  override send(): void {
    super.send();
    if (!this.isOpen) return;
    this.#signal?.addEventListener("abort", this);
    this.context.client.deadlines.add(this);
  }

  protected override jsonFields(): string {
    const { now } = this.context.client.deadlines;
    this.#sentAt = now;
    // Asked again, it has waited for a while already.
    const remaining = this.isSent ? Math.ceil(this.end - now) : this.#timeout;
    return `${super.jsonFields()},"timeout":${Math.min(MAX_WAIT, Math.max(0, remaining))}`;
  }

  override onReply(reply: Reply): void {
    const { client } = this.context;
    if (this.isOpen && reply.seq === undefined && !client.requests.ended) {
      const { now } = client.deadlines;
      if (this.end - now > EARLY_REPLY.margin && now - this.#sentAt > EARLY_REPLY.minElapsed) {
        client.positions.advance(this.topic, this.through(reply));
        return client.requests.send(this);
      }
    }
    super.onReply(reply);
  }

  /** Its time is not over. */
  override onStarved(): void {
    this.resend();
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.abandon(this.#signal!.reason);
  }

  /** What the server still has for it is the next reader's. */
  override abandon(reason: unknown): void {
    if (!this.isOpen) return;
    this.close();
    this.rejectWith(reason);
    this.cancel();
  }

  /** Its time is over; a message that is under way by now is the next reader's. */
  onDeadline(now: number): void {
    if (this.context.client.isConnected && now < this.#earliestEnd) this.end = this.#earliestEnd;
    else {
      this.close();
      this.resolveWith(undefined);
      this.cancel();
    }
  }

  protected override close(): void {
    this.context.client.deadlines.delete(this);
    this.#signal?.removeEventListener("abort", this);
    super.close();
  }
}
