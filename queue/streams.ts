/**
 * The subscriptions of one connection, and the verbs for them.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import { IdMap } from "../protocol/name_map.ts";
import type { Credit, RequestOf, SubscribeRequest } from "../protocol/requests.ts";
import type { Cursors } from "./cursors.ts";
import { done, fail, type Host, idInUse } from "./host.ts";
import { noLeave } from "./leave.ts";
import { locateStream } from "./positions.ts";
import type { Queue } from "./queue.ts";
import { type ReadsOptions, tellGap } from "./reads.ts";
import type { ReplyWriter } from "./reply_writer.ts";
import type { Shares } from "./shares.ts";
import { type StreamContext, Subscription } from "./subscription.ts";
import { isFull, type Wire } from "./wire.ts";

/** The subscriptions of a connection, by the id of the request that opened them. */
export class Streams implements StreamContext {
  readonly queue: Queue;
  readonly wire: Wire;
  readonly replies: ReplyWriter;
  readonly #host: Host;
  readonly #cursors: Cursors;
  readonly #mayNotRead: ReadsOptions["refusal"];
  readonly #mayRead: ReadsOptions["mayRead"];
  readonly #shares: Shares;
  readonly #subscriptions = new IdMap<Subscription>();
  /** Those that have to read from the store, the next one first. */
  #behind: Subscription[] = [];
  #reading = false;
  #closed = false;

  /**
   * Makes it.
   *
   * @param host what is shared with other connections
   * @param cursors where streams begin that do not say from where
   * @param options what belongs to this connection
   */
  constructor(host: Host, cursors: Cursors, options: ReadsOptions) {
    const { wire, replies, shares, refusal, mayRead } = options;
    this.#host = host;
    this.#cursors = cursors;
    this.#mayNotRead = refusal;
    this.#mayRead = mayRead;
    this.#shares = shares;
    this.queue = host.queue;
    this.wire = wire;
    this.replies = replies;
  }

  /** Opens a stream; one that does not say from where begins at the connection's cursor. */
  async subscribe(request: SubscribeRequest): Promise<void> {
    const { id: sub, topic, since, cursor, onGap, messages, bytes } = request;
    const { store } = this.queue;
    const credit = { messages, bytes };
    const refusal = this.#refusal(sub) ?? this.#excess("subscribe", credit);
    if (refusal) return fail(this.#host, request, refusal, this.replies);
    const reader = since === undefined ? await this.#cursors.readerFor(request, cursor) : undefined;
    if (since === undefined && !reader) return;
    const { after: oldest, gap } = reader?.gap
      ? { after: reader.cursor, gap: reader.gap }
      : await locateStream(store, topic, since ?? reader!.cursor);
    const last = gap && onGap === "now" ? (await store.bounds()).last : undefined;
    if (this.#closed) return;
    // Only now: if the store had not answered, nobody would have been told. And what it may read can have changed.
    const forbidden = this.#mayNotRead(topic);
    if (forbidden) return fail(this.#host, request, forbidden, this.replies);
    const ends = gap && onGap === undefined;
    if (!ends && !this.#shares.of("totalSubscriptions").take()) {
      const lack = this.#shares.lack("totalSubscriptions", "subscribe");
      return fail(this.#host, request, lack, this.replies);
    }
    reader?.takeGap();
    if (ends) return tellGap(request, gap, this.replies);
    const after = last ?? oldest;
    const subscription = new Subscription(this, { sub, topic, after, onGap, credit });
    this.#subscriptions.set(sub, subscription);
    done(request, { sub, start: after, through: reader?.cursor }, this.replies);
    subscription.start();
  }

  /** Raises the credit of a stream. One that has ended takes no note. */
  credit(request: RequestOf<"credit">): void {
    const subscription = this.#subscriptions.get(request.sub);
    const refusal = subscription && this.#excess("credit", subscription.leftWith(request));
    if (refusal) return fail(this.#host, request, refusal, this.replies);
    subscription?.grant(request);
    done(request, {}, this.replies);
  }

  /** Ends a stream, if it has not ended by itself. */
  unsubscribe(request: RequestOf<"unsubscribe">): void {
    const subscription = this.#subscriptions.get(request.sub);
    subscription?.end();
    if (subscription) this.ended(subscription);
    done(request, {}, this.replies);
  }

  wantsToRead(stream: Subscription): void {
    this.#behind.push(stream);
    if (!this.#reading) void this.#readInTurn();
  }

  ended({ sub }: Subscription): void {
    if (this.#subscriptions.delete(sub)) this.#shares.of("totalSubscriptions").giveBack();
  }

  /** Ends the streams of topics that may not be read any more. */
  endForbidden(): void {
    const forbidden: Subscription[] = [];
    for (const subscription of this.#subscriptions.values()) {
      if (this.#mayRead(subscription.topic)) continue;
      // None of them streams anything more while others are told.
      subscription.end();
      forbidden.push(subscription);
    }
    void this.queue.chores.each(forbidden, forbidden.length, (subscription) => {
      // It may have been unsubscribed meanwhile.
      if (this.#subscriptions.get(subscription.sub) !== subscription) return;
      subscription.fail(noLeave("read", subscription.topic));
    });
  }

  /** Ends all, without a word. Returns when that is done, if it takes long. */
  close(): Promise<void> | void {
    this.#closed = true;
    this.#behind = [];
    const all = this.#subscriptions;
    return this.queue.chores.each(all.values(), all.size, (subscription) => {
      subscription.end();
      all.delete(subscription.sub);
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Calls up one stream after another while the peer has room. If each looked for itself, a thousand of them would
   * find the same room, and fill it a thousand times.
   */
  async #readInTurn(): Promise<void> {
    this.#reading = true;
    // A stream that has just been opened is answered first.
    await undefined;
    while (this.#behind.length > 0) {
      if (isFull(this.wire)) await this.wire.drained();
      const turn = this.#behind;
      this.#behind = [];
      for (let i = 0; i < turn.length; i++) {
        await turn[i]!.readOn();
        const others = this.#giveWay();
        if (others) await others;
        if (!isFull(this.wire)) continue;
        this.#behind = [...turn.slice(i + 1), ...this.#behind];
        break;
      }
    }
    this.#reading = false;
  }

  /** Others have their turn, where it is time for that. */
  #giveWay(): Promise<void> | undefined {
    const { turn } = this.wire;
    return turn?.isOver ? new Promise((resolve) => void turn.next(resolve)) : undefined;
  }

  #refusal(sub: number): WireError | undefined {
    if (this.#subscriptions.has(sub)) return idInUse(sub);
    const { subscriptions } = this.#host.welcome.limits;
    if (this.#subscriptions.size < subscriptions) return undefined;
    return tooMany("subscribe", subscriptions, `there are ${this.#subscriptions.size} already`);
  }

  /** Why a stream cannot be granted so much ahead. */
  #excess(what: string, { messages, bytes }: Credit): WireError | undefined {
    const { creditMessages, creditBytes } = this.#host.welcome.limits;
    if (messages > creditMessages) {
      return tooMany(what, creditMessages, `${messages} messages would be granted ahead`);
    }
    if (bytes > creditBytes) {
      return tooMany(what, creditBytes, `${bytes} bytes would be granted ahead`);
    }
  }
}
