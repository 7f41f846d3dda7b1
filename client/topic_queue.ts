/**
 * What has arrived of one topic, and who asked for it.
 *
 * Messages and gaps enter the queue in the order in which they arrive, whatever request brought them. Readers take
 * from it in the order in which they asked. So a message whose reader has given up is the next one's, and nothing
 * overtakes anything.
 *
 * ```text
 * a reader that takes the oldest:  open ── takes the first item, or its own answer is empty, or an error ──▶ settled
 *                                       └─ its signal aborts, or its time is over ──▶ settled
 * a reader that takes the newest:  open ── its own answer comes ──▶ settled; nobody behind it is served before that
 * ```
 *
 * @module
 */

import type { DsmqError } from "../protocol/errors.ts";
import type { Message } from "./message.ts";

/** A message, or that messages are missing here; in which epoch, and until when it counts by the clock of `performance`. */
export type QueueItem =
  & { readonly epoch: string; readonly expires: number }
  & (
    | { readonly message: Message; readonly gap?: undefined }
    | { readonly gap: DsmqError; readonly through: number; readonly message?: undefined }
  );

/** Someone who asked for a message. */
export interface TopicReader {
  /** Not settled. */
  readonly isOpen: boolean;
  /** It takes the newest, once its own answer is there; others the oldest, whichever answer brings it. */
  readonly newest: boolean;
  /** Settles it with what it asked for, or with nothing. One who only looks leaves a message in its place: `false`. */
  settle(item: QueueItem | undefined): boolean;
  /** It was served by another's answer: calls off its own request. */
  cancel(): void;
  /** The connection is over: whoever is open fails, also one whose answer served another. */
  onEnd(makeError: (request: { action: string; topic: string }) => DsmqError): void;
}

/** Someone who asked with a request of its own. */
export interface RequestingReader extends TopicReader {
  /** It is open, and its own answer was for another. */
  gaveReplyAway: boolean;
  /** No answer that could serve it is to come: it is settled with nothing, or asks again. */
  onStarved(): void;
}

/** The queue of one topic. */
export class TopicQueue {
  /** What no reader has taken, oldest first. */
  #items: QueueItem[] = [];
  /** Those who asked, oldest first; some may not be open any more. */
  #readers: TopicReader[] = [];
  /** The oldest who is open. */
  #next = 0;
  #isServing = false;
  /** How many requests of this topic are unanswered. */
  unanswered = 0;
  /** How many of these are of readers who are not open any more: what is answered there is for others. */
  extraReplies = 0;
  /** Those whose answers were for others, oldest first; some may be settled by now. */
  readonly #repliesGiven: RequestingReader[] = [];
  /** How many of these are not. */
  #waitingForOthers = 0;

  /** Nothing of it is to be remembered. */
  get isIdle(): boolean {
    return this.unanswered === 0 && this.#items.length === 0 && this.#firstReader === undefined;
  }

  /** Somebody stands before those who ask now. */
  get hasReaders(): boolean {
    return this.#firstReader !== undefined;
  }

  /** What the next reader would take. */
  get head(): QueueItem | undefined {
    return this.#items[0];
  }

  /** Takes the oldest item. */
  shift(): QueueItem | undefined {
    const item = this.#items.shift();
    this.#releaseStarved();
    return item;
  }

  /** Someone asks. */
  add(reader: TopicReader): void {
    this.#readers.push(reader);
  }

  /** One of those who asked is not open any more. */
  onReaderClosed(): void {
    // Those behind are cleared away in one go for many: joining and leaving cost the same in any length.
    while (this.#next < this.#readers.length && !this.#readers[this.#next]!.isOpen) this.#next++;
    if (this.#next === this.#readers.length) {
      this.#readers.length = this.#next = 0;
    } else if (this.#next >= 32 && this.#next >= this.#readers.length / 2) {
      this.#readers.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.#items.length > 0 && !this.#isServing) this.#serve();
  }

  /** Nobody stands before a reader, and nothing has arrived that comes before its own answer: as it mostly is. */
  isNext(reader: TopicReader): boolean {
    return this.#firstReader === reader && this.#items.length === 0;
  }

  /** The connection is over: nobody is left open. */
  onEnd(makeError: Parameters<TopicReader["onEnd"]>[0]): void {
    for (const reader of this.#readers.slice(this.#next)) {
      if (reader.isOpen) reader.onEnd(makeError);
    }
  }

  /** The answer to a reader's request has come, with an item or with nothing. */
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

  /** A request of a reader who is not open any more has come to its end, and brought nothing. */
  onEmptyReply(): void {
    this.#releaseStarved();
  }

  /** One whose answer was for another does not wait for that of another any more. */
  onServedByOther(): void {
    if (--this.#waitingForOthers === 0) this.#repliesGiven.length = 0;
  }

  /**
   * No more readers wait for the answers of others than there are such answers, or the last of them would wait for ever:
   * a server that answers in another order than it was asked makes them more, and so does a wait that is asked again.
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
      // Settled, it leaves, and the next one is first.
      if (first.settle(this.#items[0])) this.#items.shift();
      first.cancel();
    }
    this.#isServing = false;
  }

  /** What is older than its message is passed over; but not that messages are missing. */
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
