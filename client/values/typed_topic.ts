/**
 * A topic of values.
 *
 * @module
 */

import { ATTRIBUTE_NAMES, type EncodedAttributes } from "../../protocol/attributes.ts";
import { isOptions } from "../../protocol/option_kinds.ts";
import type { Message } from "../../protocol/message.ts";
import { dead } from "../groups/outcomes.ts";
import type { Job, TopicWorker, ValueJob, WorkOptions } from "../groups/working.ts";
import type { PutOptions } from "../messages.ts";
import type { ReadOptions, SubscribeOptions } from "../reading.ts";
import { type AttributeList, putSize } from "../put_batch.ts";
import { encodeListed, encodePutOptions, requireList } from "../put_options.ts";
import type { PutList } from "../put_requests.ts";
import { rejecting } from "../rejection.ts";
import { describeOption, requireOptions } from "../require_options.ts";
import { SUBSCRIBE_OPTIONS } from "../read_options.ts";
import { type Misfit, unfitToPut, unfitToRead } from "./invalid_value.ts";
import type { TypedTopic, ValueMessage, ValueStream, ValueSubscribeOptions } from "./typed_api.ts";
import type { Validations } from "./validations.ts";
import type { Decoded, Encoded, Encoding, ValueCodec } from "./value_codec.ts";
import {
  type BufferedStream,
  type CodeWaits,
  DecodingStream,
  requireInvalidHandler,
} from "./value_stream.ts";

const VALUE_SUBSCRIBE_OPTIONS = [
  ...SUBSCRIBE_OPTIONS,
  "onInvalid",
] as const satisfies (keyof ValueSubscribeOptions)[];

/** The calls of a connection for one topic. What is wrong with their options may be thrown. */
export interface TopicCalls {
  /** Throws if as much is unanswered as may be. */
  requireRoom(): void;
  /** Throws if a message is larger than the server accepts. */
  requireFit(text: string, attributes: EncodedAttributes | undefined, index?: number): void;
  put(text: string, attributes: EncodedAttributes | undefined): Promise<number>;
  putMany(list: PutList): Promise<number[]>;
  read(options: ReadOptions | undefined): Promise<Message | undefined>;
  subscribe(options: SubscribeOptions): BufferedStream;
  work(handler: (job: Job) => unknown, options: WorkOptions | undefined): TopicWorker;
}

/** A topic whose texts a codec makes and reads. What other verbs there will be get their values as `read` does. */
export class ValueTopic<Input, Output> implements TypedTopic<Input, Output> {
  readonly name: string;
  readonly #codec: ValueCodec<Input, Output>;
  readonly #calls: TopicCalls;
  readonly #validations: Validations;

  /**
   * Makes a view.
   *
   * @param name the topic, which is valid
   * @param codec turns values into texts, and back
   * @param calls the calls of its connection
   * @param validations what waits for validators on that connection
   */
  constructor(
    name: string,
    codec: ValueCodec<Input, Output>,
    calls: TopicCalls,
    validations: Validations,
  ) {
    this.name = name;
    this.#codec = codec;
    this.#calls = calls;
    this.#validations = validations;
  }

  put(value: Input, options?: PutOptions): Promise<number> {
    try {
      // Before anything that takes time: the caller may change them.
      const attributes = options === undefined ? undefined : encodePutOptions(options);
      // Before the validator holds a value.
      this.#calls.requireRoom();
      const encoded = this.#codec.encode(value);
      if (typeof encoded === "string" && this.#validations.isFree(this.name)) {
        return this.#calls.put(encoded, attributes);
      }
      if (isMisfit(encoded)) throw unfitToPut(this.name, encoded);
      const text = textOf(encoded);
      this.#calls.requireFit(text, attributes);
      const size = { messages: 1, bytes: putSize(text, attributes) };
      const put = (text: string) => this.#calls.put(text, attributes);
      const validate = (tooLong: Promise<Misfit>) => this.#validated(encoded, tooLong);
      return this.#validations.put(this.name, size, validate, put);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The text of a value, once it is validated. If that takes too long, it does not fit. */
  async #validated(
    encoding: Encoded | Encoding,
    tooLong: Promise<Misfit>,
    index?: number,
  ): Promise<string> {
    const isLater = typeof encoding !== "string" && "result" in encoding;
    const encoded = isLater ? await Promise.race([encoding.result, tooLong]) : encoding;
    if (typeof encoded === "string") return encoded;
    throw unfitToPut(this.name, encoded, index);
  }

  async putMany(
    values: readonly Input[],
    options?: (value: Input, index: number) => PutOptions | undefined,
  ): Promise<number[]> {
    requireList(values);
    requireListOptions(options);
    this.#calls.requireRoom();
    // The function may change the list.
    const list = Array.from(values);
    const attributes = options && encodeEach(list, options);
    const encoded = list.map((value) => this.#codec.encode(value));
    const bodies = encoded.filter((one) => typeof one === "string");
    if (bodies.length === encoded.length) {
      // An empty list sends nothing, so it waits for nothing.
      if (bodies.length === 0 || this.#validations.isFree(this.name)) {
        return await this.#calls.putMany({ bodies, attributes });
      }
    } else this.#requireNoMisfit(encoded);
    let bytes = 0;
    for (const [i, one] of encoded.entries()) {
      const text = textOf(one);
      this.#calls.requireFit(text, attributes?.[i], i);
      bytes += putSize(text, attributes?.[i]);
    }
    return await this.#validations.put(
      this.name,
      { messages: encoded.length, bytes },
      (tooLong, onUnfit) => this.#allValidated(encoded, tooLong, onUnfit),
      (bodies) => this.#calls.putMany({ bodies, attributes }),
    );
  }

  /** Throws if the first value that does not fit is known. */
  #requireNoMisfit(encodings: readonly (Encoded | Encoding)[]): void {
    const index = encodings.findIndex((one) => typeof one !== "string");
    const first = encodings[index]!;
    if (isMisfit(first)) throw unfitToPut(this.name, first, index);
  }

  /** The texts of values, once all are validated. The first that does not fit fails them all, once it is known to be the first. */
  async #allValidated(
    encodings: readonly (Encoded | Encoding)[],
    tooLong: Promise<Misfit>,
    onUnfit: () => void,
  ): Promise<string[]> {
    const onResult = (result: Encoded) => {
      if (isMisfit(result)) onUnfit();
    };
    for (const one of encodings) {
      if (typeof one !== "string" && "result" in one) void one.result.then(onResult);
      else onResult(one);
    }
    const texts: string[] = [];
    for (const [i, one] of encodings.entries()) {
      texts.push(typeof one === "string" ? one : await this.#validated(one, tooLong, i));
    }
    return texts;
  }

  read(options?: ReadOptions): Promise<ValueMessage<Output> | undefined> {
    try {
      // Not decoded when the reply arrives: many arrive in one frame, and their values would all be held at once.
      const reading = this.#calls.read(options);
      const signal = options?.signal;
      return reading.then(
        signal ? (message) => this.#decodeRead(message, signal) : this.#decodeUnlimited,
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
    const { name } = this;
    const validations = this.#validations;
    const call = { verb: "read on", topic: name };
    const waits: CodeWaits = {
      until: (promise, onWaiting) => validations.until(call, promise, signal, onWaiting),
      limit: (onTooLong) => validations.limit(onTooLong),
    };
    return new DecodingStream(this.#calls.subscribe(others), this.#decode, onInvalid, waits);
  }

  work(
    handler: (job: ValueJob<Output>) => unknown,
    options?: WorkOptions,
  ): TopicWorker {
    if (typeof handler !== "function") return this.#calls.work(handler, options);
    return this.#calls.work(async (job) => {
      const decoded = await this.#codec.decode(job.body);
      // It would not fit the next time either.
      if (decoded.issues) throw dead(unfitToRead(job as never, decoded).message);
      return await handler(Object.assign(job, { value: decoded.value }));
    }, options);
  }

  readonly #decodeUnlimited = (message: Message | undefined) => this.#decodeRead(message);

  /** A message that was read, with its value. A validator is not waited for after the signal aborts or the connection ends. */
  #decodeRead(
    message: Message | undefined,
    signal?: AbortSignal,
  ): ValueMessage<Output> | PromiseLike<ValueMessage<Output>> | undefined {
    const decoded = message && this.#decode(message);
    return decoded instanceof Promise
      ? this.#validations.until({ verb: "read", topic: this.name }, decoded, signal)
      : decoded;
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

/** Checks what gives the attributes of the values of a list. */
function requireListOptions(options: unknown): void {
  if (options === undefined || typeof options === "function") return;
  const form = "a function that returns those of each value, (value, index) => ({ … })";
  throw new TypeError(
    `Cannot put messages: options must be ${form}, got ${describeOption(options)}`,
  );
}

/** The attributes of the values of a list; `undefined` if none has any. */
function encodeEach<Input>(
  values: readonly Input[],
  options: (value: Input, index: number) => unknown,
): AttributeList {
  const attributes = values.map((value, i) => {
    const given = options(value, i);
    if (given === undefined) return undefined;
    if (isOptions(given, ATTRIBUTE_NAMES)) return encodeListed(given, i);
    // Nobody awaits a promise: its rejection must not end the program.
    if (typeof Object(given).then === "function") Promise.resolve(given).catch(() => {});
    const what = `options must return an object or undefined at once, for messages[${i}]`;
    throw new TypeError(`Cannot put messages: ${what}, got ${describeOption(given)}`);
  });
  return attributes.some((one) => one !== undefined) ? attributes : undefined;
}

/** Whether a value is known not to fit. */
function isMisfit(encoded: Encoded | Encoding): encoded is Misfit {
  return typeof encoded !== "string" && "issues" in encoded;
}

/** The text of a value that fits, or may fit. */
function textOf(encoded: Encoded | Encoding): string {
  if (typeof encoded === "string") return encoded;
  return "text" in encoded ? encoded.text : "";
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
