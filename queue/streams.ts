/**
 * The subscriptions of one connection, and the verbs for them.
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { RequestOf, SubscribeRequest } from "../protocol/requests.ts";
import { done, fail, type Host, idInUse } from "./host.ts";
import type { Outbox } from "./outbox.ts";
import { locate, type Position } from "./positions.ts";
import type { Reader } from "./reader.ts";
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
  async subscribe(request: SubscribeRequest, reader: Reader, out: Outbox): Promise<void> {
    const { id: sub, topic, since, onGap, messages, bytes } = request;
    if (this.#subscriptions.has(sub)) return fail(this.#host, request, idInUse(sub), out);
    const position: Position = since === undefined
      ? { after: reader.cursor, gap: reader.takeGap() }
      : await locate(this.#host.queue.store, since);
    if (position.gap && onGap === undefined) return fail(this.#host, request, position.gap, out);
    const after = position.gap && onGap === "now"
      ? (await this.#host.queue.store.bounds()).last
      : position.after;
    if (this.#closed) return;
    const exact = typeof since === "object" && "after" in since && position.gap === undefined;
    const subscription = new Subscription(this.#host.queue, this.#wire, {
      sub,
      topic,
      after,
      exact,
      onGap,
      credit: { messages, bytes },
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
    this.#subscriptions.get(request.sub)?.grant(request);
    done(request, {}, out);
  }

  /** Ends a stream, if it has not ended by itself. */
  unsubscribe(request: RequestOf<"unsubscribe">, out: Outbox): void {
    this.#subscriptions.get(request.sub)?.end();
    this.#subscriptions.delete(request.sub);
    done(request, {}, out);
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
