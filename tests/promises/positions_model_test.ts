/**
 * Programs that read, save a position, end, and start anew with it: over restarts, lost memory, restored files and
 * retention, compared with a simple model. They miss nothing that is there, and are told of what is gone.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  connect,
  type Connection,
  DsmqError,
  type Message,
  serve,
  type Server,
} from "@dsmq/server";
import * as fc from "fast-check";
import { ManualClock } from "../../testing/manual_clock.ts";
import { quiet } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const TOPICS = ["a", "b"] as const;
const RETENTION = 1000;

/** Where a reader is: what it saved, and what that means in the model. */
interface Saved {
  readonly position: string;
  readonly seq: number;
  readonly opening: number;
}

interface Stored {
  readonly topic: string;
  readonly body: string;
  readonly seq: number;
  readonly time: number;
}

/** A history: its messages, and the openings that it knows, each with the last number in it. */
interface History {
  readonly messages: Stored[];
  readonly openings: Map<number, number>;
  readonly last: number;
}

/** What the server holds. */
class Model {
  messages: Stored[] = [];
  last = 0;
  /** The number of the present opening, and those before it that the store knows. */
  opening = 0;
  known = new Map<number, number>();
  #openings = 0;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  put(topic: string, body: string): number {
    this.messages.push({ topic, body, seq: ++this.last, time: this.#clock.now() });
    return this.last;
  }

  /** A copy of the file as it is now. */
  copy(): History {
    const openings = new Map([...this.known, [this.opening, this.last]]);
    return { messages: [...this.messages], openings, last: this.last };
  }

  /** The server is opened again, with a history or with none. */
  open(history: History = { messages: [], openings: new Map(), last: 0 }): void {
    this.messages = [...history.messages];
    this.known = new Map(history.openings);
    this.last = history.last;
    this.opening = ++this.#openings;
  }

  /** What a reader gets that begins after a position: perhaps the code of a gap, and messages. */
  expected(saved: Saved | undefined, isOf: (topic: string) => boolean): string[] {
    const of = this.messages.filter(({ topic }) => isOf(topic));
    const isThere = ({ time }: Stored) => time > this.#clock.now() - RETENTION;
    const there = of.filter(isThere);
    const bodies = (after: number) =>
      there.filter(({ seq }) => seq > after).map(({ body }) => body);
    if (!saved) return bodies(0);
    const end = saved.opening === this.opening ? this.last : this.known.get(saved.opening);
    if (end === undefined) return ["epoch_changed", ...bodies(0)];
    if (saved.seq > end) return ["ahead", ...bodies(end)];
    const isTrimmed = of.some((message) => message.seq > saved.seq && !isThere(message));
    return [...isTrimmed ? ["trimmed"] : [], ...bodies(saved.seq)];
  }
}

/** What a reader got: codes and texts, and its last message. */
interface Got {
  readonly events: string[];
  last: Message | undefined;
}

/** Reads one by one, until there is nothing more. */
async function readOut(mq: Connection, topic: string): Promise<Got> {
  const got: Got = { events: [], last: undefined };
  for (;;) {
    const message = await mq.read(topic).catch((error: DsmqError) => error);
    if (message === undefined) return got;
    got.events.push(message instanceof DsmqError ? message.code : message.body);
    if (!(message instanceof DsmqError)) got.last = message;
  }
}

/** Follows a stream up to the message that was put last. */
async function follow(
  mq: Connection,
  from: string | { prefix: string },
  end: string,
  since?: string,
): Promise<Got> {
  const got: Got = { events: [], last: undefined };
  await using stream = mq.subscribe(from, {
    ...(since !== undefined && { since }),
    onGap: ({ code }) => (got.events.push(code), "oldest"),
  });
  while (got.last?.body !== end) {
    const { value } = await withTimeout(stream.next());
    got.last = value!;
    got.events.push(got.last.body);
  }
  return got;
}

/** The ways to read on after a position: of one topic, or in the order of the store. */
const WAYS: Record<
  string,
  (url: string, topic: string, since: string, end: string) => Promise<Got>
> = {
  async reads(url, topic, since) {
    await using mq = await connect(url, { since });
    return await readOut(mq, topic);
  },
  async cursor(url, topic, since, end) {
    await using mq = await connect(url, { since });
    return await follow(mq, topic, end);
  },
  async subscription(url, topic, since, end) {
    await using mq = await connect(url);
    return await follow(mq, topic, end, since);
  },
  async prefix(url, _topic, since, end) {
    await using mq = await connect(url, { since });
    return await follow(mq, { prefix: "" }, end);
  },
  async prefixSince(url, _topic, since, end) {
    await using mq = await connect(url);
    return await follow(mq, { prefix: "" }, end, since);
  },
};

type Step =
  | { readonly do: "put"; readonly topic: string; readonly count: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "restart" | "copy" | "restore" }
  | { readonly do: "read"; readonly way: string; readonly topic: string; readonly who: number };

const topic = fc.constantFrom(...TOPICS);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      topic,
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.oneof(fc.nat(600), fc.constantFrom(999, 1000, 1001, 20_000)),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: "restart" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "copy" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "restore" as const }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      way: fc.constantFrom(...Object.keys(WAYS)),
      topic,
      who: fc.nat(1),
    }),
  },
);

/** A message expired behind the end of a history that was restored: that is one gap, not two. */
const goneBehindGap = (way: string, ms: number): Step[] => [
  { do: "copy" },
  { do: "read", way: "reads", topic: "a", who: 0 },
  { do: "restore" },
  { do: "put", topic: "a", count: 1 },
  { do: "pass", ms },
  { do: "read", way, topic: "a", who: 0 },
];

async function run(kind: "memory" | "file", program: readonly Step[]): Promise<void> {
  const folder = Deno.makeTempDirSync();
  const clock = new ManualClock();
  const model = new Model(clock);
  const saved: (Saved | undefined)[] = [undefined, undefined];
  const [path, copyPath] = [`${folder}/queue.db`, `${folder}/copy.db`];
  const open = () =>
    serve({
      port: 0,
      log: quiet,
      clock,
      retention: RETENTION,
      ...(kind === "file" && { store: `sqlite:${path}` }),
    });
  const copyFiles = async (from: string, to: string) => {
    for (const end of ["", "-wal"]) await Deno.copyFile(from + end, to + end).catch(() => {});
  };
  let copied: History | undefined;
  let server: Server = await open();
  const put = async (topic: string, bodies: string[]) => {
    await using mq = await connect(server.url);
    assertEquals(await mq.putMany(topic, bodies), bodies.map((body) => model.put(topic, body)));
  };
  let bodies = 0;
  try {
    for (const step of program) {
      switch (step.do) {
        case "put":
          await put(step.topic, Array.from({ length: step.count }, () => `m${++bodies}`));
          break;
        case "pass":
          clock.advance(step.ms);
          break;
        case "copy":
          if (kind === "memory") break;
          await copyFiles(path, copyPath);
          copied = model.copy();
          break;
        case "restart":
          await server.shutdown();
          model.open(kind === "file" ? model.copy() : undefined);
          server = await open();
          break;
        case "restore":
          if (!copied) break;
          await server.shutdown();
          for (const end of ["", "-wal", "-shm"]) await Deno.remove(path + end).catch(() => {});
          await copyFiles(copyPath, path);
          model.open(copied);
          server = await open();
          break;
        case "read": {
          const { way, topic, who } = step;
          const begin = saved[who];
          const end = `m${++bodies}`;
          await put(topic, [end]);
          const expected = model.expected(
            begin,
            (name) => way.startsWith("prefix") || name === topic,
          );
          const { events, last } = await WAYS[way]!(
            server.url,
            topic,
            begin?.position ?? "start",
            end,
          );
          assertEquals(events, expected, `${way} of ${topic}, after ${begin?.position}`);
          const { position, seq } = last!;
          saved[who] = { position, seq, opening: model.opening };
        }
      }
    }
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

for (const kind of ["memory", "file"] as const) {
  Deno.test(`programs that save a position and go on there miss nothing, and are told of what is gone: ${kind}`, async () => {
    const programs = fc.array(steps, { minLength: 1, maxLength: 30, size: "max" });
    const property = fc.asyncProperty(programs, (program) => run(kind, program));
    await fc.assert(property, {
      examples: [[goneBehindGap("cursor", 20_000)], [goneBehindGap("prefixSince", 1000)]],
      numRuns: Number(Deno.env.get("DSMQ_MODEL_RUNS")) || 25,
    });
  });
}
