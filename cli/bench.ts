/**
 * `dsmq bench`: how fast a server is.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import { oneByOne, windowed } from "../measure/calls.ts";
import { Progress } from "../measure/progress.ts";
import { median, quantile } from "../measure/quantiles.ts";
import { figure, table } from "../measure/table.ts";
import { LIMITS } from "../protocol/limits.ts";
import { type Arguments, type Command, EXIT, UsageError } from "./command.ts";
import { CONNECTION, connection, leave, requireAddress } from "./connection.ts";
import { interrupt } from "./signals.ts";
import { json, print, say } from "./terminal.ts";
import { whole } from "./values.ts";

/**
 * How many calls each measurement makes, and how often those with many under way are repeated. A quarter as many come
 * first and are not measured, for a server and a client that have just started are slower.
 */
const CALLS = { oneByOne: 2_000, windowed: 20_000 } as const;
const WARM_UP = 1 / 4;
const ROUNDS = 3;
const WINDOWS = [64, 1024];

/** How many messages are put in all: one by one, and in each window and the stream. */
const MESSAGES = CALLS.oneByOne * (1 + WARM_UP) +
  CALLS.windowed * (ROUNDS + WARM_UP) * (WINDOWS.length + 1);

/** So much may be put in all, in bytes: an eighth of what a server stores. Of larger messages there are fewer. */
const ROOM = LIMITS.storedBytes.usual / 8;

/** The quotes of JSON, which count for the largest message. */
const QUOTES = 2;

/** The sizes that any server may take. */
const SIZES = { least: 0, most: LIMITS.messageBytes.most - QUOTES };

/** What was measured. */
interface Figure {
  readonly work: string;
  readonly unit: "µs, p50" | "µs, p99" | "a second";
  readonly value: number;
}

/** A measurement, on a server of its own or on one that is named. */
export const bench: Command = {
  takes: "",
  summary: "measure how fast dsmq is here, on a server of its own or on one that you name",
  options: {
    ...CONNECTION,
    size: { value: "BYTES", help: "how large the messages are (64)" },
    json: { help: "print the figures as JSON" },
  },
  words: [0, 0],
  async run(args) {
    const size = whole("--size", args.value("size") ?? "64", SIZES);
    requireAddress(args);
    using stop = interrupt();
    using own = ADDRESS.every((option) => args.value(option) === undefined)
      ? await OwnServer.start()
      : undefined;
    const share = Math.min(1, ROOM / (MESSAGES * Math.max(1, size)));
    const count = Math.round(MESSAGES * share).toLocaleString("en");
    if (!own) say(`dsmq: what is put there stays until it expires: about ${count} messages`);
    const progress = new Progress(1 + 2 * WINDOWS.length + 1);
    // A server that answers nothing must not hold up the end.
    const interrupted = Promise.withResolvers<never>();
    stop.signal.addEventListener("abort", () => interrupted.reject(stop.signal.reason));
    try {
      const figures = await Promise.race([
        measured(own ? own.named(args) : args, "m".repeat(size), share, progress, stop.signal),
        interrupted.promise,
      ]);
      progress.end();
      if (args.flag("json")) print(json(figures));
      else {
        const rows = figures.map(({ work, unit, value }) => [work, unit, figure(value)]);
        for (const line of table(["work", "unit", ""], rows).split("\n")) print(line);
      }
      return EXIT.ok;
    } catch (error) {
      progress.end();
      if (stop.signal.aborted) return stop.code;
      throw error;
    }
  },
};

/** Any of them names a server. */
const ADDRESS = ["url", "host", "port"];

/** A server in a thread of its own: what was put there is gone with it. */
class OwnServer implements Disposable {
  readonly #worker: Worker;
  readonly #url: string;

  private constructor(worker: Worker, url: string) {
    this.#worker = worker;
    this.#url = url;
  }

  static async start(): Promise<OwnServer> {
    const program = new URL("./bench_server.ts", import.meta.url);
    // Looked up, not asked for: of a module on this machine Deno says so in a stack trace.
    if (
      program.protocol === "file:" && !Deno.build.standalone &&
      Deno.permissions.querySync({ name: "read", path: program }).state !== "granted"
    ) {
      throw new Error(
        "Cannot start a server to measure: that needs --allow-read here; --url names one that runs",
      );
    }
    const worker = new Worker(program, { type: "module" });
    try {
      const url = await new Promise<string>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(`Cannot start a server to measure: ${event.message}`));
        };
      });
      return new OwnServer(worker, url);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** The same arguments, with its address. */
  named(args: Arguments): Arguments {
    return { ...args, value: (name) => name === "url" ? this.#url : args.value(name) };
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

async function measured(
  args: Arguments,
  message: string,
  share: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<readonly Figure[]> {
  await using putter = await connection(args, undefined, { signal });
  await using getter = await connection(args, undefined, { signal });
  signal.addEventListener("abort", () => [putter, getter].forEach(leave));
  const most = putter.maxMessageBytes - QUOTES;
  if (message.length > most) {
    throw new UsageError(`--size must be at most ${most} for this server, got ${message.length}`);
  }
  const calls = (all: number) => Math.max(1, Math.round(all * share));
  // A topic of its own: nobody else's messages come between, and nobody else gets these.
  const topic = `bench-${crypto.randomUUID()}`;
  const put = async (into = topic) => {
    signal.throwIfAborted();
    await putter.put(into, message);
  };
  const figures: Figure[] = [];

  progress.step("one at a time");
  const get = () => gotten(getter, topic, signal);
  await oneByOne(calls(CALLS.oneByOne * WARM_UP), () => put());
  await oneByOne(calls(CALLS.oneByOne * WARM_UP), get);
  const puts = await oneByOne(calls(CALLS.oneByOne), () => put());
  const gets = await oneByOne(calls(CALLS.oneByOne), get);
  for (const [work, times] of [["one put", puts], ["one get", gets]] as const) {
    figures.push({ work, unit: "µs, p50", value: median(times) * 1000 });
    figures.push({ work, unit: "µs, p99", value: quantile(times, 0.99) * 1000 });
  }

  for (const window of WINDOWS) {
    const rates = async (work: string, call: () => Promise<unknown>) => {
      progress.step(work);
      const found: number[] = [];
      await windowed(calls(CALLS.windowed * WARM_UP), window, call);
      for (let i = 0; i < ROUNDS; i++) {
        found.push(await windowed(calls(CALLS.windowed), window, call));
      }
      figures.push({ work, unit: "a second", value: median(found) });
    };
    await rates(`puts, ${window} in flight`, () => put());
    await rates(`gets, ${window} in flight`, get);
  }

  progress.step("put to subscribe");
  const rates: number[] = [];
  const stream = (name: string, count: number) => streamed(getter, `${topic}-${name}`, put, count);
  await stream("warm-up", calls(CALLS.windowed * WARM_UP));
  for (let i = 0; i < ROUNDS; i++) rates.push(await stream(`${i}`, calls(CALLS.windowed)));
  figures.push({
    work: "put to subscribe, 1024 in flight",
    unit: "a second",
    value: median(rates),
  });
  return figures;
}

async function gotten(getter: Connection, topic: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // An empty message is one, too: only read() tells it from none.
  if (await getter.read(topic) === undefined) {
    throw new Error("a message that was put cannot be read: it is gone, or the server is too slow");
  }
}

/** Messages a second, from the first put to the last arrival; every put is acknowledged. */
async function streamed(
  getter: Connection,
  topic: string,
  put: (topic: string) => Promise<void>,
  count: number,
): Promise<number> {
  const stream = getter.subscribe(topic);
  // Answered after the subscription.
  await getter.read(topic);
  const arrivals = (async () => {
    let left = count;
    for await (const _ of stream) if (--left === 0) return;
    throw new Error("the subscription ended before all messages had arrived");
  })();
  const begin = performance.now();
  await Promise.all([windowed(count, 1024, () => put(topic)), arrivals]);
  return count / (performance.now() - begin) * 1000;
}
