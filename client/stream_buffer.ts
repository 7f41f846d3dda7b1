/**
 * The unread messages of a stream, and the calls that wait for more.
 *
 * @module
 */

import { PositionTexts } from "../protocol/position.ts";
import type { MessagesReply } from "../protocol/replies.ts";
import type { Message } from "./messages.ts";
import type { CreditAmount } from "./client_credit.ts";
import { rejectedWithCallerStack, rejectWithCallerStack } from "./rejection.ts";

/** The result of an iterator over messages. */
export type NextMessage = IteratorResult<Message, undefined>;

/** Returns the messages of frames one after another, and at last how the stream ended. */
export class StreamBuffer {
  readonly #topic: string | undefined;
  readonly #onFrameRead: (frame: MessagesReply) => void;
  readonly #frames: MessagesReply[] = [];
  /** The epoch of each of them. */
  readonly #epochs: string[] = [];
  readonly #positions = new PositionTexts();
  /** The index of the next message in the first of them. */
  #next = 0;
  readonly #resolvers: ((next: NextMessage | PromiseLike<NextMessage>) => void)[] = [];
  /** How it ends after the last message: with an error, or without. */
  #end: { readonly error: unknown } | undefined;

  /**
   * Begins empty.
   *
   * @param topic the topic of the messages; `undefined` if each frame names theirs
   * @param onFrameRead called with each frame that was read to its end
   */
  constructor(topic: string | undefined, onFrameRead: (frame: MessagesReply) => void) {
    this.#topic = topic;
    this.#onFrameRead = onFrameRead;
  }

  /** Nothing more arrives. */
  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** The frames that were not read to their end. */
  get unread(): CreditAmount {
    let [messages, bytes] = [0, 0];
    for (const frame of this.#frames) {
      messages += frame.bodies.length;
      bytes += frame.bytes;
    }
    return { messages, bytes };
  }

  /** The next message, once there is one. */
  next(): Promise<NextMessage> {
    const message = this.shift();
    if (message) return Promise.resolve({ done: false, value: message });
    if (this.#end) {
      const { error } = this.#end;
      // An error is thrown once.
      this.#end = { error: undefined };
      return error === undefined
        ? Promise.resolve({ done: true, value: undefined })
        : rejectedWithCallerStack(error);
    }
    return new Promise((resolve) => this.#resolvers.push(resolve));
  }

  /** Adds a frame of an epoch. */
  add(frame: MessagesReply, epoch: string): void {
    this.#frames.push(frame);
    this.#epochs.push(epoch);
    while (this.#resolvers.length > 0) {
      const value = this.shift();
      if (!value) break;
      this.#resolvers.shift()!({ done: false, value });
    }
  }

  /** Drops the unread messages. */
  clear(): void {
    this.#frames.length = this.#epochs.length = this.#next = 0;
  }

  /** Nothing more arrives. Unread messages are still returned, and then the error, if there is one. */
  end(error: unknown): void {
    this.#end = { error };
    for (const resolve of this.#resolvers.splice(0)) {
      if (error === undefined) resolve({ done: true, value: undefined });
      else {
        // The first call gets the error; the others get the end.
        rejectWithCallerStack(resolve, error);
        error = undefined;
        this.#end = { error: undefined };
      }
    }
  }

  /** The next message, if it has arrived. */
  shift(): Message | undefined {
    const frame = this.#frames[0];
    if (!frame) return undefined;
    const i = this.#next++;
    const epoch = this.#epochs[0]!;
    if (this.#next === frame.bodies.length) {
      this.#frames.shift();
      this.#epochs.shift();
      this.#next = 0;
      this.#onFrameRead(frame);
    }
    const seq = frame.seqs[i]!;
    const message = {
      topic: this.#topic ?? frame.topics![i]!,
      body: frame.bodies[i]!,
      seq,
      position: this.#positions.of(epoch, seq),
      time: frame.times[i]!,
    };
    return frame.attributes === undefined ? message : { ...message, ...frame.attributes[i] };
  }
}
