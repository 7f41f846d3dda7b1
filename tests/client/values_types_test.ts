/**
 * The types of values: inferred from the schema, without a cast. What must not compile is marked with `@ts-expect-error`, so
 * that this file does not compile if it does.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import * as z from "zod";
import type {
  Connection,
  JsonValue,
  Message,
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
  TypedTopic,
  ValueMessage,
  ValueStream,
} from "@dsmq/server";

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

const Order = z.object({
  id: z.string(),
  at: z.iso.datetime().transform((text) => new Date(text)),
  count: z.number().default(1),
});
const Price = v.pipe(v.string(), v.transform(Number));

/** Our copy of the interface is that of the package: each is accepted where the other is asked for. */
const copies: [
  (schema: StandardSchemaV1<string, number>) => StandardSchema<string, number>,
  (schema: StandardSchema<string, number>) => StandardSchemaV1<string, number>,
  (result: StandardSchemaV1.Result<string>) => SchemaResult<string>,
  (result: SchemaResult<string>) => StandardSchemaV1.Result<string>,
  (issue: StandardSchemaV1.Issue) => SchemaIssue,
  (issue: SchemaIssue) => StandardSchemaV1.Issue,
] = [(it) => it, (it) => it, (it) => it, (it) => it, (it) => it, (it) => it];
const inferred: [
  Same<SchemaInput<typeof Order>, StandardSchemaV1.InferInput<typeof Order>>,
  Same<SchemaOutput<typeof Order>, StandardSchemaV1.InferOutput<typeof Order>>,
] = [true, true];

type Pear = { readonly id: string };

interface NamedPear {
  readonly id: string;
}

/** Never called: this is about what compiles. */
async function uses(mq: Connection): Promise<unknown[]> {
  const orders = mq.topic("orders", Order);
  const input: Same<
    Parameters<typeof orders.put>[0],
    { id: string; at: string; count?: number | undefined }
  > = true;
  const message = await orders.read();
  const output: Same<
    NonNullable<typeof message>["value"],
    { id: string; at: Date; count: number }
  > = true;
  await orders.put({ id: "a", at: "2026-01-02T03:04:05Z" }, { key: "a" });
  await orders.putMany([{ id: "a", at: "2026-01-02T03:04:05Z", count: 2 }]);
  // @ts-expect-error: the id is missing
  await orders.put({ at: "2026-01-02T03:04:05Z" });
  // @ts-expect-error: the input is a text
  await orders.put({ id: "a", at: new Date() });
  // @ts-expect-error: a list needs its brackets
  await orders.putMany({ id: "a", at: "2026-01-02T03:04:05Z" });
  // @ts-expect-error: there may be no message
  message.value;
  for await (const { value, seq, body } of orders.subscribe({ since: "start" })) {
    const date: Date = value.at;
    // @ts-expect-error: the output is a date
    const text: string = value.at;
    return [input, output, date, text, seq, body];
  }
  orders.subscribe({
    onInvalid: (
      error,
      message: Message,
    ) => [error.issues[0]?.path, error.received?.body, message.seq],
  });
  // @ts-expect-error: there is no such policy
  orders.subscribe({ onInvalid: "skip" });
  const price = (await mq.topic("prices", Price).read({ wait: 5 }))?.value;
  const number: Same<typeof price, number | undefined> = true;
  const free = mq.topic("free");
  const json: Same<NonNullable<Awaited<ReturnType<typeof free.read>>>["value"], JsonValue> = true;
  await free.put({ a: [1, null, { b: "c" }] as const });
  const [alias, named]: [Pear, NamedPear] = [{ id: "a" }, { id: "a" }];
  await free.put(alias);
  // @ts-expect-error: an interface has no index signature, as the guide says
  await free.put(named);
  // @ts-expect-error: JSON has no dates
  await free.put(new Date());
  // @ts-expect-error: nor undefined
  await free.put({ a: undefined });
  // @ts-expect-error: nor bigints
  await free.put([5n]);
  // @ts-expect-error: a function that returns a type is no schema
  mq.topic("t", (value: unknown) => value as string);
  const views: [TypedTopic<JsonValue>, TypedTopic<string, number>, ValueStream<JsonValue>] = [
    free,
    mq.topic("prices", Price),
    free.subscribe(),
  ];
  const messages: (Message | ValueMessage<JsonValue> | undefined)[] = [await free.read()];
  return [number, json, views, messages];
}

Deno.test("the types of values are those that the schema has for putters and for readers", () => {
  assertEquals([typeof uses, copies.length, inferred], ["function", 6, [true, true]]);
});
