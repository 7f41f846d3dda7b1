/**
 * A topic of values.
 *
 * @module
 */

import { kindOf } from "../../protocol/text.ts";
import type { EncodedAttributes } from "../../protocol/attributes.ts";
import type { Message } from "../../protocol/message.ts";
import type { PutOptions } from "../messages.ts";
import type { ReadOptions, SubscribeOptions } from "../reading.ts";
import { abortable } from "../abortable.ts";
import { encodePutOptions } from "../put_options.ts";
import { rejecting } from "../rejection.ts";
import { rejectOptions, requireOptions } from "../require_options.ts";
import { SUBSCRIBE_OPTIONS } from "../read_options.ts";
import { unfitToPut, unfitToRead } from "./invalid_value.ts";
import type { PutTurns } from "./put_turns.ts";
import type { TypedTopic, ValueMessage, ValueStream, ValueSubscribeOptions } from "./typed_api.ts";
import type { Decoded, Encoded, ValueCodec } from "./value_codec.ts";
import { type BufferedStream, DecodingStream, requireInvalidHandler } from "./value_stream.ts";

const VALUE_SUBSCRIBE_OPTIONS = [
  ...SUBSCRIBE_OPTIONS,
  "onInvalid",
] as const satisfies (keyof ValueSubscribeOptions)[];

/** The calls of a connection for one topic. What is wrong with their options may be thrown. */
export interface TopicCalls {
  put(text: string, attributes: EncodedAttributes | undefined): Promise<number>;
  putMany(texts: readonly string[]): Promise<number[]>;
  read(options: ReadOptions | undefined): Promise<Message | undefined>;
  subscribe(options: SubscribeOptions): BufferedStream;
}

/** A topic whose texts a codec makes and reads. What other verbs there will be get their values as `read` does. */
export class ValueTopic<Input, Output> implements TypedTopic<Input, Output> {
  readonly name: string;
  readonly #codec: ValueCodec<Input, Output>;
  readonly #calls: TopicCalls;
  readonly #turns: PutTurns;

  /**
   * Makes a view.
   *
   * @param name the topic, which is valid
   * @param codec turns values into texts, and back
   * @param calls the calls of its connection
   * @param turns the order of the puts of that connection
   */
  constructor(
    name: string,
    codec: ValueCodec<Input, Output>,
    calls: TopicCalls,
    turns: PutTurns,
  ) {
    this.name = name;
    this.#codec = codec;
    this.#calls = calls;
    this.#turns = turns;
  }

  put(value: Input, options?: PutOptions): Promise<number> {
    try {
      // Before anything that takes time: the caller may change them.
      const attributes = options === undefined ? undefined : encodePutOptions(options);
      const encoded = this.#codec.encode(value);
      if (typeof encoded === "string" && this.#turns.isFree(this.name)) {
        return this.#calls.put(encoded, attributes);
      }
      if (typeof encoded !== "string" && !(encoded instanceof Promise)) {
        throw unfitToPut(this.name, encoded);
      }
      const ready = this.#text(encoded);
      return this.#turns.run(this.name, 1, ready, (text) => this.#calls.put(text, attributes));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The text of a value, once it is validated. */
  async #text(encoding: Encoded | Promise<Encoded>, index?: number): Promise<string> {
    const encoded = await encoding;
    if (typeof encoded === "string") return encoded;
    throw unfitToPut(this.name, encoded, index);
  }

  async putMany(values: readonly Input[], extra?: unknown): Promise<number[]> {
    rejectOptions("putMany", extra);
    if (!Array.isArray(values)) {
      throw new TypeError(`Cannot put messages: they must be an array, got ${kindOf(values)}`);
    }
    const encoded = Array.from(values, (value: Input) => this.#codec.encode(value));
    const texts = encoded.filter((one) => typeof one === "string");
    if (texts.length === encoded.length && this.#turns.isFree(this.name)) {
      return await this.#calls.putMany(texts);
    }
    return await this.#turns.run(
      this.name,
      encoded.length,
      this.#texts(encoded),
      (texts) => this.#calls.putMany(texts),
    );
  }

  /** The texts of values, once all are validated. The first that does not fit fails them all. */
  async #texts(encoding: readonly (Encoded | Promise<Encoded>)[]): Promise<string[]> {
    const texts: string[] = [];
    for (const [i, one] of (await Promise.all(encoding)).entries()) {
      texts.push(await this.#text(one, i));
    }
    return texts;
  }

  read(options?: ReadOptions): Promise<ValueMessage<Output> | undefined> {
    try {
      // Not decoded when the reply arrives: many arrive in one frame, and their values would all be held at once.
      const reading = this.#calls.read(options);
      const signal = options?.signal;
      return reading.then(
        signal ? (message) => this.#decodeUntil(signal, message) : this.#decodeRead,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  subscribe(options: ValueSubscribeOptions = {}): ValueStream<Output> {
    requireOptions("subscribe", options, VALUE_SUBSCRIBE_OPTIONS);
    const { onInvalid = "throw", since, onGap, signal } = options;
    requireInvalidHandler(onInvalid);
    // By name: inherited options count, too, and a copy of the others would not have them.
    const others = {
      ...(since !== undefined && { since }),
      ...(onGap !== undefined && { onGap }),
      ...(signal !== undefined && { signal }),
    };
    return new DecodingStream(this.#calls.subscribe(others), this.#decode, onInvalid);
  }

  readonly #decodeRead = (message: Message | undefined) => message && this.#decode(message);

  /** The same, but a validator is not waited for once the signal aborts. */
  #decodeUntil(
    signal: AbortSignal,
    message: Message | undefined,
  ): ValueMessage<Output> | PromiseLike<ValueMessage<Output>> | undefined {
    const decoded = this.#decodeRead(message);
    return decoded instanceof Promise ? abortable(decoded, signal) : decoded;
  }

  /** A message with its value; a promise if that takes time, or if it does not fit. */
  readonly #decode = (
    message: Message,
  ): ValueMessage<Output> | PromiseLike<ValueMessage<Output>> => {
    const decoded = this.#codec.decode(message.body);
    if (decoded instanceof Promise) return decoded.then((later) => withValue(message, later));
    return withValue(message, decoded);
  };
}

/** Adds its value to a message, which was made for this caller alone. */
function withValue<Value>(
  message: Message,
  decoded: Decoded<Value>,
): ValueMessage<Value> | PromiseLike<never> {
  if (decoded.issues) return rejecting(unfitToRead(message, decoded));
  const valued = message as {
    -readonly [Name in keyof ValueMessage<Value>]: ValueMessage<Value>[Name];
  };
  valued.value = decoded.value;
  return valued;
}
