/**
 * A `get_wait` that has not been answered.
 *
 * @module
 */

import { errorReply, readReply, readReplyHead } from "../protocol/encode_replies.ts";
import type { WireError } from "../protocol/errors.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { TopicMessage } from "../stores/store.ts";
import type { HeapTimer, TimerHeap } from "../queue/timer_heap.ts";
import type { LargeBodyCache } from "../queue/large_body_cache.ts";
import type { TopicCursor } from "../queue/topic_cursor.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Waiter } from "../queue/waiters.ts";

/** What waits share with the others of their connection. */
export interface PendingGetContext {
  readonly replies: ReplyWriter;
  readonly timers: TimerHeap;
  readonly largeBodies: LargeBodyCache;
  /** None of them waits any more, though not all were told yet. */
  readonly closed: boolean;
  /** One has been answered, or nobody is there to hear the answer. */
  onSettled(wait: PendingGet): void;
}

/** Stands in a reader's line until it is served, its time is over, or it is called off; answers once. */
export class PendingGet implements Waiter, HeapTimer {
  /** Under which it is answered. */
  readonly id: number;
  readonly #cursor: TopicCursor;
  readonly #context: PendingGetContext;
  /** The pipeline has gone on without it. */
  #outOfPipeline = false;
  #state: "open" | "cancelled" | "settled" = "open";
  due = 0;
  index = -1;

  /**
   * Makes a wait that is not in the line yet.
   *
   * @param id under which it is answered
   * @param cursor in whose line it stands
   * @param context what it shares with others
   */
  constructor(id: number, cursor: TopicCursor, context: PendingGetContext) {
    this.id = id;
    this.#cursor = cursor;
    this.#context = context;
  }

  /** Not answered yet. */
  get open(): boolean {
    return this.#state === "open" && !this.#context.closed;
  }

  /** What it waits for. */
  get topic(): string {
    return this.#cursor.topic;
  }

  /** The pipeline goes on without it; it is over after so many milliseconds. */
  detachFromPipeline(timeout: number): void {
    this.#outOfPipeline = true;
    this.#context.timers.add(this, timeout);
  }

  /** It is to get nothing any more; {@linkcode PendingGet.end} tells it, later. */
  cancel(): void {
    if (this.#state === "open") this.#state = "cancelled";
  }

  deliver(message: TopicMessage): void {
    const { seq, bytes } = message;
    if (bytes < REPLY_FRAME_BYTES) return this.#settle(readReply(this.id, message, seq));
    this.#settle(undefined);
    const { replies, largeBodies } = this.#context;
    replies.addLarge(readReplyHead(this.id, message, seq), message, largeBodies);
  }

  onTimeout(): void {
    if (this.open) this.settleEmpty();
  }

  /** Its time is over, or it is called off: there was nothing. */
  settleEmpty(): void {
    this.#settle(readReply(this.id, undefined, this.#cursor.position));
  }

  /** It ends with an error; without one nobody hears of it. */
  end(error: WireError | undefined): void {
    if (this.#state === "settled") return;
    this.#settle(error && errorReply(this.id, error));
  }

  #settle(answer: string | undefined): void {
    this.#state = "settled";
    const { timers, replies } = this.#context;
    if (this.index >= 0) timers.remove(this);
    this.#cursor.removeWaiter();
    this.#context.onSettled(this);
    if (answer === undefined) return;
    if (this.#outOfPipeline) replies.addLate(answer);
    else replies.add(answer);
  }
}
