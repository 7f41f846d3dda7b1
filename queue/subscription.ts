/**
 * A stream of a topic's messages to one subscriber, under credit.
 *
 * @module
 */

import { streamError, streamFrame } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Credit, OnGap } from "../protocol/requests.ts";
import { SHARED_FROM } from "../protocol/shared_end.ts";
import type { Message, Page } from "../stores/store.ts";
import { wireError } from "./host.ts";
import { trimmed } from "./positions.ts";
import { type Interest, type Queue, TopicBatch } from "./queue.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import { pageOf, StreamCredit } from "./stream_credit.ts";
import { hasRoom, isFull, type Wire } from "./wire.ts";

/** What a subscription needs to know. */
export interface SubscriptionOptions {
  /** Under which id it streams. */
  readonly sub: number;
  readonly topic: string;
  /** It streams what comes after; whatever is missing after it is a gap. */
  readonly after: number;
  /** What to do about a gap; the stream ends if nothing is said. */
  readonly onGap: OnGap | undefined;
  /** How much the subscriber takes for a start. */
  readonly credit: Credit;
}

/** What streams share with the others of their connection. */
export interface StreamContext {
  readonly queue: Queue;
  readonly wire: Wire;
  readonly replies: ReplyWriter;
  /** None of them streams any more, though not all have ended yet. */
  readonly closed: boolean;
  /** A stream has to read from the store: it is called up in its turn, by {@linkcode Subscription.readOn}. */
  wantsToRead(stream: Subscription): void;
  /** A stream has ended by itself. */
  ended(stream: Subscription): void;
}

/**
 * A subscription is `live`, and takes each batch of the feed as it comes; or it is `behind`, because its peer reads
 * slowly or it has just begun, and reads from the store when it is called up; or it is `blocked` for want of credit.
 * Behind and blocked it costs the server nothing but its position, which is right before the first message that
 * it could not send.
 */
export class Subscription implements Interest {
  readonly sub: number;
  readonly topic: string;
  readonly #context: StreamContext;
  readonly #onGap: OnGap | undefined;
  readonly #credit: StreamCredit;
  #position: number;
  /** The last number that the subscriber was told. */
  #told: number;
  #state: "live" | "behind" | "blocked" | "ended" = "blocked";
  /** So many bytes there has to be room for before it reads on. */
  #needs = 0;
  /** While it was behind, the feed brought something, or was interrupted. */
  #fedMeanwhile = false;

  /**
   * Makes a subscription; {@linkcode Subscription.start} sets it going.
   *
   * @param context what it shares with others
   * @param options the rest
   */
  constructor(
    context: StreamContext,
    { sub, topic, after, onGap, credit }: SubscriptionOptions,
  ) {
    this.#context = context;
    this.sub = sub;
    this.topic = topic;
    this.#onGap = onGap;
    this.#credit = new StreamCredit(credit);
    this.#position = this.#told = after;
  }

  /** Begins to stream. */
  start(): void {
    this.#resume();
  }

  /** Ends the stream without a word. */
  end(): void {
    this.#state = "ended";
    this.#context.queue.leave(this.topic, this);
  }

  /** Ends the stream, and says why; after a gap, also from where it could go on. */
  fail(error: WireError, through?: number): void {
    this.#context.replies.sendFrame(streamError(this.sub, error, through));
    this.end();
    this.#context.ended(this);
  }

  /** What could be sent without further credit, if so much were granted. */
  leftWith(credit: Credit): Credit {
    return this.#credit.leftWith(credit);
  }

  /** Raises what the subscriber takes in all since it subscribed; it never falls. */
  grant(credit: Credit): void {
    this.#credit.grant(credit);
    if (this.#state === "blocked") this.#resume();
  }

  fed(batch: TopicBatch): void {
    if (this.#state !== "live" || this.#context.closed) {
      this.#fedMeanwhile = true;
      return;
    }
    const { messages } = batch;
    const whole = messages[0]!.seq > this.#position;
    const fresh = whole ? messages : messages.filter(({ seq }) => seq > this.#position);
    if (fresh.length === 0) return;
    const fitting = this.#credit.fitting(fresh, this.#context.replies.frameBytes);
    if (fitting === fresh.length && !this.#held) {
      const sent = whole ? batch : new TopicBatch(fresh);
      if (this.#hasRoom(sent)) return this.#send(sent);
    }
    this.#stopBefore(fresh[0]!);
    if (fitting > 0) this.#fallBehind();
    else this.#block();
  }

  resync(fed: number): void {
    // A read that is under way may have been too early.
    this.#fedMeanwhile = true;
    if (this.#state !== "live") return;
    this.#position = Math.max(this.#position, fed);
    this.#fallBehind();
  }

  /** Reads a page and sends what fits; asks for another turn if there may be more. */
  async readOn(): Promise<void> {
    if (this.#state !== "behind") return;
    try {
      if (this.#needs > 0) await this.#context.wire.room?.(this.#needs);
      if (this.#isOver()) return;
      this.#needs = 0;
      this.#fedMeanwhile = false;
      const page = await this.#read();
      if (this.#isOver()) return;
      if (page.gone && page.gone.seq > this.#position) {
        await this.#passGap(page.gone.seq);
        if (!this.#isOver()) this.#fallBehind();
      } else this.#take(page);
    } catch (error) {
      if (!this.#isOver()) this.fail(wireError(error, this.#context.queue.log));
    }
  }

  /** It may have been ended during a wait. */
  #isOver(): boolean {
    return this.#state === "ended" || this.#context.closed;
  }

  /** The peer has enough to read already. */
  get #held(): boolean {
    return isFull(this.#context.wire);
  }

  #resume(): void {
    // First the feed, then reads: neither a gap nor an overlap between the two.
    this.#context.queue.attend(this.topic, this);
    this.#fallBehind();
  }

  /** Until there is credit the feed need not call: nobody pays for how many there are of these. */
  #block(): void {
    this.#state = "blocked";
    this.#context.queue.leave(this.topic, this);
  }

  /** Whether these may be sent now; if not, it waits for that before it reads them again. */
  #hasRoom({ bytes }: TopicBatch): boolean {
    if (hasRoom(this.#context.wire, bytes)) return true;
    this.#needs = bytes;
    return false;
  }

  #fallBehind(): void {
    this.#state = "behind";
    this.#context.wantsToRead(this);
  }

  async #read(): Promise<Page> {
    // Without credit it still looks for one message: whether there is one, and where, must be known for certain.
    const { messages, bytes } = this.#credit.left;
    const page = pageOf(this.#context.replies.frameBytes);
    const [found] = await this.#context.queue.store.read([{
      topic: this.topic,
      after: this.#position,
      count: Math.min(Math.max(messages, 1), page.messages),
      bytes: Math.min(bytes, page.bytes),
      gone: true,
    }]);
    return found!;
  }

  /** Sends what the credit allows, also what was granted since the page was asked for. */
  #take({ messages, through }: Page): void {
    if (messages.length === 0) {
      this.#position = Math.max(this.#position, through);
      if (this.#fedMeanwhile) this.#fallBehind();
      else this.#state = "live";
      return;
    }
    const { frameBytes } = this.#context.replies;
    const fitting = messages.slice(0, this.#credit.fitting(messages, frameBytes));
    if (fitting.length === 0) {
      this.#stopBefore(messages[0]!);
      return this.#block();
    }
    // The others of its connection may have sent much while the store was reading: then all of it is read again.
    const batch = new TopicBatch(fitting);
    if (this.#held || !this.#hasRoom(batch)) this.#stopBefore(messages[0]!);
    else this.#send(batch);
    this.#fallBehind();
  }

  #stopBefore({ seq }: Message): void {
    this.#position = Math.max(this.#position, seq - 1);
  }

  async #passGap(gone: number): Promise<void> {
    const bounds = await this.#context.queue.store.bounds();
    if (this.#isOver()) return;
    if (this.#onGap === undefined) {
      const { error, through } = trimmed(this.#position, gone, bounds);
      return this.fail(error, through);
    }
    this.#position = this.#onGap === "now" ? bounds.last : gone;
  }

  #send(batch: TopicBatch): void {
    const { messages, bytes } = batch;
    const { replies, queue } = this.#context;
    if (bytes < SHARED_FROM) {
      const frame = streamFrame(this.sub, this.#told, batch.text);
      replies.sendFrame(frame, frame.length + bytes);
    } else {
      const end = messages.length > 1 ? batch.end : queue.bodies.of(messages[0]!, "]}");
      // There is a comma between two messages.
      const size = bytes + messages.length - 1;
      replies.sendShared(streamFrame(this.sub, this.#told, batch.head), end, size);
    }
    this.#position = this.#told = messages.at(-1)!.seq;
    this.#credit.sent(messages.length, bytes);
    queue.counts.delivered += messages.length;
  }
}
