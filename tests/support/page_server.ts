/**
 * A server as a tail of the page sees it, in memory: one topic, whose numbers may have gaps.
 *
 * @module
 */

import { DsmqError, type Message, type Since, type SubscribeOptions } from "@dsmq/server";
import { HttpError, type MessagePage, type PageMessage } from "../../web/page/server_api.ts";
import type { TailSource } from "../../web/page/tail.ts";

const EPOCH = "9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90";

/** Where a message is. */
export function positionOf(seq: number): string {
  return `${EPOCH}:${seq}`;
}

/** The server, without any network. */
export class PageServer {
  /** How many pages were asked for. */
  pages = 0;
  /** How many messages were taken from subscriptions. */
  taken = 0;
  /** Everything up to here is gone. */
  floor = 0;
  /** Fails the next request for a page or a topic. */
  failure: Error | undefined;
  readonly #messages: PageMessage[] = [];
  #changed = Promise.withResolvers<void>();

  /** What a tail reads from. */
  readonly source: Pick<TailSource, "mq" | "api" | "topic"> = {
    topic: "t",
    api: {
      topic: () => this.#answer(() => this.#info()),
      messages: (_topic, { after, count }) => this.#answer(() => this.#page(after, count)),
    },
    mq: { subscribe: (_topic: unknown, options?: SubscribeOptions) => this.#subscribe(options!) },
  };

  /** Puts messages with these numbers; `body` is that of all of them. */
  put(seqs: readonly number[], body?: string): void {
    for (const seq of seqs) {
      const text = body ?? `message ${seq}`;
      this.#messages.push({ seq, position: positionOf(seq), time: seq, body: text });
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #answer<T>(answer: () => T): Promise<T> {
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure;
    return await Promise.resolve(answer());
  }

  get #stored(): readonly PageMessage[] {
    return this.#messages.filter(({ seq }) => seq > this.floor);
  }

  #info() {
    const newest = this.#stored.at(-1);
    const { seq = 0, time = 0 } = newest ?? {};
    return newest && { topic: "t", messages: this.#stored.length, seq, time };
  }

  #page(after: string, count: number): MessagePage {
    this.pages++;
    const from = this.#numberOf(after);
    if (from < this.floor) throw gap(positionOf(this.floor));
    const messages = this.#stored.filter(({ seq }) => seq > from).slice(0, count);
    const last = this.#messages.at(-1)?.seq ?? 0;
    return { messages, next: messages.at(-1)?.position ?? positionOf(Math.max(from, last)) };
  }

  #numberOf(since: Since | undefined): number {
    if (since === "start") return this.floor;
    if (typeof since === "number") return since;
    const text = typeof since === "string" && since !== "now" ? since : undefined;
    return text ? Number(text.split(":").at(-1)) : this.#messages.at(-1)?.seq ?? 0;
  }

  async *#subscribe(
    { since, onGap, signal }: SubscribeOptions,
  ): AsyncGenerator<Message, undefined> & AsyncDisposable {
    let at = this.#numberOf(since);
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    signal!.addEventListener("abort", () => aborted.reject(signal!.reason));
    for (;;) {
      signal!.throwIfAborted();
      if (at < this.floor) {
        const error = new DsmqError("trimmed", "gone", { after: at, floor: this.floor, last: 0 });
        if (typeof onGap === "function") onGap(error as Parameters<typeof onGap>[0]);
        at = this.floor;
      }
      const message = this.#stored.find(({ seq }) => seq > at);
      if (message) {
        at = message.seq;
        this.taken++;
        yield { ...message, topic: "t" };
      } else await Promise.race([this.#changed.promise, aborted.promise]);
    }
  }
}

/** The problem of a gap, as the server tells it. */
export function gap(position: string, code = "trimmed"): HttpError {
  return new HttpError(new Response(null, { status: 410 }), { code, detail: "gone", position });
}
