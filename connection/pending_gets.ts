/**
 * The unanswered `get_wait` requests of one connection.
 *
 * @module
 */

import { permissionDenied } from "../auth/permissions.ts";
import type { WireError } from "../protocol/errors.ts";
import { limitExceeded } from "../protocol/request_fields.ts";
import { IdMap } from "../protocol/name_map.ts";
import type { WireRequestOf } from "../protocol/requests.ts";
import type { HeapTimer, TimerHeap } from "../queue/timer_heap.ts";
import { idInUse, reply, replyError, type ServerContext } from "./server_context.ts";
import type { LargeBodyCache } from "../queue/large_body_cache.ts";
import type { ReadVerb, ReadVerbOptions } from "./read_verb.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { ConnectionBudgets } from "../budgets/shared_budgets.ts";
import { errorReply, readReply, readReplyHead } from "../protocol/encode_replies.ts";
import { REPLY_FRAME_BYTES } from "../protocol/limits.ts";
import type { TopicMessage } from "../stores/store.ts";
import type { TopicReaders } from "../queue/topic_readers.ts";
import type { TopicCursor } from "../queue/topic_cursor.ts";
import type { Waiter } from "../queue/waiters.ts";

/** What all of a connection share. */
interface PendingGetContext {
  readonly replies: ReplyWriter;
  readonly timers: TimerHeap;
  readonly readers: TopicReaders;
  readonly largeBodies: LargeBodyCache;
  /** All are ending, though some have no reply yet. */
  readonly closed: boolean;
  /** One has its reply, or the peer is gone. */
  onSettled(wait: PendingGet): void;
}

/** Waits at a cursor for a message, its timeout, or a cancellation. It is answered once. */
class PendingGet implements Waiter, HeapTimer {
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
    this.#context.readers.add(this);
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
    this.#settle(undefined);
    if (error) this.#context.replies.addLast(errorReply(this.id, error));
  }

  #settle(answer: string | undefined): void {
    this.#state = "settled";
    const { timers, readers, replies } = this.#context;
    if (this.index >= 0) timers.remove(this);
    if (this.#outOfPipeline) readers.remove(this);
    if (this.#isAdded) this.#cursor.removeWaiter();
    this.#context.onSettled(this);
    if (answer === undefined) return;
    if (this.#outOfPipeline) replies.addLate(answer);
    else replies.add(answer);
  }
}

/** Unanswered `get_wait` requests, by their ids. */
export class PendingGets implements PendingGetContext {
  readonly replies: ReplyWriter;
  readonly timers: TimerHeap;
  readonly readers: TopicReaders;
  readonly largeBodies: LargeBodyCache;
  readonly #context: ServerContext;
  readonly #readVerb: ReadVerb;
  readonly #budgets: ConnectionBudgets;
  readonly #mayRead: ReadVerbOptions["mayRead"];
  readonly #pending = new IdMap<PendingGet>();
  /** The error with which they end; `undefined` if the peer is gone. */
  #endError: WireError | undefined;

  /**
   * Starts without requests.
   *
   * @param context what all connections share
   * @param reads finds the cursors
   * @param options the rest of the connection
   */
  constructor(context: ServerContext, reads: ReadVerb, { budgets, mayRead }: ReadVerbOptions) {
    this.replies = reads.replies;
    this.timers = context.queue.timers;
    this.readers = context.queue.readers;
    this.largeBodies = context.queue.largeBodies;
    this.#context = context;
    this.#readVerb = reads;
    this.#budgets = budgets;
    this.#mayRead = mayRead;
  }

  /** Replies with the oldest unread message, as soon as there is one. */
  async getWait(request: WireRequestOf<"get_wait">): Promise<void> {
    const { id, timeout } = request;
    const pending = this.#pending;
    if (pending.has(id)) return replyError(this.#context, request, idInUse(id), this.replies);
    const { waits: limit } = this.#context.welcome.limits;
    if (pending.size >= limit) {
      const error = limitExceeded("get_wait", limit, `${pending.size} wait already`);
      return replyError(this.#context, request, error, this.replies);
    }
    const { fence } = this.#context.queue;
    if (fence) await fence();
    const cursor = await this.#readVerb.readerFor(request);
    if (!cursor || this.#readVerb.refuses(request)) return;
    if (!this.#budgets.of("totalWaits").take()) {
      return replyError(
        this.#context,
        request,
        this.#budgets.budgetError("totalWaits", "get_wait"),
        this.replies,
      );
    }
    const pendingGet = new PendingGet(id, cursor, this);
    pending.set(id, pendingGet);
    if (timeout === 0 && cursor.hasWaiters) await cursor.serveWaiters();
    if (pendingGet.open) await pendingGet.wait();
    if (!pendingGet.open) return;
    if (timeout === 0) return pendingGet.settleEmpty();
    pendingGet.detachFromPipeline(timeout);
  }

  onSettled({ id }: PendingGet): void {
    this.#pending.delete(id);
    this.#budgets.of("totalWaits").release();
  }

  /** Ends one early: its reply is the same as at its timeout. */
  cancel(request: WireRequestOf<"cancel">): void {
    const pendingGet = this.#pending.get(request.wait);
    if (pendingGet?.open) pendingGet.settleEmpty();
    reply(request, {}, this.replies);
  }

  /** Ends those for topics that may not be read any more. */
  endForbidden(): void {
    const forbidden: PendingGet[] = [];
    for (const pendingGet of this.#pending.values()) {
      if (this.#mayRead(pendingGet.topic)) continue;
      // None of them gets a message while the others are ended.
      pendingGet.cancel();
      forbidden.push(pendingGet);
    }
    const endWait = (pendingGet: PendingGet) =>
      pendingGet.end(permissionDenied("read", pendingGet.topic));
    void this.#context.queue.cleanup.forEach(forbidden, forbidden.length, endWait);
  }

  get closed(): boolean {
    return this.#readVerb.closed;
  }

  /**
   * Ends all, for good. The reads of the connection have ended before.
   *
   * @param error the reply to each; none if the peer is gone
   * @returns when all have ended, if that takes long
   */
  end(error?: WireError): Promise<void> | void {
    this.#endError = error;
    const pending = this.#pending;
    if (pending.size === 0) return;
    return this.#context.queue.cleanup.forEach(
      pending.values(),
      pending.size,
      (pendingGet) => pendingGet.end(this.#endError),
    );
  }
}
