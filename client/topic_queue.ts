/**
 * The messages of one topic that have arrived, and the reads that wait for them.
 *
 * Messages and gaps enter the queue in the order in which they arrive, whichever request brought them. Reads take them in
 * the order in which they were called. So a message whose read was cancelled goes to the next one, and nothing is overtaken.
 *
 * ```text
 * a read of the oldest:  open ── takes the first item, or its own reply is empty or an error ──▶ settled
 *                             └─ its signal aborts, or its time is over ──▶ settled
 * a read of the newest:  open ── its own reply arrives ──▶ settled; no read behind it is served before that
 * ```
 *
 * @module
 */

import type { DsmqError } from "../protocol/errors.ts";
import type { MessageReply } from "../protocol/replies.ts";
import type { Call } from "./connection_end.ts";

/** A message or a gap, with its epoch, and the time of `performance` at which it expires. */
export type QueueItem =
  & { readonly epoch: string; readonly expires: number }
  & (
    | { readonly message: MessageReply; readonly gap?: undefined }
    | { readonly gap: DsmqError; readonly through: number; readonly message?: undefined }
  );

/** A reader in the queue. */
export interface TopicReader {
  /** Not settled. */
  readonly isOpen: boolean;
  /** It takes the newest message, when its own reply arrives. Others take the oldest, in whichever reply it arrives. */
  readonly newest: boolean;
  /** Settles it with an item, or with nothing. Returns `false` if it leaves a message in the queue, as a stream does. */
  settle(item: QueueItem | undefined): boolean;
  /** The reply to another read served it: cancels its own request. */
  cancel(): void;
  /** The connection has ended: it fails. */
  onEnd(makeError: (call: Call) => DsmqError): void;
}

/** A reader with a request of its own. */
export interface RequestingReader extends TopicReader {
  /** It is open, and its own reply served another reader. */
  gaveReplyAway: boolean;
  /** No reply that could serve it will come: it is settled with nothing, or asks again. */
  onStarved(): void;
}

/** The queue of one topic. */
export class TopicQueue {
  /** Items that no reader has taken, oldest first. */
  #items: QueueItem[] = [];
  /** The readers, oldest first; some may not be open any more. */
  #readers: TopicReader[] = [];
  /** The index of the oldest reader that is open. */
  #next = 0;
  #isServing = false;
  /** How many requests of this topic are unanswered. */
  unanswered = 0;
  /** How many of these belong to readers that are not open any more: their replies serve others. */
  extraReplies = 0;
  /** Readers whose replies served others, oldest first; some may be settled by now. */
  readonly #repliesGiven: RequestingReader[] = [];
  /** How many of these are not settled. */
  #waitingForOthers = 0;

  /** There is nothing in it to keep. */
  get isIdle(): boolean {
    return this.unanswered === 0 && this.#items.length === 0 && this.#firstReader === undefined;
  }

  /** There is an open reader. */
  get hasReaders(): boolean {
    return this.#firstReader !== undefined;
  }

  /** The item that the next reader would take. */
  get head(): QueueItem | undefined {
    return this.#items[0];
  }

  /** Takes the oldest item. */
  shift(): QueueItem | undefined {
    const item = this.#items.shift();
    this.#releaseStarved();
    return item;
  }

  /** Adds a reader. */
  add(reader: TopicReader): void {
    this.#readers.push(reader);
  }

  /** A reader is not open any more. */
  onReaderClosed(): void {
    // Closed readers are removed many at a time, so that joining and leaving cost the same at any length.
    while (this.#next < this.#readers.length && !this.#readers[this.#next]!.isOpen) this.#next++;
    if (this.#next === this.#readers.length) {
      this.#readers.length = this.#next = 0;
    } else if (this.#next >= 32 && this.#next >= this.#readers.length / 2) {
      this.#readers.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.#items.length > 0 && !this.#isServing) this.#serve();
  }

  /** A reader is the first, and nothing arrived before its own reply: the usual case. */
  isNext(reader: TopicReader): boolean {
    return this.#firstReader === reader && this.#items.length === 0;
  }

  /** The connection has ended: every open reader fails. */
  onEnd(makeError: Parameters<TopicReader["onEnd"]>[0]): void {
    for (const reader of this.#readers.slice(this.#next)) {
      if (reader.isOpen) reader.onEnd(makeError);
    }
  }

  /** The reply to a reader's request has arrived, with an item or with nothing. */
  onReply(reader: RequestingReader, item: QueueItem | undefined): void {
    if (reader.newest && reader.isOpen) this.#settleNewest(reader, item);
    else if (item) {
      if (reader.isOpen) {
        reader.gaveReplyAway = true;
        this.#repliesGiven.push(reader);
        this.#waitingForOthers++;
      }
      this.#items.push(item);
      this.#serve();
    } else if (reader.isOpen) reader.settle(undefined);
    this.#releaseStarved();
  }

  /** The request of a reader that is not open any more has ended without an item. */
  onEmptyReply(): void {
    this.#releaseStarved();
  }

  /** A reader whose reply served another does not wait for one of the others any more. */
  onServedByOther(): void {
    if (--this.#waitingForOthers === 0) this.#repliesGiven.length = 0;
  }

  /**
   * Readers that wait for the replies to others must not outnumber those replies, or the last would never be served. A server
   * that answers in another order than it was asked makes them too many, and so does a wait that is sent again.
   */
  #releaseStarved(): void {
    while (this.#waitingForOthers > this.extraReplies + this.#items.length) {
      const last = this.#repliesGiven.pop()!;
      if (last.gaveReplyAway) last.onStarved();
    }
  }

  get #firstReader(): TopicReader | undefined {
    return this.#readers[this.#next];
  }

  #serve(): void {
    this.#isServing = true;
    for (let first; this.#items.length > 0 && (first = this.#firstReader) && !first.newest;) {
      // Settled, it leaves the queue, and the next reader is the first.
      if (first.settle(this.#items[0])) this.#items.shift();
      first.cancel();
    }
    this.#isServing = false;
  }

  /** Skips messages that are older than the newest, but not a gap. */
  #settleNewest(reader: RequestingReader, item: QueueItem | undefined): void {
    if (item) this.#items.push(item);
    const gap = this.#items.findIndex(({ gap }) => gap !== undefined);
    const newest = this.#items.at(-1);
    if (gap >= 0) reader.settle(this.#items.splice(gap, 1)[0]);
    else {
      this.#items.length = 0;
      reader.settle(newest);
    }
  }
}
