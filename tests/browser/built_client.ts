/**
 * A program for a page that uses the types of the built client: type-checked, and never run.
 *
 * @module
 */

// @ts-types="../../web/built/client.d.ts"
import {
  connect,
  type Connection,
  DsmqError,
  isDsmqError,
  type JsonValue,
  type Message,
  type TypedTopic,
} from "../../web/built/client.js";
import type * as source from "../../client.ts";
// @ts-types="../../web/built/client.d.ts"
import type * as built from "../../web/built/client.js";

/** Both have the same values, of the same types. */
export const fromSource = (module: typeof source): typeof built => module;
export const fromBuilt = (module: typeof built): typeof source => module;

/** Each is accepted. */
export async function uses(): Promise<void> {
  await using mq: Connection = await connect({ host: "example.org" }, { token: "t" });
  const seq: number = await mq.put("news", "text", {
    key: "k",
    headers: { "content-type": "text/plain" },
  });
  const message: Message | undefined = await mq.read("news", { wait: 100 });
  for await (const { body } of mq.subscribe({ prefix: "news." }, { onGap: "now" })) {
    console.log(body);
  }
  const numbers: TypedTopic<JsonValue> = mq.topic("numbers");
  await numbers.put([seq, message?.seq ?? 0]);
  try {
    await mq.get("news");
  } catch (error) {
    if (isDsmqError(error, "trimmed")) console.log(`${error.after} ${error.last}`);
    if (error instanceof DsmqError) console.log(error.code);
  }
}

/** None is. */
export async function misuses(mq: Connection): Promise<void> {
  // @ts-expect-error: an address has no such part.
  await connect({ hostname: "example.org" });
  // @ts-expect-error: a body is a text.
  await mq.put("news", { text: "hello" });
  // @ts-expect-error: nothing can be read this way.
  await mq.poll("news");
  const error: unknown = undefined;
  // @ts-expect-error: only the errors of gaps carry that.
  if (isDsmqError(error, "full")) console.log(error.after);
}
