/**
 * Random programs, run against a server and against a one-page model of it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type Connection, type MessageStream, type PutOptions, serve } from "@dsmq/server";
import fc from "fast-check";
import { ModelReader, ModelStore, RETENTION } from "../support/model_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

const TOPICS = ["a", "ab", "b"];

/** What is subscribed to: a topic, or with a `*` all topics that begin so. */
const FILTERS = [...TOPICS, "*", "a*"];

/** The options of each way to read. */
const WAYS = { oldest: {}, newest: { latest: true }, wait: { wait: 0 } };

/** One step of a program; `who` counts the open connections, and wraps. */
type Step =
  | { do: "connect"; since: "start" | "now" }
  | { do: "close"; who: number }
  | { do: "put"; who: number; topic: string; body: string; options: PutOptions | undefined }
  | { do: "putMany"; who: number; topic: string; messages: [string, PutOptions | undefined][] }
  | { do: "get" | "getLatest" | "getWait"; who: number; topic: string }
  | { do: "subscribe" | "next" | "leave"; who: number; topic: string }
  | { do: "topics"; who: number }
  | { do: "together"; who: number; reads: ["oldest" | "newest" | "wait", string][] }
  | { do: "pass"; ms: number };

const who = fc.nat(7);
const topic = fc.constantFrom(...TOPICS);
const filter = fc.constantFrom(...FILTERS);
const body = fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom("", "\0", "\ud800", "😀"));
/** Few ids, so that they come again. */
const options = fc.option(
  fc.record({
    messageId: fc.constantFrom("one", "two", "\ud800"),
    key: body.filter((text) => text !== ""),
    headers: fc.dictionary(fc.constantFrom("a", "__proto__", "ä"), body, { noNullPrototype: true }),
    delay: fc.nat(9),
  }, { requiredKeys: [] }),
  { nil: undefined },
);
const mode = fc.constantFrom("oldest", "newest", "wait");

function step<Name extends Step["do"]>(
  name: Name,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Step> {
  return fc.record({ do: fc.constant(name), ...fields }) as unknown as fc.Arbitrary<Step>;
}

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: step("connect", { since: fc.constantFrom("start", "now") }) },
  { weight: 1, arbitrary: step("close", { who }) },
  { weight: 6, arbitrary: step("put", { who, topic, body, options }) },
  {
    weight: 3,
    arbitrary: step("putMany", {
      who,
      topic,
      messages: fc.array(fc.tuple(body, options), { maxLength: 6 }),
    }),
  },
  { weight: 4, arbitrary: step("get", { who, topic }) },
  { weight: 2, arbitrary: step("getLatest", { who, topic }) },
  { weight: 3, arbitrary: step("getWait", { who, topic }) },
  { weight: 2, arbitrary: step("subscribe", { who, topic: filter }) },
  { weight: 4, arbitrary: step("next", { who, topic: filter }) },
  { weight: 1, arbitrary: step("leave", { who, topic: filter }) },
  { weight: 1, arbitrary: step("topics", { who }) },
  {
    weight: 3,
    arbitrary: step("together", { who, reads: fc.array(fc.tuple(mode, topic), { maxLength: 8 }) }),
  },
  // Up to the retention and around it.
  {
    weight: 3,
    arbitrary: step("pass", { ms: fc.oneof(fc.nat(400), fc.constantFrom(1, 999, 1000, 1001)) }),
  },
);

/** A connection, and its model. */
interface Pair {
  readonly mq: Connection;
  readonly model: ModelReader;
  readonly streams: Map<string, MessageStream>;
}

/** Does one step on both sides, and compares the answers. */
async function take(step: Step, pairs: Pair[], store: ModelStore, clock: ManualClock, url: string) {
  if (step.do === "connect") {
    const mq = await connect(url, { since: step.since });
    const start = step.since === "start" ? 0 : store.last;
    pairs.push({ mq, model: new ModelReader(store, start), streams: new Map() });
    return;
  }
  if (step.do === "pass") {
    clock.advance(step.ms);
    store.time += step.ms;
    return;
  }
  const at = step.who % pairs.length;
  const pair = pairs[at]!;
  const { mq, model, streams } = pair;
  switch (step.do) {
    case "close":
      await mq.close();
      model.streams.clear();
      for (const stream of streams.values()) assertEquals((await stream.next()).done, true);
      // There is always a connection left.
      if (pairs.length > 1) pairs.splice(at, 1);
      else pairs[0] = await opened(url, store);
      return;
    case "put": {
      const { topic, body, options } = step;
      return assertEquals(await mq.put(topic, body, options), store.put(topic, body, options));
    }
    case "putMany": {
      const { topic, messages } = step;
      const expected = messages.map(([body, options]) => store.put(topic, body, options));
      const given = messages.map(([body, options]) => options ? { body, ...options } : body);
      return assertEquals(await mq.putMany(topic, given), expected);
    }
    case "get":
      return store.assertSame(await mq.read(step.topic), model.read(step.topic, 0));
    case "getLatest":
      return assertEquals(
        await mq.getLatest(step.topic),
        model.read(step.topic, -1)?.body ?? "",
      );
    case "getWait":
      return assertEquals(
        await mq.getWait(step.topic, { timeout: 0 }),
        model.read(step.topic, 0)?.body ?? "",
      );
    case "subscribe":
      if (streams.has(step.topic)) return;
      streams.set(step.topic, mq.subscribe(sourceOf(step.topic)));
      model.streams.set(step.topic, { unread: model.unread(step.topic) });
      // Once a later request is answered, the stream has begun: what expires after that was sent already.
      return assertEquals(await mq.get("no topic of these"), "");
    case "next": {
      const expected = model.streams.get(step.topic)?.unread.shift();
      if (expected) {
        store.assertSame((await streams.get(step.topic)!.next()).value, expected);
      }
      return;
    }
    case "leave":
      await streams.get(step.topic)?.[Symbol.asyncDispose]();
      streams.delete(step.topic);
      model.streams.delete(step.topic);
      return;
    case "topics": {
      const expected = TOPICS.flatMap((topic) => {
        const unread = store.unread(topic, 0);
        const newest = unread.at(-1);
        return newest
          ? [{ topic, messages: unread.length, seq: newest.seq, time: newest.time }]
          : [];
      });
      // How much they take, and who follows them, other tests know.
      const listed = (await mq.topics()).map(({ topic, messages, seq, time }) => (
        { topic, messages, seq, time }
      ));
      return assertEquals(listed, expected);
    }
    case "together": {
      // Asked in one frame, and answered in order.
      const reads = step.reads.map(([mode, topic]) => mq.read(topic, WAYS[mode]));
      const expected = step.reads.map(([mode, topic]) =>
        model.read(topic, mode === "newest" ? -1 : 0)
      );
      const messages = await Promise.all(reads);
      return messages.forEach((message, i) => store.assertSame(message, expected[i]));
    }
  }
}

function sourceOf(filter: string): string | { prefix: string } {
  return filter.endsWith("*") ? { prefix: filter.slice(0, -1) } : filter;
}

async function opened(url: string, store: ModelStore): Promise<Pair> {
  return { mq: await connect(url), model: new ModelReader(store, store.last), streams: new Map() };
}

/** In the end all clients read what is left, then a last message, and nothing in between. */
async function readOut(pairs: Pair[], store: ModelStore): Promise<void> {
  for (const topic of TOPICS) {
    assertEquals(await pairs[0]!.mq.put(topic, "end"), store.put(topic, "end"));
  }
  for (const { mq, model, streams } of pairs) {
    for (const [filter, { unread }] of model.streams) {
      for (const expected of unread) {
        store.assertSame((await streams.get(filter)!.next()).value, expected);
      }
    }
    for (const topic of TOPICS) {
      for (let expected; (expected = model.read(topic, 0));) {
        store.assertSame(await mq.read(topic), expected);
      }
      assertEquals(await mq.read(topic), undefined);
    }
  }
}

async function run(program: Step[]): Promise<void> {
  const clock = new ManualClock();
  const store = new ModelStore(clock.now());
  await using server = await serve({ port: 0, clock, retention: RETENTION });
  const pairs = [await opened(server.url, store), await opened(server.url, store)];
  try {
    for (const step of program) await take(step, pairs, store, clock, server.url);
    await readOut(pairs, store);
  } finally {
    await Promise.all(pairs.map(({ mq }) => mq.close()));
  }
}

/** More runs than usual, if the environment asks for it and may be read. */
function numRuns(): number {
  const variable = "DSMQ_MODEL_RUNS";
  const allowed = Deno.permissions.querySync({ name: "env", variable }).state === "granted";
  return Number(allowed && Deno.env.get(variable)) || 200;
}

Deno.test("whatever a program does, every answer is what a simple model expects", async () => {
  const programs = fc.array(steps, { maxLength: 60, size: "max" });
  await fc.assert(fc.asyncProperty(programs, run), { numRuns: numRuns() });
});
