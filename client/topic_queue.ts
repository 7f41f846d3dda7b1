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
export type Item =
  & { readonly epoch: string; readonly expires: number }
  & (
    | { readonly message: Message; readonly gap?: undefined }
    | { readonly gap: DsmqError; readonly through: number; readonly message?: undefined }
  );

/** Someone who asked for a message. */
export interface TopicReader {
  /** Not settled. */
  readonly open: boolean;
  /** It takes the newest, once its own answer is there; others the oldest, whichever answer brings it. */
  readonly newest: boolean;
  /** Settles it with what it asked for, or with nothing. One who only looks leaves a message in its place: `false`. */
  settle(item: Item | undefined): boolean;
  /** It was served by another's answer: calls off its own request. */
  callOff(): void;
  /** The connection is over: whoever is open fails, also one whose answer served another. */
  finish(failure: (asked: { action: string; topic: string }) => DsmqError): void;
}

/** Someone who asked with a request of its own. */
export interface Asker extends TopicReader {
  /** It is open, and its own answer was for another. */
  gaveAway: boolean;
  /** No answer that could serve it is to come: it is settled with nothing, or asks again. */
  leftOut(): void;
}

/** The queue of one topic. */
export class TopicQueue {
  /** What no reader has taken, oldest first. */
  #items: Item[] = [];
  /** Those who asked, oldest first; some may not be open any more. */
  #readers: TopicReader[] = [];
  /** The oldest who is open. */
  #next = 0;
  #serving = false;
  /** How many requests of this topic are unanswered. */
  unanswered = 0;
  /** How many of these are of readers who are not open any more: what is answered there is for others. */
  spare = 0;
  /** Those whose answers were for others, oldest first; some may be settled by now. */
  readonly #givers: Asker[] = [];
  /** How many of these are not. */
  #waiting = 0;

  /** Nothing of it is to be remembered. */
  get idle(): boolean {
    return this.unanswered === 0 && this.#items.length === 0 && this.#first === undefined;
  }

  /** Somebody stands before those who ask now. */
  get busy(): boolean {
    return this.#first !== undefined;
  }

  /** What the next reader would take. */
  get head(): Item | undefined {
    return this.#items[0];
  }

  /** Takes the oldest item. */
  shift(): Item | undefined {
    const item = this.#items.shift();
    this.#leaveOut();
    return item;
  }

  /** Someone asks. */
  join(reader: TopicReader): void {
    this.#readers.push(reader);
  }

  /** One of those who asked is not open any more. */
  left(): void {
    // Those behind are cleared away in one go for many: joining and leaving cost the same in any length.
    while (this.#next < this.#readers.length && !this.#readers[this.#next]!.open) this.#next++;
    if (this.#next === this.#readers.length) {
      this.#readers.length = this.#next = 0;
    } else if (this.#next >= 32 && this.#next >= this.#readers.length / 2) {
      this.#readers.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.#items.length > 0 && !this.#serving) this.#serve();
  }

  /** Nobody stands before a reader, and nothing has arrived that comes before its own answer: as it mostly is. */
  isNext(reader: TopicReader): boolean {
    return this.#first === reader && this.#items.length === 0;
  }

  /** The connection is over: nobody is left open. */
  finish(failure: Parameters<TopicReader["finish"]>[0]): void {
    for (const reader of this.#readers.slice(this.#next)) if (reader.open) reader.finish(failure);
  }

  /** The answer to a reader's request has come, with an item or with nothing. */
  arrived(asker: Asker, item: Item | undefined): void {
    if (asker.newest && asker.open) this.#settleNewest(asker, item);
    else if (item) {
      if (asker.open) {
        asker.gaveAway = true;
        this.#givers.push(asker);
        this.#waiting++;
      }
      this.#items.push(item);
      this.#serve();
    } else if (asker.open) asker.settle(undefined);
    this.#leaveOut();
  }

  /** A request of a reader who is not open any more has come to its end, and brought nothing. */
  broughtNothing(): void {
    this.#leaveOut();
  }

  /** One whose answer was for another does not wait for that of another any more. */
  served(): void {
    if (--this.#waiting === 0) this.#givers.length = 0;
  }

  /**
   * No more readers wait for the answers of others than there are such answers, or the last of them would wait for ever:
   * a server that answers in another order than it was asked makes them more, and so does a wait that is asked again.
   */
  #leaveOut(): void {
    while (this.#waiting > this.spare + this.#items.length) {
      const last = this.#givers.pop()!;
      if (last.gaveAway) last.leftOut();
    }
  }

  get #first(): TopicReader | undefined {
    return this.#readers[this.#next];
  }

  #serve(): void {
    this.#serving = true;
    for (let first; this.#items.length > 0 && (first = this.#first) && !first.newest;) {
      // Settled, it leaves, and the next one is first.
      if (first.settle(this.#items[0])) this.#items.shift();
      first.callOff();
    }
    this.#serving = false;
  }

  /** What is older than its message is passed over; but not that messages are missing. */
  #settleNewest(asker: Asker, item: Item | undefined): void {
    if (item) this.#items.push(item);
    const gap = this.#items.findIndex(({ gap }) => gap !== undefined);
    const newest = this.#items.at(-1);
    if (gap >= 0) asker.settle(this.#items.splice(gap, 1)[0]);
    else {
      this.#items.length = 0;
      asker.settle(newest);
    }
  }
}
