/**
 * Whatever an intermediary refuses, up or down, with breaks in between: only that fails, and all else is stored and
 * delivered once, in order. Random programs of many calls.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Connection, DsmqError } from "@dsmq/server";
import {
  type Bridge,
  inMemory,
  store,
  type TestServer,
  testServer,
  turns,
} from "../support/bridge.ts";
import { closeAll, connectedPair } from "../support/connected_pair.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { withTimeout } from "../support/with_timeout.ts";

const CODES = [1002, 1003, 1005, 1007, 1009, 1011, 4000];

/** The error for a message that is refused. */
const REFUSED = "(refused)";

/** One run: its limit, and texts below or above it, however they are sent. */
class Run {
  readonly limit: number;
  readonly random: Random;
  #texts = 0;

  constructor(random: Random) {
    this.random = random;
    // Hello and its answer must pass.
    this.limit = 900 + random(2000);
  }

  text(): string {
    const { limit, random } = this;
    const large = random(10) === 0;
    return `${++this.#texts}`.padEnd(large ? limit + random(1000) : random(limit - 300));
  }

  texts(max: number): string[] {
    return Array.from({ length: 1 + this.random(max) }, () => this.text());
  }

  /** The outcome of messages for those that read them. */
  expected(messages: readonly string[]): string[] {
    return messages.map((message) => message.length >= this.limit ? REFUSED : message);
  }
}

/** Random puts; returns the outcome of each, and what was stored, in the order of the calls. */
async function puts(mq: Connection, run: Run) {
  const calls: Promise<(number | string)[]>[] = [];
  const messages: string[] = [];
  const put = (texts: string[], work: Promise<number | number[]>) => {
    messages.push(...texts);
    calls.push(
      work.then(
        (seqs) => [seqs].flat(),
        ({ code, outcomes }: DsmqError) =>
          outcomes?.map((one) => typeof one === "number" ? one : one.code) ?? [code],
      ),
    );
  };
  for (let i = 0; i < 12; i++) {
    for (let j = run.random(6); j >= 0; j--) {
      const topic = `up ${run.random(2)}`;
      if (run.random(4) > 0) {
        const text = run.text();
        put([text], mq.put(topic, text));
      } else {
        const texts = run.texts(30);
        put(texts, mq.putMany(topic, texts));
      }
    }
    await turns(run.random(6));
  }
  const outcomes = (await withTimeout(Promise.all(calls), 30_000)).flat();
  const seqs = outcomes.filter((one) => typeof one === "number");
  assertEquals(seqs, seqs.toSorted((one, other) => one - other), "in the order of the calls");
  const codes = outcomes.map((one, i) => typeof one === "number" ? messages[i] : REFUSED);
  assertEquals(codes, run.expected(messages));
  assertEquals(
    new Set(outcomes.filter((one) => typeof one === "string")).size <= 1,
    true,
    `${outcomes}`,
  );
}

/** Reads one after another, and some at once, until the last message. */
async function gets(mq: Connection, run: Run, topic: string, messages: readonly string[]) {
  const got: string[] = [];
  while (got.length < messages.length) {
    const calls = Array.from(
      { length: 1 + run.random(4) },
      () =>
        (run.random(2) === 0 ? mq.get(topic) : mq.getWait(topic, { timeout: 20 })).catch((
          { code }: DsmqError,
        ) => `(${code})`),
    );
    got.push(...(await withTimeout(Promise.all(calls), 30_000)).filter((text) => text !== ""));
  }
  assertEquals(got, run.expected(messages));
}

/** Streams, and goes on after what is refused. */
async function stream(mq: Connection, run: Run, topic: string, messages: readonly string[]) {
  const got: string[] = [];
  const onGap = ({ code }: DsmqError) => {
    got.push(`(${code})`);
    return "oldest" as const;
  };
  const stream = mq.subscribe(topic, { since: "start", onGap });
  while (got.length < messages.length) {
    const next = await withTimeout(stream.next(), 30_000);
    // Anything reported meanwhile comes before it.
    got.push(next.value!.body);
  }
  await stream.return!();
  assertEquals(got, run.expected(messages));
}

/** Cuts the connection now and then. */
async function cuts(bridge: Bridge, random: Random, over: () => boolean) {
  while (!over()) {
    await turns(20 + random(200));
    if (!over()) bridge.cut();
  }
}

async function setup(
  seed: number,
  work: (at: {
    readonly mq: Connection;
    readonly host: TestServer;
    readonly run: Run;
  }) => Promise<void>,
) {
  const random = seeded(seed);
  const run = new Run(random);
  const host = await testServer(inMemory());
  const { bridge, mq } = await connectedPair(host);
  const code = CODES[random(CODES.length)]!;
  bridge.refuses = ({ length }) => length > run.limit ? code : undefined;
  let over = false;
  const cutting = seed % 2 === 0 ? undefined : cuts(bridge, random, () => over);
  try {
    await work({ mq, host, run });
  } finally {
    over = true;
    await cutting;
    await closeAll(mq, host);
  }
}

for (let seed = 1; seed <= 4; seed++) {
  Deno.test(`of random puts only what is refused fails, and the rest is stored once, in order (seed ${seed})`, () =>
    setup(seed, ({ mq, run }) => puts(mq, run)));

  Deno.test(`of random reads and streams only what is refused is reported, once, and the rest arrives once, in order (seed ${seed})`, () =>
    setup(seed, async ({ mq, host, run }) => {
      const readings: Promise<void>[] = [];
      for (let i = 0; i < 3; i++) {
        const topic = `down ${i}`;
        const messages = [...run.texts(20), "the last"];
        await mq.get(topic);
        await store(host, topic, ...messages);
        readings.push(gets(mq, run, topic, messages), stream(mq, run, topic, messages));
      }
      await Promise.all(readings);
    }));
}
