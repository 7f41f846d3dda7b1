/**
 * What a topic of values offers to its caller.
 *
 * @module
 */

import type { DsmqErrorOf } from "../../protocol/errors.ts";
import type { Message } from "../../protocol/message.ts";
import type { TopicWorker, ValueJob, WorkOptions } from "../groups/working.ts";
import type { PutOptions } from "../messages.ts";
import type { ReadOptions, SubscribeOptions } from "../reading.ts";
import type { JsonValue } from "./json_value.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard_schema.ts";

/** A message and its value. */
export type ValueMessage<Value> = Message & {
  /** The value that the text of the message stands for. */
  readonly value: Value;
};

/** The messages of a topic with their values, one after another; read it with `for await`. */
export type ValueStream<Value> =
  & AsyncIterableIterator<ValueMessage<Value>, undefined>
  & AsyncDisposable;

/**
 * What a subscription does with a message whose value does not fit. With `"throw"` the loop ends with the error
 * `invalid_value`; the subscription does not: another loop over it goes on with the next message. A function is given the
 * error and the message, and the loop goes on with the next one, once a promise that the function returns is settled; what it
 * throws ends the loop. Once another call of `next` has waited 10 seconds for it, it is waited for no longer, and the loop ends
 * with a `TypeError`: it must not wait for messages of its own loop.
 */
export type InvalidHandler =
  | "throw"
  | ((error: DsmqErrorOf<"invalid_value">, message: Message) => unknown);

/** How to subscribe to values. */
export interface ValueSubscribeOptions extends SubscribeOptions {
  /** What to do with a message whose value does not fit. Default: `"throw"`. */
  readonly onInvalid?: InvalidHandler;
}

/**
 * A topic whose messages are values: JSON texts, validated at both ends if there is a schema. It is a view: it holds nothing,
 * needs no closing, and every view of a topic shares the connection's cursor.
 */
export interface TypedTopic<Input, Output = Input> {
  /** The name of the topic. */
  readonly name: string;

  /**
   * Puts a value. With a schema it is validated, and sent as it was given: what the schema makes of it is for the readers.
   * The values that a connection puts into a topic are stored in the order of the calls, also if a validator takes its time;
   * {@linkcode Connection.put} does not wait for them. A put waits at most 10 seconds for those before it; then those of them
   * that are still being validated are refused with `invalid_value`, so that a validator that waits for a later put of its
   * own topic does not wait forever. Until it is validated a value counts as unanswered, for `pending` and the limits;
   * `close` waits for it as for any put, and if it is still being validated when the connection ends it is not sent: its put
   * rejects with `closed`.
   *
   * @param value the value, as the schema takes it
   * @param options as for {@linkcode Connection.put}
   * @returns the sequence number of the message, once it is stored
   * @throws {DsmqError} `invalid_value`, with the `issues`, if it does not fit the schema, or JSON does not hold it exactly:
   *   nothing is sent then. It is thrown as soon as that is known: such a put waits for no other, and none waits for it. Else
   *   as {@linkcode Connection.put}
   */
  put(value: Input, options?: PutOptions): Promise<number>;

  /**
   * Puts values, in order. All are validated before the first is sent.
   *
   * @param values the values
   * @returns their sequence numbers, once all are stored
   * @throws {DsmqError} `invalid_value`, with the `index` of the first that does not fit: nothing is sent then. It is thrown as
   *   soon as the values before that one are validated, in no order with other puts. Else as {@linkcode Connection.putMany}
   */
  putMany(values: readonly Input[]): Promise<number[]>;

  /**
   * Puts values, in order, each with attributes of its own.
   *
   * @param values the values
   * @param options gives the attributes of each value, `undefined` for none: called once for each, in order, before any is
   *   validated. What it throws rejects the call, and nothing is sent
   * @returns their sequence numbers, once all are stored
   * @throws {TypeError | RangeError} if what it gives is invalid, or a promise
   * @throws {DsmqError} as without attributes
   *
   * @example Put orders that may be repeated without risk
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * const orders = [{ id: 7, item: "pears" }, { id: 8, item: "apples" }];
   * const topic = mq.topic("orders");
   * await topic.putMany(orders, ({ id }) => ({ messageId: `order-${id}` }));
   * await topic.putMany(orders, ({ id }) => ({ messageId: `order-${id}` })); // stored once
   * console.log((await mq.topics())[0]!.messages); // 2
   * ```
   */
  putMany<Value extends Input>(
    values: readonly Value[],
    options: ((value: Value, index: number) => PutOptions | undefined) | undefined,
  ): Promise<number[]>;

  /**
   * Reads the next message, and its value as the schema gives it. If the signal aborts, or the connection ends, while the
   * value is being validated, the read ends, and the message counts as read.
   *
   * @param options as for {@linkcode Connection.read}; `wait` is the time to wait for the message, without that of a validator
   * @returns the message with its `value`, or `undefined` if there is none
   * @throws {DsmqError} `invalid_value`, with the `issues` and the message as `received`, if its text is no JSON, or does not
   *   fit the schema: the message counts as read, and the next read goes on after it. Else as {@linkcode Connection.read}
   */
  read(options?: ReadOptions): Promise<ValueMessage<Output> | undefined>;

  /**
   * Subscribes to the topic. If the signal aborts, the loop is left or the connection ends while a value is being validated,
   * the loop ends as any other: neither that message nor those behind it count as delivered, so a subscription `since` the
   * position of the message before begins with it.
   *
   * @param options as for {@linkcode Connection.subscribe}, and what to do with a message whose value does not fit
   * @returns the messages with their values, as they are stored
   */
  subscribe(options?: ValueSubscribeOptions): ValueStream<Output>;

  /**
   * Works on the messages of the topic, as {@linkcode Connection.work} does. A job whose text is no JSON, or does not fit the schema, is
   * dead at once, with that as its reason.
   *
   * @param handler works on one job, whose `value` is as the schema gives it
   * @param options how to work
   * @returns the worker
   */
  work(handler: (job: ValueJob<Output>) => unknown, options?: WorkOptions): TopicWorker;
}

/** What a connection offers for topics of values. */
export interface TypedTopics {
  /**
   * A topic whose messages are values that JSON holds exactly: `null`, booleans, finite numbers, strings, arrays and plain
   * objects. Anything else is an error, never changed silently.
   *
   * @param name the topic
   * @returns a view of the topic
   * @throws {TypeError | RangeError} if the name is invalid
   *
   * @example Put an object, and read it
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * const orders = mq.topic("orders");
   * await orders.put({ id: "a-17", items: [1, 2] });
   * console.log((await orders.read())?.value); // { id: "a-17", items: [ 1, 2 ] }
   * ```
   */
  topic(name: string): TypedTopic<JsonValue>;

  /**
   * A topic whose values a schema describes: any Standard Schema, such as those of zod, valibot and arktype. Values are
   * validated at both ends. What is sent is the value that was put, as JSON; the reader gets what its schema makes of it.
   *
   * @param name the topic
   * @param schema the schema
   * @returns a view of the topic
   * @throws {TypeError | RangeError} if the name or the schema is invalid
   *
   * @example Orders with a date
   * ```ts
   * import { connect, serve } from "@dsmq/server";
   * import * as z from "npm:zod@4";
   *
   * await using server = await serve({ port: 0 });
   * await using mq = await connect(server.url);
   * const orders = mq.topic("orders", z.object({ id: z.string(), at: z.coerce.date() }));
   * await orders.put({ id: "a-17", at: new Date(0) });
   * console.log((await orders.read())?.value.at.getTime()); // 0
   * ```
   */
  topic<Schema extends StandardSchema>(
    name: string,
    schema: Schema,
  ): TypedTopic<SchemaInput<Schema>, SchemaOutput<Schema>>;
}
