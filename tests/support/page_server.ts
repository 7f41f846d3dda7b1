/**
 * A server as the page sees it over plain HTTP, in memory: one topic, whose numbers may have gaps.
 *
 * @module
 */

import type { TailApi } from "../../web/page/recent_messages.ts";
import { HttpError, type MessagePage, type PageMessage } from "../../web/page/server_api.ts";

const EPOCH = "9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90";

/** Where a message is. */
export function positionOf(seq: number): string {
  return `${EPOCH}:${seq}`;
}

/** Answers at once; what waits is answered by {@linkcode PageServer.put}. */
export class PageServer implements TailApi {
  /** What was asked for, without the waits. */
  readonly asked: { readonly after: string; readonly count: number }[] = [];
  /** Everything up to here is gone. */
  floor = 0;
  /** Fails the next request. */
  failure: Error | undefined;
  readonly #messages: PageMessage[] = [];
  #onPut = Promise.withResolvers<void>();
  #onWait = Promise.withResolvers<void>();
  #waits = 0;

  /** Resolves once a request waits for a message. */
  async waited(): Promise<void> {
    while (this.#waits === 0) await this.#onWait.promise;
  }

  /** Puts messages with these numbers. */
  put(...seqs: number[]): void {
    for (const seq of seqs) {
      this.#messages.push({ seq, position: positionOf(seq), time: seq, body: `message ${seq}` });
    }
    this.#onPut.resolve();
    this.#onPut = Promise.withResolvers();
  }

  topic(topic: string): ReturnType<TailApi["topic"]> {
    const last = this.#messages.at(-1);
    const messages = this.#stored.length;
    return Promise.resolve(
      last && messages > 0 ? { topic, messages, seq: last.seq, time: last.time } : undefined,
    );
  }

  async messages(
    _topic: string,
    { after, wait, count }: Parameters<TailApi["messages"]>[1],
    signal: AbortSignal,
  ): Promise<MessagePage> {
    this.asked.push({ after, count });
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure;
    const last = this.#messages.at(-1)?.seq ?? 0;
    const from = after === "now"
      ? last
      : after === "start"
      ? this.floor
      : Number(after.split(":").at(-1));
    if (from < this.floor) throw gap(positionOf(this.floor));
    for (;;) {
      const messages = this.#stored.filter(({ seq }) => seq > from).slice(0, count);
      const next = messages.at(-1)?.position ?? positionOf(Math.max(from, last));
      if (messages.length > 0 || wait === undefined) return { messages, next };
      await this.#putOrAborted(signal);
    }
  }

  get #stored(): PageMessage[] {
    return this.#messages.filter(({ seq }) => seq > this.floor);
  }

  async #putOrAborted(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    this.#waits++;
    this.#onWait.resolve();
    await Promise.race([this.#onPut.promise, aborted.promise]).finally(() => {
      this.#waits--;
      this.#onWait = Promise.withResolvers();
    });
    signal.removeEventListener("abort", abort);
  }
}

/** The problem of a gap, as the server tells it. */
export function gap(position: string, code = "trimmed"): HttpError {
  return new HttpError(new Response(null, { status: 410 }), { code, detail: "gone", position });
}
