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
import { median } from "../cli/measure/quantiles.ts";
import { formatFigure, formatMarkdownTable } from "../cli/measure/table.ts";
import { connectTo } from "./bench.ts";
import { Processes } from "./processes.ts";

const COUNT = 40_000;
const WINDOW = 1024;
/** The number of rounds, after those in which V8 still compiles. */
const ROUNDS = 20;
const WARM_UP = 4;
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

/** A way to put and read values of one topic. */
interface Way {
  put(value: JsonValue): Promise<unknown>;
  read(): Promise<unknown>;
  /** Reads so many messages that were stored before. */
  stream(count: number): Promise<void>;
}

function byHand(putter: Connection, reader: Connection, topic: string, validated: boolean): Way {
  const check = (value: unknown) => {
    if (validated && SCHEMA["~standard"].validate(value).issues) throw new TypeError("no");
    return value;
  };
  return {
    put: (value) => putter.put(topic, JSON.stringify(check(value))),
    read: async () => check(JSON.parse((await reader.read(topic))!.body)),
    async stream(count) {
      for await (const { body } of reader.subscribe(topic)) {
        check(JSON.parse(body));
        if (--count === 0) return;
      }
    },
  };
}

function typed(putter: Connection, reader: Connection, topic: string, validated: boolean): Way {
  const [to, from] = validated
    ? [putter.topic(topic, SCHEMA), reader.topic(topic, SCHEMA)]
    : [putter.topic(topic), reader.topic(topic)];
  return {
    put: (value) => to.put(value),
    read: async () => (await from.read())!.value,
    async stream(count) {
      for await (const { value } of from.subscribe()) {
        if (value !== undefined && --count === 0) return;
      }
    },
  };
}

/** The times of a message, in microseconds, of each way and verb. */
interface Times {
  readonly put: number[];
  readonly read: number[];
  readonly stream: number[];
}

async function measure(way: Way, value: JsonValue, times: Times): Promise<void> {
  const each = async (count: number, call: () => Promise<unknown>) =>
    1e6 / await measureRate(count, WINDOW, call);
  times.put.push(await each(COUNT, () => way.put(value)));
  times.read.push(await each(COUNT / 2, way.read));
  const begin = performance.now();
  // What is left of what was put.
  await way.stream(COUNT / 2);
  times.stream.push((performance.now() - begin) * 1000 / (COUNT / 2));
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
  const sides: [make: typeof byHand, times: Times][] = [byHand, typed].map((
    make,
  ) => [make, { put: [], read: [], stream: [] }]);
  for (let i = 0; i < WARM_UP + ROUNDS; i++) {
    for (const [make, times] of i % 2 === 0 ? sides : sides.toReversed()) {
      // The reader of a round begins behind the rounds before it.
      await using putter = await connectTo(server);
      await using reader = await connectTo(server);
      await measure(make(putter, reader, "values", validated), value, times);
    }
  }
  const [hand, topic] = sides.map(([, times]) => times);
  for (const verb of ["put", "read", "stream"] as const) {
    const [a, b] = [hand![verb].slice(WARM_UP), topic![verb].slice(WARM_UP)];
    const ratio = median(b.map((time, i) => time / a[i]!));
    if (verb !== "stream" && ratio > GOAL) isMissed = true;
    rows.push([
      `${verb}: ${what}`,
      `${formatFigure(median(a))} µs`,
      `${formatFigure(median(b))} µs`,
      `${ratio.toFixed(3)} ×`,
      verb === "stream" ? "" : `≤ ${GOAL} ×${ratio > GOAL ? ", missed" : ""}`,
    ]);
  }
}
progress.end();
console.log(
  formatMarkdownTable(
    ["a message, 1024 calls in flight", "by hand", "mq.topic", "ratio", "goal"],
    rows,
  ),
);
Deno.removeSignalListener("SIGINT", interrupted);
if (isMissed) Deno.exitCode = 1;
