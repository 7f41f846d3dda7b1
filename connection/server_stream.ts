/**
 * A stream of messages, of a topic or of a prefix, to one subscriber, limited by credit.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { CreditTotals, GapPolicy, TopicFilter } from "../protocol/requests.ts";
import type { MessagePage, TopicMessage } from "../stores/store.ts";
import { leftBeforeGap, trimmedGap } from "../queue/positions.ts";
import { whenRemoved } from "../queue/topic_purges.ts";
import type { Queue } from "../queue/queue.ts";
import { TopicBatch, type TopicListener } from "../queue/topic_batch.ts";
import { toWireError } from "../queue/store_failure.ts";
import { CreditWindow, pageSize } from "./credit_window.ts";

/** What a stream needs to know. */
export interface ServerStreamOptions {
  /** Its id. */
  readonly sub: number;
  /** What it brings. */
  readonly filter: TopicFilter;
  /** It begins after this number. Messages missing after it are a gap. */
  readonly after: number;
  /** What was gone by this time after that number is no gap. Default: everything is. */
  readonly began?: number | undefined;
  /** What to do about a gap. Default: the stream ends. */
  readonly onGap: GapPolicy | undefined;
  /** The first credit. */
  readonly credit: CreditTotals;
}

/** Where a stream goes: frames of a connection, or the body of an HTTP response. */
export interface StreamOutput {
  /** At most so many bytes are sent at once, unless a single message is larger. */
  readonly frameBytes: number;
  /** The reader has enough to read. */
  readonly isFull: boolean;
  /** Whether this many bytes more may be sent now. */
  hasRoom(bytes: number): boolean;
  /** Resolves once they may, or once the reader is gone. */
  waitForRoom(bytes: number): Promise<void> | undefined;
  /**
   * Sends messages.
   *
   * @param sub the id of the stream
   * @param previous the last number that the reader knows
   * @param batch the messages, all of them after it
   */
  sendMessages(sub: number, previous: number, batch: TopicBatch): void;
  /** Ends a stream with an error; after a gap also with the number from which it could continue. */
  sendError(sub: number, error: WireError, through: number | undefined): void;
}

/** What all streams of a connection share. */
export interface ServerStreamContext {
  readonly queue: Queue;
  readonly output: StreamOutput;
  /** All are ending, though some have not ended yet. */
  readonly closed: boolean;
  /** A stream has to read from the store. It gets its turn by {@linkcode ServerStream.readMore}. */
  requestRead(stream: ServerStream): void;
  /** A stream has ended by itself. */
  onEnded(stream: ServerStream): void;
}

/**
 * A stream is `live`, and sends each batch of the feed as it comes; or it is `behind`, because its peer reads slowly or it
 * has just begun, and reads from the store in its turn; or it is `blocked` by lack of credit. While it is behind or blocked
 * it costs the server nothing but its position, which is right before the first message that it could not send.
 */
export class ServerStream implements TopicListener {
  readonly sub: number;
  /** What it brings. */
  readonly filter: TopicFilter;
  readonly #context: ServerStreamContext;
  readonly #onGap: GapPolicy | undefined;
  readonly #began: number | undefined;
  readonly #credit: CreditWindow;
  /** Its frames name the topic of each message. */
  readonly #isNamed: boolean;
  #position: number;
  /** The last number that the subscriber knows. */
  #sentThrough: number;
  #state: "live" | "behind" | "blocked" | "ended" = "blocked";
  /** For how many bytes there has to be room before it reads on. */
  #roomNeeded = 0;
  /** It has waited for a purge, to be told of all that it removes. */
  #hasWaited = false;
  /** While it was behind, the feed brought messages, or was interrupted. */
  #newMeanwhile = false;

  /**
   * Creates a stream. {@linkcode ServerStream.start} starts it.
   *
   * @param context what all streams of the connection share
   * @param options the rest
   */
  constructor(
    context: ServerStreamContext,
    { sub, filter, after, began, onGap, credit }: ServerStreamOptions,
  ) {
    this.#context = context;
    this.sub = sub;
    this.filter = filter;
    this.#isNamed = filter.prefix !== undefined;
    this.#onGap = onGap;
    this.#credit = new CreditWindow(credit);
    this.#position = this.#sentThrough = after;
    this.#began = began;
  }

  /** Starts to send. */
  start(): void {
    this.#context.queue.readers.add(this.filter);
    this.#resume();
  }

  /** Ends the stream without a frame; may be called twice. */
  end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    const { queue } = this.#context;
    queue.readers.remove(this.filter);
    queue.stopListening(this.filter, this);
  }

  /** Ends the stream with an error; after a gap also with the number from which it could continue. */
  endWithError(error: WireError, through?: number): void {
    this.#context.output.sendError(this.sub, error, through);
    this.end();
    this.#context.onEnded(this);
  }

  /** What could be sent if this were the credit. */
  remainingWith(credit: CreditTotals): CreditTotals {
    return this.#credit.remainingWith(credit);
  }

  /** Raises the credit, in totals since the stream began. It never falls. */
  grant(credit: CreditTotals): void {
    this.#credit.grant(credit);
    if (this.#state === "blocked") this.#resume();
  }

  onMessages(batch: TopicBatch): void {
    if (this.#state !== "live" || this.#context.closed) {
      this.#newMeanwhile = true;
      return;
    }
    const { messages } = batch;
    const isWhole = messages[0]!.seq > this.#position;
    const fresh = isWhole ? messages : messages.filter(({ seq }) => seq > this.#position);
    if (fresh.length === 0) return;
    const fitting = this.#fitting(fresh);
    if (fitting === fresh.length && !this.#context.output.isFull) {
      const sent = isWhole ? batch : new TopicBatch(fresh, this.#isNamed);
      if (this.#hasRoom(sent)) return this.#send(sent);
    }
    this.#stopBefore(fresh[0]!);
    if (fitting > 0) this.#fallBehind();
    else this.#block();
  }

  resync(through: number): void {
    // A read that is under way may have been too early.
    this.#newMeanwhile = true;
    if (this.#state !== "live") return;
    this.#position = Math.max(this.#position, through);
    this.#fallBehind();
  }

  /** Reads a page and sends what the limits allow. Asks for another turn if there may be more. */
  async readMore(): Promise<void> {
    if (this.#state !== "behind") return;
    try {
      if (this.#roomNeeded > 0) await this.#context.output.waitForRoom(this.#roomNeeded);
      if (this.#hasEnded()) return;
      this.#roomNeeded = 0;
      this.#newMeanwhile = false;
      const page = await this.#read();
      if (this.#hasEnded()) return;
      const left = leftBeforeGap(page, this.#position, this.#isNamed);
      if (left) this.#take(left);
      else if (!this.#waitsForPurge()) {
        await this.#skipGap(page.gone!.seq);
        if (!this.#hasEnded()) this.#fallBehind();
      }
    } catch (error) {
      if (!this.#hasEnded()) this.endWithError(toWireError(error, this.#context.queue.log));
    }
  }

  /** A purge that is under way may remove more: then all of it is one gap. It waits once, for others may follow. */
  #waitsForPurge(): boolean {
    const { queue } = this.#context;
    const removed = this.#hasWaited ? undefined : whenRemoved(queue, this.filter, this.#position);
    this.#hasWaited = removed !== undefined;
    void removed?.then(() => this.#hasEnded() || this.#fallBehind());
    return this.#hasWaited;
  }

  /** It may have ended during a wait. */
  #hasEnded(): boolean {
    return this.#state === "ended" || this.#context.closed;
  }

  #resume(): void {
    // First the feed, then reads: so there is neither a gap nor an overlap between the two.
    this.#context.queue.listen(this.filter, this);
    this.#fallBehind();
  }

  /** Until there is credit it does not listen to the feed: so blocked streams cost nothing. */
  #block(): void {
    this.#state = "blocked";
    this.#context.queue.stopListening(this.filter, this);
  }

  /** Whether these may be sent now. If not, it waits for room before it reads them again. */
  #hasRoom({ bytes }: TopicBatch): boolean {
    if (this.#context.output.hasRoom(bytes)) return true;
    this.#roomNeeded = bytes;
    return false;
  }

  #fallBehind(): void {
    this.#state = "behind";
    this.#context.requestRead(this);
  }

  async #read(): Promise<MessagePage> {
    // Without credit it still reads one message: it has to know for certain whether there is one, and where.
    const { messages, bytes } = this.#credit.remaining;
    const page = pageSize(this.#context.output.frameBytes);
    const [found] = await this.#context.queue.store.read([{
      ...this.filter,
      after: this.#position,
      count: Math.min(Math.max(messages, 1), page.messages),
      bytes: Math.min(bytes, page.bytes),
      gone: true,
      asOf: this.#began,
    }]);
    return found!;
  }

  /** Sends what the credit allows, including what was granted since the page was requested. */
  #take({ messages, through, more }: MessagePage): void {
    if (messages.length === 0) {
      this.#position = Math.max(this.#position, through);
      if (this.#newMeanwhile || more) this.#fallBehind();
      else this.#state = "live";
      return;
    }
    const fitting = messages.slice(0, this.#fitting(messages));
    if (fitting.length === 0) {
      this.#stopBefore(messages[0]!);
      return this.#block();
    }
    // Other requests of the connection may have sent much while the store was reading: then all of it is read again.
    const batch = new TopicBatch(fitting, this.#isNamed);
    if (this.#context.output.isFull || !this.#hasRoom(batch)) this.#stopBefore(messages[0]!);
    else {
      this.#send(batch);
      // What comes after the last message, and is known to be of other topics, is not looked through again.
      if (fitting.length === messages.length) this.#position = Math.max(this.#position, through);
    }
    this.#fallBehind();
  }

  #fitting(messages: readonly TopicMessage[]): number {
    return this.#credit.fitting(messages, this.#context.output.frameBytes, this.#isNamed);
  }

  #stopBefore({ seq }: TopicMessage): void {
    this.#position = Math.max(this.#position, seq - 1);
  }

  async #skipGap(gone: number): Promise<void> {
    const bounds = await this.#context.queue.store.bounds();
    if (this.#hasEnded()) return;
    if (this.#onGap === undefined) {
      const { error, through } = trimmedGap(this.#position, gone, bounds);
      return this.endWithError(error, through);
    }
    this.#position = this.#onGap === "now" ? bounds.last : gone;
  }

  #send(batch: TopicBatch): void {
    const { messages, bytes } = batch;
    this.#context.output.sendMessages(this.sub, this.#sentThrough, batch);
    this.#position = this.#sentThrough = messages.at(-1)!.seq;
    this.#credit.sent(messages.length, bytes);
    this.#context.queue.counts.deliver(messages.length, bytes);
    this.#context.queue.tracing?.deliver(messages);
  }
}
