/**
 * A subscription as the reader of it sees it: an iterator over messages.
 *
 * @module
 */

import type { Answer } from "../protocol/answers.ts";
import type { DsmqError } from "../protocol/errors.ts";
import type { Limits } from "../protocol/limits.ts";
import type { OnGap, WirePosition, WireSince } from "../protocol/requests.ts";
import type { GapChoice } from "./api.ts";
import { gapChoice } from "./arguments.ts";
import { Asked, badAnswer, isGap, members, type Stream, toDsmqError } from "./asked.ts";
import { Credit } from "./credit.ts";
import type { Link } from "./link.ts";
import type { Message } from "./message.ts";
import { type Next, StreamBuffer } from "./stream_buffer.ts";
import { StreamCursor } from "./stream_cursor.ts";
import { type StreamFrame, toFrame } from "./stream_frame.ts";
import { StreamPosition } from "./stream_position.ts";
import type { Item, TopicQueue } from "./topic_queue.ts";

/** What a subscription needs to know. */
export interface SubscriptionOptions {
  readonly topic: string;
  /** From where; the connection's cursor, if it is not said. */
  readonly since: WireSince | undefined;
  /** Where messages of the topic arrive that belong to that cursor, if any have or may. */
  readonly queue: TopicQueue | undefined;
  readonly onGap: GapChoice | undefined;
  readonly signal: AbortSignal | undefined;
  /** What the server takes, and grants. */
  readonly limits: Limits;
}

/** After this many gaps in a row the server is taken to send them without end. */
const MAX_GAPS = 1000;

/**
 * The messages of a topic, one after another, as they are stored. Leaving the loop ends it, and so do
 * `return()`, `await using`, the signal, and the end of the connection.
 */
export class Subscription extends Asked
  implements AsyncIterableIterator<Message, undefined>, AsyncDisposable, Stream {
  readonly action = "subscribe";
  readonly topic: string;
  readonly calls = 1;
  readonly #link: Link;
  readonly #signal: AbortSignal | undefined;
  readonly #onGap: GapChoice | undefined;
  readonly #buffer: StreamBuffer;
  readonly #position: StreamPosition;
  /** There until the server has said where it begins, if something may arrive that comes before. */
  #cursor: StreamCursor | undefined;
  readonly #credit = new Credit();
  /** The last sequence number of the stream; a frame that does not follow on it is an error. */
  #last = 0;
  /** How many gaps it was told of since a message came. */
  #gaps = 0;

  /**
   * Subscribes.
   *
   * @param link where to
   * @param options to what
   */
  constructor(link: Link, { topic, since, queue, onGap, signal, limits }: SubscriptionOptions) {
    super();
    this.#link = link;
    this.topic = topic;
    this.#buffer = new StreamBuffer(topic, (frame) => this.#readOut(frame));
    this.#position = new StreamPosition(link.positions, topic, since, link.known.current);
    this.#onGap = onGap;
    this.#signal = signal;
    this.#credit.begin(limits, this.#buffer.unread);
    // Before it asks: that may end it at once, and then nothing stays behind.
    signal?.addEventListener("abort", this.#abort);
    const arrived = queue?.head;
    if (arrived) {
      if (arrived.gap) queue.shift();
      this.#beginAt(arrived);
    } else {
      link.requests.ask(this, this);
      if (queue && queue.unanswered > 0 && !this.#buffer.ended) {
        queue.join(this.#cursor = new StreamCursor(queue, (item) => this.#beginInstead(item)));
      }
    }
  }

  /** Something has arrived for a read that was called off before: the subscription begins with that. */
  #beginInstead(item: Item): void {
    if (!this.#isToLeave) this.#leave();
    this.#beginAt(item);
  }

  #beginAt(item: Item): void {
    const { epoch } = item;
    if (item.gap) return this.#fail(item.gap, { after: item.through, epoch });
    this.#position.beginAt({ after: item.message.seq - 1, epoch });
    this.#askAnew();
  }

  /** It was asked, and has not left: when it does it says what counts then. */
  get #isToLeave(): boolean {
    return this.id > 0 && this.order === 0 && !this.withdrawn;
  }

  #askAnew(): void {
    if (this.#isToLeave) return;
    this.#link.requests.forget(this.id);
    this.#credit.begin(this.#link.limits, this.#buffer.unread);
    this.#link.requests.ask(this, this);
  }

  get size(): number {
    return this.topic.length;
  }

  protected members(): string {
    const onGap = typeof this.#onGap === "function" ? undefined : this.#onGap;
    const position = this.#position.asked();
    return members({ topic: this.topic, ...position, onGap, ...this.#credit.granted });
  }

  /** Goes on where it was. */
  override again(): boolean {
    if (this.#buffer.ended) return false;
    if (this.sent) this.#position.lost();
    return true;
  }

  /** A server that came back with smaller limits grants less. */
  override within(limits: Limits, _size: number): readonly Asked[] {
    this.#credit.begin(limits, this.#buffer.unread);
    return [this];
  }

  /** The next message, once there is one. */
  next(): Promise<Next> {
    return this.#buffer.next();
  }

  /** Ends the subscription; nothing more is delivered. */
  return(): Promise<Next> {
    this.#buffer.clear();
    this.#leave();
    this.#ends(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** A subscription is its own iterator: it can be read once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As {@linkcode Subscription.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  override get wanted(): boolean {
    return !this.#buffer.ended;
  }

  /** Takes from where the server streams. */
  answered({ start, through }: Answer): void {
    const skipsGaps = this.#onGap !== undefined && typeof this.#onGap !== "function";
    if (start === undefined || !this.#position.mayBegin(start, skipsGaps)) {
      throw badAnswer("subscribe", this.topic);
    }
    this.#cursor?.leave();
    this.#position.answered(through);
    this.#position.reached(this.#position.here(start));
    this.#last = start;
  }

  /** The server did not subscribe. */
  failed(error: DsmqError): void {
    this.#ends(error);
  }

  override refused(error: DsmqError, { through }: Answer): void {
    const after = through ?? error.floor;
    if (error.code === "trimmed" && after !== undefined && !this.#position.mayBegin(after, false)) {
      throw badAnswer("subscribe", this.topic);
    }
    this.#cursor?.leave();
    if (isGap(error)) this.#position.answered(through);
    this.#failAfter(error, after);
  }

  /** Takes what the server streams. */
  arrived(answer: Answer): void {
    if (this.#buffer.ended) return;
    const { error, prev, through } = answer;
    if (error) {
      const gap = toDsmqError(error, this.topic);
      const after = through ?? gap.floor;
      if (isGap(gap) && after !== undefined && after < this.#last) {
        this.#refuse(`the stream goes on after ${after}, its last message was ${this.#last}`);
      }
      return this.#failAfter(gap, after);
    }
    if (prev !== this.#last) {
      this.#refuse(`the stream goes on after ${prev}, its last message was ${this.#last}`);
    }
    const frame = toFrame(answer, this.#last);
    if (!frame) this.#refuse("the server sent what is not of the protocol");
    if (!this.#credit.came({ messages: frame.messages.length, bytes: frame.bytes })) {
      this.#refuse("the server sends more than it was granted");
    }
    this.#last = frame.seqs.at(-1)!;
    this.#gaps = 0;
    this.suspect = false;
    this.#position.reached(this.#position.here(this.#last));
    this.#buffer.add(frame);
  }

  /** The connection is gone; a goodbye of this side's own is no error. */
  broken(error: DsmqError, own: boolean): void {
    if (own) this.#buffer.clear();
    this.#ends(own ? undefined : error);
  }

  /** The same, if it is known after which number of the present epoch it could go on. */
  #failAfter(error: DsmqError, after: number | undefined): void {
    if (after === undefined) this.#ends(error);
    else this.#fail(error, this.#position.here(after));
  }

  /** It ends, unless messages are missing and the caller wants to go on with what there is, at a position. */
  #fail(error: DsmqError, position: WirePosition): void {
    if (this.#buffer.ended) return;
    if (!isGap(error)) return this.#ends(error);
    let choice: OnGap | undefined;
    try {
      choice = gapChoice(this.#onGap, error);
    } catch (thrown) {
      // An end without an error would be taken for the end of the messages.
      return this.#ends(thrown ?? new TypeError(`Cannot read on: onGap threw ${thrown}`));
    }
    if (choice === undefined) return this.#ends(error);
    // It may have been left by the one who chose.
    if (this.#buffer.ended) return;
    if (++this.#gaps > MAX_GAPS) this.#refuse("the server tells of nothing but gaps");
    this.#position.reached(choice === "now" ? { ...position, after: error.last ?? 0 } : position);
    this.#askAnew();
  }

  readonly #abort = () => {
    this.#buffer.clear();
    this.#leave();
    this.#ends(this.#signal!.reason);
  };

  /** Tells the server that nothing more is wanted. */
  #leave(): void {
    if (this.#buffer.ended || this.#link.requests.withdraw(this)) return;
    this.#link.requests.tell("unsubscribe", members({ sub: this.id }));
  }

  /** The server broke its word: what arrived before is delivered, then the error. */
  #refuse(why: string): never {
    const error = badAnswer("read on", this.topic, why);
    this.#ends(error);
    throw error;
  }

  #ends(error: unknown): void {
    if (this.#buffer.ended) return;
    this.#buffer.end(error);
    this.#cursor?.leave();
    this.#link.requests.forget(this.id);
    this.#signal?.removeEventListener("abort", this.#abort);
  }

  /** A frame was read to its end. */
  #readOut({ messages, bytes }: StreamFrame): void {
    const due = this.#credit.read({ messages: messages.length, bytes });
    if (this.#buffer.ended || !due) return;
    this.#link.requests.tell("credit", members({ sub: this.id, ...this.#credit.granted }));
  }
}
