/**
 * `dsmq bench`: measures the speed of a server.
 *
 * @module
 */

import type { Connection } from "../client.ts";
import { measureRate, timeSequentially } from "./measure/calls.ts";
import { Progress } from "./measure/progress.ts";
import { median, quantile } from "./measure/quantiles.ts";
import { formatFigure, formatMarkdownTable } from "./measure/table.ts";
import { LIMITS } from "../protocol/limits.ts";
import { type CliCommand, EXIT_CODE, type ParsedArguments, UsageError } from "./command.ts";
import {
  closeQuickly,
  connectFromArguments,
  CONNECTION_OPTIONS,
  requireAddress,
  requireOneServer,
} from "./connect.ts";
import { interrupt } from "./signals.ts";
import { json, print, printError } from "./terminal.ts";
import { parseWholeNumber } from "./values.ts";

/**
 * How many calls each measurement makes, and how often the measurements with many calls in flight are repeated. A
 * quarter as many calls run first as a warm-up: a server and a client that have just started are slower.
 */
const CALLS = { oneByOne: 2_000, windowed: 20_000 } as const;
const WARM_UP = 1 / 4;
const ROUNDS = 3;
const WINDOW_SIZES = [64, 1024];

/** How many messages are put in total: one at a time, in each window, and in the stream. */
const MESSAGES = CALLS.oneByOne * (1 + WARM_UP) +
  CALLS.windowed * (ROUNDS + WARM_UP) * (WINDOW_SIZES.length + 1);

/** The most that is put in total, in bytes: an eighth of what a server stores. Larger messages are put fewer times. */
const MAX_TOTAL_BYTES = LIMITS.storedBytes.default / 8;

/** The quotes of a JSON string, which count towards the largest message. */
const QUOTE_BYTES = 2;

/** The message sizes that a server can be configured to accept. */
const MESSAGE_SIZES = { min: 0, max: LIMITS.messageBytes.max - QUOTE_BYTES };

/** One measured figure. */
interface Measurement {
  readonly work: string;
  readonly unit: "µs, p50" | "µs, p99" | "a second";
  readonly value: number;
}

/** Measures a server that the command starts, or the one that the arguments name. */
export const benchCommand: CliCommand = {
  usage: "",
  summary: "measure how fast dsmq is, on a server of its own or on the one that you name",
  options: {
    ...CONNECTION_OPTIONS,
    size: { value: "BYTES", help: "the size of the messages (64)" },
    json: { help: "print the figures as JSON" },
  },
  positionals: [0, 0],
  async run(args) {
    const size = parseWholeNumber("--size", args.value("size") ?? "64", MESSAGE_SIZES);
    requireAddress(args);
    requireOneServer(args);
    using stop = interrupt();
    using ownServer = ADDRESS_OPTIONS.every((option) => args.value(option) === undefined)
      ? await OwnServer.start()
      : undefined;
    const scale = Math.min(1, MAX_TOTAL_BYTES / (MESSAGES * Math.max(1, size)));
    const announce = () => {
      if (ownServer) return;
      const count = Math.round(MESSAGES * scale).toLocaleString("en");
      printError(
        `dsmq: about ${count} messages are put on that server; they stay until they expire`,
      );
    };
    const progress = new Progress(1 + 2 * WINDOW_SIZES.length + 1);
    // A server that does not answer must not delay the end.
    const interrupted = Promise.withResolvers<never>();
    stop.signal.addEventListener("abort", () => interrupted.reject(stop.signal.reason));
    try {
      const measurements = await Promise.race([
        measure(
          ownServer ? ownServer.withUrl(args) : args,
          "m".repeat(size),
          scale,
          announce,
          progress,
          stop.signal,
        ),
        interrupted.promise,
      ]);
      progress.end();
      if (args.flag("json")) print(json(measurements));
      else {
        const rows = measurements.map(({ work, unit, value }) => [work, unit, formatFigure(value)]);
        for (const line of formatMarkdownTable(["work", "unit", ""], rows).split("\n")) print(line);
      }
      return EXIT_CODE.ok;
    } catch (error) {
      progress.end();
      if (stop.signal.aborted) return stop.code;
      throw error;
    }
  },
};

/** The options that name a server. */
const ADDRESS_OPTIONS = ["url", "host", "port"];

/** A server in a worker thread; its messages are gone when it stops. */
class OwnServer implements Disposable {
  readonly #worker: Worker;
  readonly #url: string;

  private constructor(worker: Worker, url: string) {
    this.#worker = worker;
    this.#url = url;
  }

  static async start(): Promise<OwnServer> {
    const program = new URL("./bench_server.ts", import.meta.url);
    // Queried, so that Deno does not prompt: without the permission a local module fails with a stack trace.
    if (
      program.protocol === "file:" && !Deno.build.standalone &&
      Deno.permissions.querySync({ name: "read", path: program }).state !== "granted"
    ) {
      throw new Error(
        "Cannot start a server to measure: it needs --allow-read here; or measure a running server with --url",
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

  /** The same arguments with the address of this server. */
  withUrl(args: ParsedArguments): ParsedArguments {
    return { ...args, values: (name) => name === "url" ? [this.#url] : args.values(name) };
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

async function measure(
  args: ParsedArguments,
  message: string,
  scale: number,
  announce: () => void,
  progress: Progress,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  await using putter = await connectFromArguments(args, undefined, { signal });
  await using getter = await connectFromArguments(args, undefined, { signal });
  signal.addEventListener("abort", () => [putter, getter].forEach(closeQuickly));
  const maxLength = putter.maxMessageBytes - QUOTE_BYTES;
  if (message.length > maxLength) {
    throw new UsageError(
      `--size must be at most ${maxLength} for this server, got ${message.length}`,
    );
  }
  announce();
  const scaled = (all: number) => Math.max(1, Math.round(all * scale));
  // A new topic: no messages of others in it, and no other readers.
  const topic = `bench-${crypto.randomUUID()}`;
  const put = async (into = topic) => {
    signal.throwIfAborted();
    await putter.put(into, message);
  };
  const measurements: Measurement[] = [];

  progress.step("one at a time");
  const get = () => getOne(getter, topic, signal);
  await timeSequentially(scaled(CALLS.oneByOne * WARM_UP), () => put());
  await timeSequentially(scaled(CALLS.oneByOne * WARM_UP), get);
  const puts = await timeSequentially(scaled(CALLS.oneByOne), () => put());
  const gets = await timeSequentially(scaled(CALLS.oneByOne), get);
  for (const [work, times] of [["one put", puts], ["one get", gets]] as const) {
    measurements.push({ work, unit: "µs, p50", value: median(times) * 1000 });
    measurements.push({ work, unit: "µs, p99", value: quantile(times, 0.99) * 1000 });
  }

  for (const window of WINDOW_SIZES) {
    const rates = async (work: string, call: () => Promise<unknown>) => {
      progress.step(work);
      const found: number[] = [];
      await measureRate(scaled(CALLS.windowed * WARM_UP), window, call);
      for (let i = 0; i < ROUNDS; i++) {
        found.push(await measureRate(scaled(CALLS.windowed), window, call));
      }
      measurements.push({ work, unit: "a second", value: median(found) });
    };
    await rates(`puts, ${window} in flight`, () => put());
    await rates(`gets, ${window} in flight`, get);
  }

  progress.step("put to subscribe");
  const rates: number[] = [];
  const stream = (name: string, count: number) =>
    measureStream(getter, `${topic}-${name}`, put, count);
  await stream("warm-up", scaled(CALLS.windowed * WARM_UP));
  for (let i = 0; i < ROUNDS; i++) rates.push(await stream(`${i}`, scaled(CALLS.windowed)));
  measurements.push({
    work: "put to subscribe, 1024 in flight",
    unit: "a second",
    value: median(rates),
  });
  return measurements;
}

async function getOne(getter: Connection, topic: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // Only read() tells an empty message from no message.
  if (await getter.read(topic) === undefined) {
    throw new Error(
      "Cannot read a message that was put: it has expired, or the server is too slow",
    );
  }
}

/** Messages a second, from the first put to the last arrival. Every put is acknowledged. */
async function measureStream(
  getter: Connection,
  topic: string,
  put: (topic: string) => Promise<void>,
  count: number,
): Promise<number> {
  const stream = getter.subscribe(topic);
  // The reply to this read comes after the reply to the subscription.
  await getter.read(topic);
  const arrivals = (async () => {
    let remaining = count;
    for await (const _ of stream) if (--remaining === 0) return;
    throw new Error("the subscription ended before all messages had arrived");
  })();
  const begin = performance.now();
  await Promise.all([measureRate(count, 1024, () => put(topic)), arrivals]);
  return count / (performance.now() - begin) * 1000;
}
