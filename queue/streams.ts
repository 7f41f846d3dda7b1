/**
 * The subscriptions of one connection, and the verbs for them.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import { tooMany } from "../protocol/fields.ts";
import type { Credit, RequestOf, SubscribeRequest } from "../protocol/requests.ts";
import { done, fail, type Host, idInUse } from "./host.ts";
import type { Outbox } from "./outbox.ts";
import { locate, type Position } from "./positions.ts";
import type { Reads } from "./reads.ts";
import { Subscription } from "./subscription.ts";
import type { Wire } from "./wire.ts";

/** The subscriptions of a connection, by the id of the request that opened them. */
export class Streams {
  readonly #host: Host;
  readonly #wire: Wire;
  readonly #subscriptions = new Map<number, Subscription>();
  #closed = false;

  /**
   * Makes it.
   *
   * @param host what is shared with other connections
   * @param wire where the streams go
   */
  constructor(host: Host, wire: Wire) {
    this.#host = host;
    this.#wire = wire;
  }

  /** Opens a stream; one that does not say from where begins at the connection's cursor. */
  async subscribe(request: SubscribeRequest, reads: Reads, out: Outbox): Promise<void> {
    const { id: sub, topic, since, onGap, messages, bytes } = request;
    const credit = { messages, bytes };
    if (this.#subscriptions.has(sub)) return fail(this.#host, request, idInUse(sub), out);
    const refusal = this.#full() ?? this.#excess("subscribe", credit);
    if (refusal) return fail(this.#host, request, refusal, out);
    const reader = since === undefined ? await reads.readerFor(request, out) : undefined;
    if (since === undefined && !reader) return;
    const position: Position = reader
      ? { after: reader.cursor, gap: reader.gap }
      : await locate(this.#host.queue.store, since!);
    if (position.gap && onGap === undefined) {
      reader?.takeGap();
      return fail(this.#host, request, position.gap, out);
    }
    const after = position.gap && onGap === "now"
      ? (await this.#host.queue.store.bounds()).last
      : position.after;
    if (this.#closed) return;
    // Only now: if the store had not answered, nobody would have been told.
    reader?.takeGap();
    const exact = typeof since === "object" && "after" in since && position.gap === undefined;
    const subscription = new Subscription(this.#host.queue, this.#wire, {
      sub,
      topic,
      after,
      exact,
      onGap,
      credit,
      ended: () => this.#subscriptions.delete(sub),
    });
    this.#subscriptions.set(sub, subscription);
    done(request, { sub, start: after }, out);
    // The answer goes first, the stream after it.
    out.flush();
    subscription.start();
  }

  /** Raises the credit of a stream. One that has ended takes no note. */
  credit(request: RequestOf<"credit">, out: Outbox): void {
    const subscription = this.#subscriptions.get(request.sub);
    const refusal = subscription && this.#excess("credit", subscription.leftWith(request));
    if (refusal) return fail(this.#host, request, refusal, out);
    subscription?.grant(request);
    done(request, {}, out);
  }

  /** Ends a stream, if it has not ended by itself. */
  unsubscribe(request: RequestOf<"unsubscribe">, out: Outbox): void {
    this.#subscriptions.get(request.sub)?.end();
    this.#subscriptions.delete(request.sub);
    done(request, {}, out);
  }

  #full(): WireError | undefined {
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

  /** Ends the streams of those topics to which this finds something to say. */
  endSome(judge: (topic: string) => WireError | undefined): void {
    for (const subscription of [...this.#subscriptions.values()]) {
      const error = judge(subscription.topic);
      if (error) subscription.fail(error);
    }
  }

  /** Those that have not been sent yet all that the feed has brought. */
  get lagging(): number[] {
    return [...this.#subscriptions].flatMap(([sub, { caughtUp }]) => caughtUp ? [] : [sub]);
  }

  /** Ends all. */
  close(): void {
    this.#closed = true;
    for (const subscription of this.#subscriptions.values()) subscription.end();
    this.#subscriptions.clear();
  }
}
