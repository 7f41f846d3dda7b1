/**
 * A stream of a topic's messages to one subscriber, under credit.
 *
 * @module
 */

import { streamError, streamFrame } from "../protocol/answers.ts";
import type { WireError } from "../protocol/errors.ts";
import { FRAME_BYTES } from "../protocol/limits.ts";
import type { Credit, OnGap } from "../protocol/requests.ts";
import type { Message, Page } from "../stores/store.ts";
import { wireError } from "./host.ts";
import { trimmed } from "./positions.ts";
import { type Interest, type Queue, TopicBatch } from "./queue.ts";
import { BUFFER_LIMIT, type Wire } from "./wire.ts";

/** What a subscription needs to know. */
export interface SubscriptionOptions {
  /** Under which id it streams. */
  readonly sub: number;
  readonly topic: string;
  /** It streams what comes after. */
  readonly after: number;
  /** The subscriber named that position itself: whatever is missing after it is a gap. */
  readonly exact: boolean;
  /** What to do about a gap; the stream ends if nothing is said. */
  readonly onGap: OnGap | undefined;
  /** How much the subscriber takes for a start. */
  readonly credit: Credit;
  /** Called once, if the stream ends by itself. */
  readonly ended: () => void;
}

/** At most so much is read and sent at once: a frame's bytes, less what stands around each message. */
const PAGE_MESSAGES = 1024;
const PAGE_BYTES = FRAME_BYTES - 64 * PAGE_MESSAGES;

/**
 * A subscription is either caught up, and takes each batch of the feed as it comes; or it lags, for want
 * of credit or because its peer reads slowly. Then it costs the server nothing but its position, which is
 * right before the first message that it could not send, until it can read on from the store.
 */
export class Subscription implements Interest {
  readonly #queue: Queue;
  readonly #wire: Wire;
  readonly #options: SubscriptionOptions;
  #granted: Credit;
  #sent: Credit = { messages: 0, bytes: 0 };
  #position: number;
  /** The last number that the subscriber was told. */
  #told: number;
  /** A message is missing if the floor has passed the position. */
  #exact: boolean;
  #state: "caught up" | "lagging" | "reading" | "ended" = "lagging";
  /** While it was reading, the feed brought something, or was interrupted. */
  #again = false;

  /**
   * Makes a subscription; {@linkcode Subscription.start} sets it going.
   *
   * @param queue where messages come from
   * @param wire where they go
   * @param options the rest
   */
  constructor(queue: Queue, wire: Wire, options: SubscriptionOptions) {
    this.#queue = queue;
    this.#wire = wire;
    this.#options = options;
    this.#granted = options.credit;
    this.#position = this.#told = options.after;
    this.#exact = options.exact;
  }

  /** It has been sent all that the feed has brought. */
  get caughtUp(): boolean {
    return this.#state === "caught up";
  }

  /** Begins to stream. */
  start(): void {
    // First the feed, then reads: neither a gap nor an overlap between the two.
    this.#queue.attend(this.#options.topic, this);
    void this.#catchUp();
  }

  /** Ends the stream without a word. */
  end(): void {
    this.#state = "ended";
    this.#queue.leave(this.#options.topic, this);
  }

  /** What could be sent without further credit, if so much were granted. */
  leftWith(credit: Credit): Credit {
    return less(higher(this.#granted, credit), this.#sent);
  }

  /** Ends the stream, and says why. */
  fail(error: WireError): void {
    this.#wire.send(streamError(this.#options.sub, error));
    this.end();
    this.#options.ended();
  }

  /** What it streams. */
  get topic(): string {
    return this.#options.topic;
  }

  /** Raises what the subscriber takes in all since it subscribed; it never falls. */
  grant(credit: Credit): void {
    this.#granted = higher(this.#granted, credit);
    if (this.#state === "lagging") void this.#catchUp();
  }

  fed(batch: TopicBatch): void {
    if (this.#state !== "caught up") {
      this.#again = true;
      return;
    }
    const fresh = batch.messages.filter(({ seq }) => seq > this.#position);
    if (fresh.length === 0) return;
    const fitting = this.#fitting(fresh);
    if (fitting === fresh.length && this.#wire.buffered < BUFFER_LIMIT) {
      const whole = fresh.length === batch.messages.length;
      this.#send(whole ? batch : new TopicBatch(fresh));
    } else {
      this.#lagBefore(fresh[0]!);
      if (fitting > 0) void this.#catchUp();
    }
  }

  resync(fed: number): void {
    if (this.#state === "caught up") {
      this.#state = "lagging";
      this.#position = Math.max(this.#position, fed);
      this.#exact = true;
    }
    // A read that is under way may have been too early.
    if (this.#state === "reading") this.#again = true;
    else if (this.#state === "lagging") void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    this.#state = "reading";
    try {
      while (this.#state === "reading") {
        this.#again = false;
        if (this.#wire.buffered >= BUFFER_LIMIT) await this.#wire.drained();
        const page = await this.#read();
        if (!this.#reading()) return;
        if (this.#exact && this.#position < page.floor) await this.#gap(page.floor);
        else this.#take(page);
      }
    } catch (error) {
      if (this.#reading()) this.fail(wireError(error, this.#queue.log));
    }
  }

  /** It may have been ended during a wait. */
  #reading(): boolean {
    return this.#state === "reading";
  }

  async #read(): Promise<Page> {
    // Without credit it still looks for one message: whether it lags, and where, must be known for certain.
    const { messages, bytes } = this.#left;
    const count = Math.min(Math.max(messages, 1), PAGE_MESSAGES);
    const { topic } = this.#options;
    const query = { topic, after: this.#position, count, bytes: Math.min(bytes, PAGE_BYTES) };
    const [page] = await this.#queue.store.read([query]);
    return page!;
  }

  /** Sends what the credit allows, also what was granted since the page was asked for. */
  #take({ messages, through }: Page): void {
    const fitting = messages.slice(0, this.#fitting(messages));
    if (fitting.length > 0) {
      this.#send(new TopicBatch(fitting));
      this.#exact = true;
    } else if (messages.length > 0) {
      this.#lagBefore(messages[0]!);
    } else {
      this.#position = Math.max(this.#position, through);
      if (!this.#again) this.#state = "caught up";
    }
  }

  #lagBefore({ seq }: Message): void {
    this.#position = Math.max(this.#position, seq - 1);
    this.#exact = true;
    this.#state = "lagging";
  }

  async #gap(floor: number): Promise<void> {
    const { last } = await this.#queue.store.bounds();
    if (!this.#reading()) return;
    const { onGap } = this.#options;
    if (onGap === undefined) return this.fail(trimmed(this.#position, floor, last));
    this.#position = onGap === "now" ? last : floor;
    this.#exact = false;
  }

  /** How many of these messages the credit allows, and one frame holds. */
  #fitting(messages: readonly Message[]): number {
    const left = this.#left;
    const most = Math.min(messages.length, left.messages);
    let bytes = 0;
    for (let n = 0; n < most; n++) {
      bytes += messages[n]!.bytes;
      if (bytes > left.bytes || (n > 0 && bytes > PAGE_BYTES)) return n;
    }
    return most;
  }

  get #left(): Credit {
    return less(this.#granted, this.#sent);
  }

  #send({ messages, bytes, text }: TopicBatch): void {
    this.#wire.send(streamFrame(this.#options.sub, this.#told, text));
    this.#position = this.#told = messages.at(-1)!.seq;
    const sent = this.#sent;
    this.#sent = { messages: sent.messages + messages.length, bytes: sent.bytes + bytes };
    this.#queue.counts.delivered += messages.length;
  }
}

function higher(one: Credit, other: Credit): Credit {
  return {
    messages: Math.max(one.messages, other.messages),
    bytes: Math.max(one.bytes, other.bytes),
  };
}

function less(one: Credit, other: Credit): Credit {
  return { messages: one.messages - other.messages, bytes: one.bytes - other.bytes };
}
