/**
 * A server as a tail of the page sees it, in memory: one topic, whose numbers may have gaps.
 *
 * @module
 */

import { DsmqError, type Message, type Since, type SubscribeOptions } from "@dsmq/server";
import { HttpError, type MessagePage, type PageMessage } from "../../web/page/server_api.ts";
import type { TailSource } from "../../web/page/tail_source.ts";

/** The history of a server; the second one is that after a restart. */
const EPOCHS = ["9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90", "1c7e909b-2f4c-4e0f-8f52-3e6a0d1d6a4b"];

/** Where a message is, in the first history. */
export function positionOf(seq: number): string {
  return `${EPOCHS[0]}:${seq}`;
}

/** The server, without any network. The time of a message is its number. */
export class PageServer {
  /** How many pages were asked for. */
  pages = 0;
  /** How many messages were taken from subscriptions. */
  taken = 0;
  /** Everything up to here is gone. */
  floor = 0;
  /** Fails the next request for a page or a topic. */
  failure: Error | undefined;
  /** Fails the next subscription; or this one, as soon as something changes. */
  refusal: Error | undefined;
  /** Called after the next answer about the topic. */
  afterTopic = () => {};
  #epoch = EPOCHS[0]!;
  #messages: PageMessage[] = [];
  #changed = Promise.withResolvers<void>();

  /** What a tail reads from. */
  readonly source: Pick<TailSource, "mq" | "api" | "topic"> = {
    topic: "t",
    api: {
      status: () => this.#answer(() => ({ time: this.#last })),
      topic: async () => {
        const info = await this.#answer(() => this.#info());
        const { afterTopic } = this;
        this.afterTopic = () => {};
        afterTopic();
        return info;
      },
      messages: (_topic, { after, count }) => this.#answer(() => this.#page(after, count)),
    },
    mq: { subscribe: (_topic: unknown, options?: SubscribeOptions) => this.#subscribe(options!) },
  };

  /** Puts messages with these numbers; `body` is that of all of them. */
  put(seqs: readonly number[], body?: string): void {
    for (const seq of seqs) {
      const text = body ?? `message ${seq}`;
      this.#messages.push({ seq, position: `${this.#epoch}:${seq}`, time: seq, body: text });
    }
    this.#change();
  }

  /** Removes everything that is there. */
  purge(): void {
    this.floor = this.#last;
    this.#change();
  }

  /** Begins anew, as a server that held its messages in memory. */
  restart(): void {
    this.#epoch = EPOCHS[1]!;
    this.#messages = [];
    this.floor = 0;
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #answer<T>(answer: () => T): Promise<T> {
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure;
    return await Promise.resolve(answer());
  }

  get #last(): number {
    return this.#messages.at(-1)?.seq ?? 0;
  }

  get #stored(): readonly PageMessage[] {
    return this.#messages.filter(({ seq }) => seq > this.floor);
  }

  #info() {
    const newest = this.#stored.at(-1);
    const { seq = 0, time = 0 } = newest ?? {};
    const stored = this.#messages.length;
    return newest && { topic: "t", messages: this.#stored.length, seq, time, stored };
  }

  #page(after: string, count: number): MessagePage {
    this.pages++;
    const from = this.#positionOf(after);
    const missing = this.#gapAfter(from);
    if (missing) throw gap(`${this.#epoch}:${missing.through}`, missing.code);
    const messages = this.#stored.filter(({ seq }) => seq > from.seq).slice(0, count);
    const next = `${this.#epoch}:${Math.max(from.seq, this.#last)}`;
    return { messages, next: messages.at(-1)?.position ?? next };
  }

  #positionOf(since: Since | undefined): { seq: number; epoch: string } {
    const [epoch, last] = [this.#epoch, this.#last];
    if (since === "start") return { seq: this.floor, epoch };
    if (typeof since === "number") return { seq: since, epoch };
    if (since instanceof Date) return { seq: Math.min(last, since.getTime() - 1), epoch };
    if (typeof since !== "string" || since === "now") return { seq: last, epoch };
    const [seq, named = epoch] = since.split(":").reverse();
    return { seq: Number(seq), epoch: named };
  }

  #gapAfter({ seq, epoch }: { seq: number; epoch: string }) {
    const { floor } = this;
    if (epoch !== this.#epoch) return { code: "epoch_changed", through: floor } as const;
    if (seq < floor) return { code: "trimmed", through: floor } as const;
    return seq > this.#last ? { code: "ahead", through: this.#last } as const : undefined;
  }

  async *#subscribe(
    { since, onGap, signal }: SubscribeOptions,
  ): AsyncGenerator<Message, undefined> & AsyncDisposable {
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    signal!.addEventListener("abort", () => aborted.reject(signal!.reason));
    let at = this.#positionOf(since);
    for (;;) {
      signal!.throwIfAborted();
      const { refusal } = this;
      this.refusal = undefined;
      if (refusal) throw refusal;
      const missing = this.#gapAfter(at);
      if (missing) {
        const { code, through } = missing;
        const { floor } = this;
        const error = new DsmqError(code, "gone", { after: at.seq, floor, last: this.#last });
        if (typeof onGap === "function") onGap(error as Parameters<typeof onGap>[0]);
        at = { seq: through, epoch: this.#epoch };
      }
      const message = this.#stored.find(({ seq }) => seq > at.seq);
      if (message) {
        at = { seq: message.seq, epoch: this.#epoch };
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
