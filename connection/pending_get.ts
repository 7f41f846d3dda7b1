/**
 * One unanswered `get_wait` request.
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

/** What all of a connection share. */
export interface PendingGetContext {
  readonly replies: ReplyWriter;
  readonly timers: TimerHeap;
  readonly largeBodies: LargeBodyCache;
  /** All are ending, though some have no reply yet. */
  readonly closed: boolean;
  /** One has its reply, or the peer is gone. */
  onSettled(wait: PendingGet): void;
}

/** Waits at a cursor for a message, its timeout, or a cancellation. It is answered once. */
export class PendingGet implements Waiter, HeapTimer {
  /** The id of its request. */
  readonly id: number;
  readonly #cursor: TopicCursor;
  readonly #context: PendingGetContext;
  /** The pipeline no longer waits for it. */
  #outOfPipeline = false;
  /** It was added to the waiters of its cursor. It can end before: with its connection, or its permission. */
  #isAdded = false;
  #state: "open" | "cancelled" | "settled" = "open";
  due = 0;
  index = -1;

  /**
   * Creates one that does not wait at its cursor yet.
   *
   * @param id of its request
   * @param cursor where it waits
   * @param context what all of the connection share
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

  /** The topic that it reads. */
  get topic(): string {
    return this.#cursor.topic;
  }

  /** Begins to wait at its cursor; resolves as {@linkcode TopicCursor.addWaiter} does. */
  wait(): Promise<void> {
    this.#isAdded = true;
    return this.#cursor.addWaiter(this);
  }

  /** The pipeline no longer waits for it, and it ends after this many milliseconds. */
  detachFromPipeline(timeout: number): void {
    this.#outOfPipeline = true;
    this.#context.timers.add(this, timeout);
  }

  /** It must get no message any more. {@linkcode PendingGet.end} sends its reply later. */
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

  /** It has timed out, or was cancelled: there was no message. */
  settleEmpty(): void {
    this.#settle(readReply(this.id, undefined, this.#cursor.position));
  }

  /** Ends it with an error, or without a reply. */
  end(error: WireError | undefined): void {
    if (this.#state === "settled") return;
    this.#settle(error && errorReply(this.id, error));
  }

  #settle(answer: string | undefined): void {
    this.#state = "settled";
    const { timers, replies } = this.#context;
    if (this.index >= 0) timers.remove(this);
    if (this.#isAdded) this.#cursor.removeWaiter();
    this.#context.onSettled(this);
    if (answer === undefined) return;
    if (this.#outOfPipeline) replies.addLate(answer);
    else replies.add(answer);
  }
}
