/**
 * The messages of a subscription with their values.
 *
 * @module
 */

import { isDsmqError } from "../../protocol/errors.ts";
import { formatValue } from "../../protocol/text.ts";
import type { Message } from "../../protocol/message.ts";
import type { MessageStream } from "../messages.ts";
import type { InvalidHandler, ValueMessage, ValueStream } from "./typed_api.ts";

type Next<Value> = IteratorResult<ValueMessage<Value>, undefined>;

/** A subscription whose messages can be taken without a promise for each. */
export interface BufferedStream extends MessageStream {
  /** The next message, if it has arrived. */
  takeArrived(): Message | undefined;
}

/** Gives a message its value; a promise if that takes time, or if it does not fit. */
type Decode<Value> = (message: Message) => ValueMessage<Value> | PromiseLike<ValueMessage<Value>>;

/** Gives each message of a stream its value, in order. */
export class DecodingStream<Value> implements ValueStream<Value> {
  readonly #messages: BufferedStream;
  readonly #decode: Decode<Value>;
  readonly #onInvalid: InvalidHandler;
  /** The last call that could not be answered at once. Calls wait for those before them, which may need several messages. */
  #last: Promise<Next<Value>> | undefined;
  /** How many such calls are unanswered. */
  #unanswered = 0;

  /**
   * Begins with the next message.
   *
   * @param messages the messages
   * @param decode gives a message its value
   * @param onInvalid what to do if it does not fit
   */
  constructor(messages: BufferedStream, decode: Decode<Value>, onInvalid: InvalidHandler) {
    this.#messages = messages;
    this.#decode = decode;
    this.#onInvalid = onInvalid;
  }

  /** The next message, once there is one. */
  next(): Promise<Next<Value>> {
    if (this.#unanswered > 0) {
      this.#unanswered++;
      return this.#last = this.#last!.then(this.#take, this.#take);
    }
    // Of a full stream most messages have arrived: a promise each, as without values.
    const message = this.#messages.takeArrived();
    if (message) {
      const decoded = this.#decode(message);
      if (!("then" in decoded)) return Promise.resolve({ done: false, value: decoded });
      this.#unanswered++;
      return this.#last = this.#goOn(message, decoded);
    }
    this.#unanswered++;
    return this.#last = this.#take();
  }

  /** Ends the subscription; nothing more is delivered. */
  async return(): Promise<Next<Value>> {
    await this.#messages.return!();
    return { done: true, value: undefined };
  }

  /** A subscription is its own iterator. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As {@linkcode DecodingStream.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Takes the next message that fits. */
  readonly #take = (): Promise<Next<Value>> => this.#goOn();

  /** Takes a message that has arrived, or else the next one, and those after it until one fits. */
  async #goOn(
    message?: Message,
    decoding?: ValueMessage<Value> | PromiseLike<ValueMessage<Value>>,
  ): Promise<Next<Value>> {
    try {
      for (;;) {
        if (!message) {
          const next = await this.#messages.next();
          if (next.done) return next;
          message = next.value;
        }
        try {
          return { done: false, value: await (decoding ?? this.#decode(message)) };
        } catch (error) {
          if (this.#onInvalid === "throw" || !isDsmqError(error, "invalid_value")) throw error;
          await this.#onInvalid(error, message);
        }
        message = decoding = undefined;
      }
    } finally {
      this.#unanswered--;
    }
  }
}

/**
 * Checks what a subscription is to do with a value that does not fit.
 *
 * @param onInvalid what the caller gave
 * @throws {TypeError | RangeError} if it is neither `"throw"` nor a function
 */
export function requireInvalidHandler(onInvalid: unknown): asserts onInvalid is InvalidHandler {
  if (onInvalid === "throw" || typeof onInvalid === "function") return;
  const ErrorClass = typeof onInvalid === "string" ? RangeError : TypeError;
  throw new ErrorClass(
    `Cannot subscribe: onInvalid must be "throw" or a function, got ${formatValue(onInvalid)}`,
  );
}
