/**
 * The messages of a subscription with their values.
 *
 * @module
 */

import { isDsmqError, withCurrentStack } from "../../protocol/errors.ts";
import type { Message } from "../../protocol/message.ts";
import type { MessageStream } from "../messages.ts";
import { deferred } from "../deferred.ts";
import { wrongOption } from "../require_options.ts";
import { unfitToRead } from "./invalid_value.ts";
import { MAX_WAIT_FOR_TURN, tookTooLong } from "./validations.ts";
import type { InvalidHandler, ValueMessage, ValueStream } from "./typed_api.ts";

type Next<Value> = IteratorResult<ValueMessage<Value>, undefined>;

/** A subscription whose messages can be taken without a promise for each. */
export interface BufferedStream extends MessageStream {
  /** The next message, if it has arrived. */
  takeArrived(): Message | undefined;
}

/** Gives a message its value; a promise if that takes time, or if it does not fit. */
type Decode<Value> = (message: Message) => ValueMessage<Value> | PromiseLike<ValueMessage<Value>>;

/** How a stream waits for code of the caller, which may never end. */
export interface CodeWaits {
  /**
   * Rejects with an error when the connection ends, and when the signal of the subscription aborts; `onWaiting` is given what
   * else ends it.
   */
  until<T>(
    promise: PromiseLike<T>,
    onWaiting: (stop: (reason: unknown) => void) => void,
  ): Promise<T>;
  /** Calls back once a call has waited for its turn as long as it may. Returns what cancels that. */
  limit(onTooLong: () => void): () => void;
}

/** Code of the caller that a call of `next` waits for. */
interface CodeWait {
  /** Ends waiting, and the subscription. */
  stop: (reason: unknown) => void;
  /** Gives that code up, but not the subscription. */
  readonly giveUp: () => void;
  /** Set while a later call waits for that code. */
  cancelLimit?: () => void;
}

/** Waiting has ended, and with it the subscription. */
class WaitEnded {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

const OWN_MESSAGES =
  "a later call of next waits for it (it must not wait for messages of its own loop)";
const LATE_VALIDATOR = tookTooLong(OWN_MESSAGES);
const LATE_HANDLER = `Cannot read on: onInvalid took longer than ${
  MAX_WAIT_FOR_TURN / 1000
} s, and ${OWN_MESSAGES}`;

const lateValidator = (message: Message) => () => unfitToRead(message, LATE_VALIDATOR);

/** Why, when the loop was left. */
const LEFT = Symbol("left");

/** Gives each message of a stream its value, in order. */
export class DecodingStream<Value> implements ValueStream<Value> {
  readonly #messages: BufferedStream;
  readonly #decode: Decode<Value>;
  readonly #onInvalid: InvalidHandler;
  readonly #waits: CodeWaits;
  /** Code of the caller that is waited for: several at once only if it asks for messages of its own loop. */
  readonly #waiting = new Set<CodeWait>();
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
   * @param waits waits for code of the caller
   */
  constructor(
    messages: BufferedStream,
    decode: Decode<Value>,
    onInvalid: InvalidHandler,
    waits: CodeWaits,
  ) {
    this.#messages = messages;
    this.#decode = decode;
    this.#onInvalid = onInvalid;
    this.#waits = waits;
  }

  /** The next message, once there is one. */
  next(): Promise<Next<Value>> {
    if (this.#unanswered > 0) {
      this.#unanswered++;
      this.#limit();
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
    for (const { stop } of this.#waiting) stop(LEFT);
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
          const decoded = decoding ?? this.#decode(message);
          const value = await (decoded instanceof Promise
            ? this.#finish(decoded, lateValidator(message))
            : decoded);
          return { done: false, value };
        } catch (error) {
          if (this.#onInvalid === "throw" || !isDsmqError(error, "invalid_value")) throw error;
          const handling = Promise.resolve(this.#onInvalid(error, message));
          await this.#finish(handling, () => new TypeError(LATE_HANDLER, { cause: error }));
        }
        message = decoding = undefined;
      }
    } catch (error) {
      if (error instanceof WaitEnded) return await this.#end(error.reason);
      throw withCurrentStack(error);
    } finally {
      this.#unanswered--;
    }
  }

  /** Waits for code of the caller. Throws what it throws, what `tooLong` makes, or {@linkcode WaitEnded}. */
  async #finish<T>(promise: Promise<T>, tooLong: () => unknown): Promise<T> {
    const settled = deferred<() => T>();
    const fail = (error: unknown) =>
      settled.resolve(() => {
        throw error;
      });
    promise.then((value) => settled.resolve(() => value), fail);
    const wait: CodeWait = { stop() {}, giveUp: () => fail(tooLong()) };
    this.#waiting.add(wait);
    this.#limit();
    let outcome: () => T;
    try {
      outcome = await this.#waits.until(settled.promise, (stop) => wait.stop = stop);
    } catch (reason) {
      throw new WaitEnded(reason);
    } finally {
      this.#waiting.delete(wait);
      wait.cancelLimit?.();
    }
    return outcome();
  }

  /** Code of the caller has only so long, if a later call waits for it: it may wait for that call itself. */
  #limit(): void {
    if (this.#unanswered < 2) return;
    for (const wait of this.#waiting) wait.cancelLimit ??= this.#waits.limit(wait.giveUp);
  }

  /** It ends while a message is being validated: that one is not delivered, nor are those behind it. */
  async #end(reason: unknown): Promise<Next<Value>> {
    while (this.#messages.takeArrived());
    try {
      // Takes the error that the subscription ended with, if there is one: the reason stands for it.
      await this.#messages.next();
    } catch {
      throw reason;
    }
    return { done: true, value: undefined };
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
  const isText = typeof onInvalid === "string";
  throw wrongOption("subscribe", "onInvalid", '"throw" or a function', onInvalid, isText);
}
