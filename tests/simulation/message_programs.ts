/**
 * Programs that put messages, and that read them.
 *
 * @module
 */

import { type Connection, type DsmqError, isDsmqError, type Message } from "../../client.ts";
import { type ClientContext, type ClientProgram, codeOf } from "./client.ts";
import type { ReaderPlan } from "./history.ts";

/** The last message of a topic. */
export const LAST = "the last message";

/** How long a reader waits in one call, in milliseconds. */
const WAIT = 5000;

/** Puts messages now and then, some of them together, until the run is calm. */
export function putter(topics: readonly string[], keys: readonly string[]): ClientProgram {
  return async (context) => {
    const { random, phase } = context;
    const mq = await context.connect();
    const pending: Promise<void>[] = [];
    for (let n = 0; !phase.isCalm;) {
      const topic = topics[random(topics.length)]!;
      const bodies = Array.from({ length: 1 + random(3) }, () => `${context.name} ${++n}`);
      const put = putAll(context, mq, topic, bodies, keys);
      if (random(3) === 0) pending.push(put);
      else await put;
      await context.pause(random(random(8) === 0 ? 3000 : 300));
    }
    await Promise.all(pending);
    await context.call("close", 10_000, mq.close());
  };
}

/** Puts messages together, and records what comes of each. */
export async function putAll(
  context: ClientContext,
  mq: Connection,
  topic: string,
  bodies: readonly string[],
  keys: readonly string[] = [],
): Promise<void> {
  const { history, random } = context;
  const isList = bodies.length > 1 && random(2) === 0;
  const messages = bodies.map((body) => ({
    body,
    ...(keys.length > 0 && random(2) === 0 && { key: keys[random(keys.length)]! }),
    ...(random(8) === 0 && { messageId: body }),
    ...(keys.length > 0 && random(8) === 0 && { delay: random(3000) }),
  }));
  const calls = bodies.map((body) => {
    const call = history.nextCall();
    context.record({ kind: "put", call, client: context.name, topic, body });
    return call;
  });
  const settled = (i: number, outcome: number | { readonly code: string }) => {
    const call = calls[i]!;
    context.record(
      typeof outcome === "number"
        ? { kind: "acknowledged", call, seq: outcome }
        : { kind: "put_failed", call, code: outcome.code },
    );
  };
  if (!isList) {
    await Promise.all(messages.map(({ body, ...options }, i) =>
      mq.put(topic, body, options).then(
        (seq) => settled(i, seq),
        (error) => settled(i, { code: codeOf(error) }),
      )
    ));
    return;
  }
  try {
    (await mq.putMany(topic, messages)).forEach((seq, i) => settled(i, seq));
  } catch (error) {
    const outcomes = isDsmqError(error) ? error.outcomes : undefined;
    bodies.forEach((_, i) => settled(i, outcomes?.[i] ?? { code: codeOf(error) }));
  }
}

/** Reads until it has the last message of each of its topics. */
export function reader(plan: ReaderPlan, topics: readonly string[]): ClientProgram {
  return async (context) => {
    const id = context.name;
    context.record({ kind: "reader", reader: id, client: context.name, ...plan });
    const mq = await context.connect({ since: plan.since });
    context.record({ kind: "reading", reader: id });
    const waiting = new Set(
      topics.filter((topic) => plan.isPrefix ? topic.startsWith(plan.topic) : topic === plan.topic),
    );
    const onGap = (error: unknown) => {
      if (!isGap(error)) throw error;
      context.record({ kind: "gap", reader: id, code: error.code });
      return "oldest" as const;
    };
    const onMessage = ({ topic, body, seq, position }: Message) => {
      const epoch = position.slice(0, position.lastIndexOf(":"));
      context.record({ kind: "read", reader: id, epoch, seq, topic, body });
      if (body === LAST) waiting.delete(topic);
    };
    if (plan.how === "subscribe") {
      const from = plan.isPrefix ? { prefix: plan.topic } : plan.topic;
      for await (const message of mq.subscribe(from, { onGap })) {
        onMessage(message);
        if (waiting.size === 0) break;
      }
    }
    while (waiting.size > 0) {
      const wait = plan.how === "wait" ? [WAIT, 300][context.random(2)]! : undefined;
      const how = { ...(wait !== undefined && { wait }), latest: plan.how === "latest" };
      if (wait === undefined) context.record({ kind: "asked", reader: id });
      const reading = mq.read(plan.topic, how);
      try {
        const message = await context.call(`read ${plan.topic}`, wait, reading);
        if (message) onMessage(message);
        else if (wait === undefined) {
          context.record({ kind: "found_nothing", reader: id });
          await context.pause(context.random(500));
        }
      } catch (error) {
        if (context.isExpected(error)) await context.pause(context.random(500));
        else onGap(error);
      }
    }
    await context.call("close", 10_000, mq.close());
  };
}

function isGap(error: unknown): error is DsmqError {
  return isDsmqError(error) &&
    (error.code === "trimmed" || error.code === "ahead" || error.code === "epoch_changed");
}
