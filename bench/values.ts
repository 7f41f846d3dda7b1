/**
 * Measures what topics of values cost: the same puts and reads by hand, with `JSON.stringify` and `JSON.parse` around the text,
 * and over `mq.topic()`, in turns within one run.
 *
 * Run it with `deno task bench:values`; it exits with 1 if a goal is missed.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import type { JsonValue } from "../client/values/json_value.ts";
import { measureRate } from "../cli/measure/calls.ts";
import { Progress } from "../cli/measure/progress.ts";
import { quantile } from "../cli/measure/quantiles.ts";
import { formatFigure, formatMarkdownTable } from "../cli/measure/table.ts";
import { connectTo } from "./bench.ts";
import { Processes } from "./processes.ts";

/** The calls of a round: few, so that both ways see the same machine. */
const COUNT = 10_000;
const WINDOW = 1024;
/** The number of rounds, after those in which V8 still compiles. */
const ROUNDS = 60;
const WARM_UP = 10;
const GOAL = 1.05;

const VALUES: Readonly<Record<string, JsonValue>> = {
  "two numbers": { id: 17, at: 1_700_000_000_000 },
  "a text of 64 bytes": { text: "m".repeat(64) },
  "an order of 160 bytes": {
    id: "ord-12345",
    customer: { id: 42, name: "Ada Lovelace" },
    items: [{ sku: "abc", quantity: 2, price: 9.5 }, { sku: "def", quantity: 1, price: 100 }],
    isPaid: true,
    note: null,
  },
};

/** A schema that only looks whether there is an object, so that its own time hardly counts. */
const SCHEMA = {
  "~standard": {
    version: 1 as const,
    vendor: "bench",
    validate: (value: unknown) =>
      typeof value === "object" && value !== null ? { value } : { issues: [{ message: "no" }] },
  },
};

/** A way to put and read values. */
interface Way {
  put(value: JsonValue): Promise<unknown>;
  read(): Promise<unknown>;
  /** Takes the next message of a subscription. */
  next(): Promise<unknown>;
}

/** Each way has connections and a topic of its own: one puts, one reads, one has a subscription. */
type MakeWay = (
  putter: Connection,
  reader: Connection,
  subscriber: Connection,
  validated: boolean,
) => Way;

const byHand: MakeWay = (putter, reader, subscriber, validated) => {
  const check = (value: unknown) => {
    if (validated && SCHEMA["~standard"].validate(value).issues) throw new TypeError("no");
    return value;
  };
  const stream = subscriber.subscribe("by hand");
  return {
    put: (value) => putter.put("by hand", JSON.stringify(check(value))),
    read: async () => check(JSON.parse((await reader.read("by hand"))!.body)),
    next: async () => check(JSON.parse((await stream.next()).value!.body)),
  };
};

const typed: MakeWay = (putter, reader, subscriber, validated) => {
  const topicOf = (mq: Connection) => validated ? mq.topic("typed", SCHEMA) : mq.topic("typed");
  const [to, from] = [topicOf(putter), topicOf(reader)];
  const stream = topicOf(subscriber).subscribe();
  return {
    put: (value) => to.put(value),
    read: async () => (await from.read())!.value,
    next: async () => (await stream.next()).value!.value,
  };
};

const VERBS = ["put", "read", "stream"] as const;

/** The times of a call, in microseconds, round by round. */
type Times = Readonly<Record<(typeof VERBS)[number], number[]>>;

async function measure(way: Way, value: JsonValue, times: Times): Promise<void> {
  const each = async (window: number, call: () => Promise<unknown>) =>
    1e6 / await measureRate(COUNT, window, call);
  times.put.push(await each(WINDOW, () => way.put(value)));
  times.read.push(await each(WINDOW, way.read));
  times.stream.push(await each(1, way.next));
}

const cases = Object.entries(VALUES).flatMap(([name, value]) =>
  [false, true].map((validated) => ({ name, value, validated }))
);
const progress = new Progress(cases.length);
await using processes = new Processes();
const interrupted = () => void processes[Symbol.asyncDispose]().then(() => Deno.exit(130));
Deno.addSignalListener("SIGINT", interrupted);
const server = await processes.startDsmq("--retention", "1h", "--max-stored-bytes", "4000000000");

const rows: string[][] = [];
let isMissed = false;
for (const { name, value, validated } of cases) {
  const what = `${name}${validated ? ", with a schema" : ""}`;
  progress.step(what);
  await using connections = new AsyncDisposableStack();
  const connect = async () => connections.use(await connectTo(server));
  const sides: [way: Way, times: Times][] = [];
  for (const make of [byHand, typed]) {
    const way = make(await connect(), await connect(), await connect(), validated);
    sides.push([way, { put: [], read: [], stream: [] }]);
  }
  for (let i = 0; i < WARM_UP + ROUNDS; i++) {
    for (const [way, times] of i % 2 === 0 ? sides : sides.toReversed()) {
      await measure(way, value, times);
    }
  }
  const [hand, topic] = sides.map(([, times]) => times);
  for (const verb of VERBS) {
    const [a, b] = [hand![verb].slice(WARM_UP), topic![verb].slice(WARM_UP)];
    // Of the fastest tenth: other load and garbage collection only add to it.
    const [fromHand, fromTopic] = [quantile(a, 0.1), quantile(b, 0.1)];
    const ratio = fromTopic / fromHand;
    if (ratio > GOAL) isMissed = true;
    rows.push([
      `${verb}: ${what}`,
      `${formatFigure(fromHand)} µs`,
      `${formatFigure(fromTopic)} µs`,
      `${ratio.toFixed(3)} ×`,
      `≤ ${GOAL} ×${ratio > GOAL ? ", missed" : ""}`,
    ]);
  }
}
progress.end();
console.log(formatMarkdownTable(["each", "by hand", "mq.topic", "ratio", "goal"], rows));
Deno.removeSignalListener("SIGINT", interrupted);
if (isMissed) Deno.exitCode = 1;
