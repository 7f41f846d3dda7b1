/**
 * What a stream has brought and nobody has read, and those who wait for more.
 *
 * @module
 */

import type { CreditAmount } from "./client_credit.ts";
import type { Message } from "./message.ts";
import { rejectedWithCallerStack, rejectWithCallerStack } from "./rejection.ts";
import type { MessageFrame } from "./stream_frame.ts";

/** What an iterator over messages gives. */
export type NextMessage = IteratorResult<Message, undefined>;

/** Gives out the messages of frames one after another; then, once it has ended, how it ended. */
export class StreamBuffer {
  readonly #topic: string;
  readonly #onFrameRead: (frame: MessageFrame) => void;
  readonly #frames: MessageFrame[] = [];
  readonly #resolvers: ((next: NextMessage | PromiseLike<NextMessage>) => void)[] = [];
  /** How it ends once all that arrived was read: with an error, or without. */
  #end: { readonly error: unknown } | undefined;

  /**
   * Nothing has arrived yet.
   *
   * @param topic whose messages they are
   * @param onFrameRead is told of each frame that was read to its end
   */
  constructor(topic: string, onFrameRead: (frame: MessageFrame) => void) {
    this.#topic = topic;
    this.#onFrameRead = onFrameRead;
  }

  /** Nothing more arrives. */
  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** What has arrived and was not read to the end of its frame. */
  get unread(): CreditAmount {
    let [messages, bytes] = [0, 0];
    for (const frame of this.#frames) {
      messages += frame.messages.length;
      bytes += frame.bytes;
    }
    return { messages, bytes };
  }

  /** The next message, once there is one. */
  next(): Promise<NextMessage> {
    const message = this.#shift();
    if (message) return Promise.resolve({ done: false, value: message });
    if (this.#end) {
      const { error } = this.#end;
      // An error is told once.
      this.#end = { error: undefined };
      return error === undefined
        ? Promise.resolve({ done: true, value: undefined })
        : rejectedWithCallerStack(error);
    }
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }

  /** A frame has arrived. */
  add(frame: MessageFrame): void {
    this.#frames.push(frame);
    while (this.#resolvers.length > 0) {
      const value = this.#shift();
      if (!value) break;
      this.#resolvers.shift()!({ done: false, value });
    }
  }

  /** Nobody reads what has arrived. */
  clear(): void {
    this.#frames.length = 0;
  }

  /** Nothing more arrives; what has arrived is still given out, and then the error, if there is one. */
  end(error: unknown): void {
    this.#end = { error };
    for (const resolve of this.#resolvers.splice(0)) {
      if (error === undefined) resolve({ done: true, value: undefined });
      else {
        // Told to the first; the others find the end.
        rejectWithCallerStack(resolve, error);
        error = undefined;
        this.#end = { error: undefined };
      }
    }
  }

  #shift(): Message | undefined {
    const frame = this.#frames[0];
    if (!frame) return undefined;
    const i = frame.next++;
    if (frame.next === frame.messages.length) {
      this.#frames.shift();
      this.#onFrameRead(frame);
    }
    return {
      topic: this.#topic,
      body: frame.messages[i]!,
      seq: frame.seqs[i]!,
      time: frame.times[i]!,
    };
  }
}
