/**
 * Servers that are stopped in the middle of much work: they must answer what they accepted, and then end.
 *
 * ```sh
 * deno run -A tests/faults/sigterm.ts [TIMES] [memory|file] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect, type Connection, DsmqError } from "../../client.ts";
import type { TransportChoice } from "../../server.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { seeded } from "../../testing/seeded.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ChildServer, type Ending } from "./child_server.ts";
import { sleep } from "./sleep.ts";
import { RawPutter } from "./raw_putter.ts";
import { type Finding, none, report } from "./report.ts";

/** The options of a run. */
export interface SigtermOptions {
  /** How many servers are stopped. */
  readonly times: number;
  /** Where messages are kept. Default: memory. */
  readonly store?: "memory" | "file";
  readonly transport?: TransportChoice;
  readonly seed?: number;
}

const TOPIC = "sigterm";

/** Peers that do not answer the close get 2 s; the rest takes less than another second. */
const STATED = 3000;

/** A second signal ends it at once, in milliseconds. */
const AT_ONCE = 500;

/** One server in this many has a peer that never reads. */
const SILENT_EVERY = 4;

/** The record of a server that was stopped. */
interface Stopped {
  readonly ending: Ending;
  readonly raw: readonly RawPutter[];
  /** How long it took to end, in milliseconds. */
  readonly took: number;
  /** How many puts were acknowledged by it. */
  readonly acknowledged: number;
}

/**
 * Stops servers one after another, on one port, while clients put.
 *
 * @param options how many
 * @returns what was found
 */
export async function sigterm(options: SigtermOptions): Promise<Finding[]> {
  const { times, store = "memory", transport = "builtin", seed = 1 } = options;
  const random = seeded(seed);
  const dir = await Deno.makeTempDir({ prefix: "dsmq-sigterm-" });
  const storeName = store === "file" ? `sqlite:${dir}/queue.db` as const : "memory";
  const start = (port: number) => ChildServer.start({ port, store: storeName, transport });
  let server = await start(0);
  const { port, url } = server;
  const reconnect = { minDelay: 1, maxDelay: 20 };
  const clients = await Promise.all(
    Array.from({ length: 3 }, () => connect(url, { reconnect, timeout: 60_000 })),
  );
  const putters = clients.map((mq, i) => new Putter(mq, `ours ${i}`));
  const stopped: Stopped[] = [];
  try {
    for (let [i, before] = [0, 0]; i < times; i++) {
      const raw = await Promise.all(
        [0, 1].map((n) => RawPutter.open(port, TOPIC, `raw ${i}.${n}`)),
      );
      using silent = i % SILENT_EVERY === 1 ? await RawSocket.open(port) : undefined;
      await sleep(150 + random(150));
      const begin = performance.now();
      server.signal("SIGTERM");
      const ending = await server.end();
      const took = performance.now() - begin;
      silent?.cut();
      await Promise.all(raw.map(({ over }) => over));
      await sleep(20);
      const after = sum(putters.map(({ acknowledged }) => acknowledged.size));
      const byRaw = sum(raw.map(({ acknowledged }) => acknowledged.size));
      stopped.push({ ending, raw, took, acknowledged: after - before + byRaw });
      before = after;
      server = await start(port);
    }
    for (const putter of putters) putter.stop();
    const storeName = store === "file" ? await readBack(server.url) : undefined;
    await Promise.all(clients.map((mq) => mq.close()));
    await Promise.all(putters.map(({ over }) => over));
    return [
      ...found(stopped),
      ...(storeName ? lasting(storeName, stopped, putters) : []),
      await endsAtOnce(transport),
    ];
  } finally {
    await server[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

/** The findings that need no look at the store. */
function found(stopped: readonly Stopped[]): Finding[] {
  const raw = stopped.flatMap(({ raw }) => raw);
  const refused = raw.flatMap(({ refused }) => refused);
  const longest = Math.max(...stopped.map(({ took }) => took));
  const normal = Math.max(
    ...stopped.filter((_, i) => i % SILENT_EVERY !== 1).map(({ took }) => took),
  );
  const unanswered = sum(
    raw.map(({ sent, acknowledged, refused }) => sent - acknowledged.size - refused.length),
  );
  return [
    { what: "servers stopped", seen: stopped.length, good: true },
    none("exit codes other than 0", stopped.filter(({ ending }) => ending.code !== 0)),
    none("with standard error", stopped.map(({ ending }) => ending.stderr).filter(Boolean)),
    {
      what: "puts acknowledged",
      seen: sum(stopped.map(({ acknowledged }) => acknowledged)),
      good: stopped.every(({ acknowledged }) => acknowledged > 0),
    },
    none(
      "servers whose count of puts differs",
      stopped.filter(({ ending, acknowledged }) => ending.stats?.stored !== acknowledged),
    ),
    none("raw clients that were not closed with 1012", raw.filter(({ code }) => code !== 1012)),
    none(
      "raw clients with a put unanswered before one that was",
      raw.filter((one) => !one.ordered),
    ),
    { what: "raw puts that came too late", seen: unanswered, good: true },
    { what: "raw puts refused", seen: [...new Set(refused)].join(), good: true },
    { what: "the end took at most, in ms", seen: Math.round(normal), good: normal < STATED },
    { what: "with a peer that reads nothing", seen: Math.round(longest), good: longest < STATED },
  ];
}

/** Compares the stored messages with the acknowledged ones. */
function lasting(
  stored: readonly string[],
  stopped: readonly Stopped[],
  putters: readonly Putter[],
): Finding[] {
  const present = new Set(stored);
  const acknowledged = [...stopped.flatMap(({ raw }) => raw), ...putters]
    .flatMap((putter) => [...putter.acknowledged.keys()]);
  const known = new Set(acknowledged);
  return [
    { what: "stored in the file", seen: stored.length, good: stored.length > 0 },
    none("acknowledged, and missing", acknowledged.filter((body) => !present.has(body))),
    none("stored twice", stored.slice(present.size)),
    none("stored, and not acknowledged", stored.filter((body) => !known.has(body))),
    none("puts of our client that failed", putters.flatMap(({ failed }) => failed)),
  ];
}

/** A server with a peer that reads nothing waits for it, unless it gets a second signal. */
async function endsAtOnce(transport: TransportChoice): Promise<Finding> {
  await using server = await ChildServer.start({ transport });
  using _silent = await RawSocket.open(server.port);
  server.signal("SIGTERM");
  await sleep(300);
  const slow = !server.ended;
  const begin = performance.now();
  server.signal("SIGTERM");
  const { code } = await server.end();
  const took = performance.now() - begin;
  const what = "the end after a second signal, in ms";
  return { what, seen: Math.round(took), good: slow && took < AT_ONCE && code !== 0 };
}

async function readBack(url: string): Promise<string[]> {
  await using reader = await connect(url, { since: "start" });
  const bodies: string[] = [];
  for (;;) {
    const some = await Promise.all(Array.from({ length: 1000 }, () => reader.get(TOPIC)));
    bodies.push(...some.filter((body) => body !== ""));
    if (some.at(-1) === "") return bodies;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Puts through a connection of our client until it is stopped. */
class Putter {
  readonly acknowledged: Map<string, number> = new Map();
  readonly failed: string[] = [];
  readonly over: Promise<unknown>;
  #stopped = false;

  constructor(mq: Connection, name: string) {
    let n = 0;
    this.over = Promise.all(Array.from({ length: 50 }, async () => {
      while (!this.#stopped) {
        const body = `${name}:${n++}`;
        try {
          this.acknowledged.set(body, await mq.put(TOPIC, body));
        } catch (error) {
          this.failed.push(error instanceof DsmqError ? error.code : String(error));
        }
      }
    }));
  }

  stop(): void {
    this.#stopped = true;
  }
}

if (import.meta.main) {
  const { TIMES: times, STORE: store, TRANSPORT: transport } = argumentsOrExit({
    TIMES: 20,
    STORE: ["file", "memory"],
    TRANSPORT: ["builtin", "hardened"],
  });
  report(
    `Servers stopped by SIGTERM, with messages in ${store}, transport ${transport}`,
    await sigterm({ times, store, transport }),
  );
}
