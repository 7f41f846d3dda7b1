/**
 * A server at half of its full speed for long, used in every way: no error, no message lost, duplicated or
 * out of order, and no more memory at the end than at the beginning.
 *
 * ```sh
 * deno task soak [SECONDS] [memory|file] [builtin|hardened]
 * ```
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { seeded } from "../support/seeded.ts";
import { ChildServer, type Report } from "./child_server.ts";
import { Loader } from "./load.ts";
import { sleep, until } from "./sleep.ts";
import { FaultyProxy } from "./proxy.ts";
import { type Finding, mb, none, report } from "./report.ts";
import { type RoleLog, ROLES } from "./soak_roles.ts";

/** The options of a run. */
export interface SoakOptions {
  /** How long it takes, without the measurement of the full speed. */
  readonly seconds: number;
  readonly store?: "memory" | "file";
  readonly transport?: TransportChoice;
  /** The fraction by which memory may grow. Default: 0.1. */
  readonly growth?: number;
  /** The retention, in milliseconds. Default: 10000. */
  readonly retention?: number;
  readonly seed?: number;
}

/** The load beside the clients that check each message: 100 bytes each, put and read again. */
const LOAD = { topic: "load", bytes: 100, window: 2048, reads: true };

/** All puts of one retention have room, even after a pause that is caught up. */
const LIMITS = { storedBytes: 4 * 1024 ** 3 };

/** How long the full speed is measured, in milliseconds. */
const MEASURED = 5000;

/** The memory of the warm-up is not compared: two minutes, or the first part of a shorter run. */
const WARM = { seconds: 120, part: 0.25 };

/**
 * Uses a server for a long time.
 *
 * @param options how long
 * @returns what was found
 */
export async function soak(options: SoakOptions): Promise<Finding[]> {
  const { seconds, store = "memory", transport = "builtin", growth = 0.1, seed = 1 } = options;
  const { retention = 10_000 } = options;
  const dir = await Deno.makeTempDir({ prefix: "dsmq-soak-" });
  const storeName = store === "file" ? `sqlite:${dir}/queue.db` as const : "memory";
  await using server = await ChildServer.start({
    retention,
    transport,
    store: storeName,
    limits: LIMITS,
  });
  try {
    const full = await fullSpeed(server, Math.min(MEASURED, seconds * 500));
    const random = seeded(seed);
    await using proxy = new FaultyProxy(
      server.port,
      () => ({ cutAfterUp: 10_000 + random(200_000) }),
    );
    const stop = new AbortController();
    const environment = {
      url: server.url,
      cutUrl: proxy.url,
      port: server.port,
      signal: stop.signal,
    };
    const roles = Object.entries(ROLES).map(([name, role]) => {
      const log: RoleLog = { right: 0, wrong: [] };
      const over = role(environment, log).catch((error) => void log.wrong.push(String(error)));
      return { name, notes: log, over };
    });
    using loader = new Loader({ ...LOAD, url: server.url, perSecond: full / 2 });
    const samples = await sampled(server, seconds);
    stop.abort();
    await Promise.all(roles.map(({ over }) => over));
    const behind = loader.behind;
    const { rate, wrong } = loader;
    for (const words of [...roles.flatMap(({ notes: log }) => log.wrong), ...wrong].slice(0, 5)) {
      console.error(words);
    }
    const last = samples.at(-1)!;
    return [
      { what: "full speed, puts per second", seen: Math.round(full), good: full > 0 },
      { what: "puts per second", seen: Math.round(rate), good: rate > full / 3 },
      none("of the load: failed, lost, duplicated or out of order", wrong),
      { what: "the load's reader is behind by", seen: behind, good: behind < full },
      { what: "times that connections were cut", seen: proxy.cuts, good: true },
      ...roles.flatMap(({ name, notes: log }) => [
        { what: `${name}: messages`, seen: log.right, good: log.right > 0 },
        none(`${name}: wrong`, log.wrong),
      ]),
      { what: "requests refused", seen: last.refused, good: last.refused === 0 },
      flat("heap", samples.map(({ heap }) => heap), seconds, growth),
      flat("resident memory", samples.map(({ resident }) => resident), seconds, growth),
      ...await ending(server),
    ];
  } finally {
    await server[Symbol.asyncDispose]();
    await Deno.remove(dir, { recursive: true });
  }
}

/** How many puts per second are accepted and read again. */
async function fullSpeed(server: ChildServer, ms: number): Promise<number> {
  using loader = new Loader({ ...LOAD, topic: "measured", window: 512, url: server.url });
  await sleep(ms);
  // The first figures come after a second.
  await until(() => loader.rate > 0, 10_000);
  return loader.rate;
}

/** The server's reports after garbage collection, again and again. */
async function sampled(server: ChildServer, seconds: number): Promise<Report[]> {
  const samples: Report[] = [];
  const every = Math.min(5000, seconds * 1000 / 40);
  const begin = performance.now();
  while (performance.now() - begin < seconds * 1000 && !server.ended) {
    await sleep(every);
    samples.push(await server.report());
  }
  return samples;
}

/** Whether the last quarter is like the first one after the warm-up. */
function flat(
  what: string,
  samples: readonly number[],
  seconds: number,
  growth: number,
): Finding {
  const part = Math.min(WARM.part, WARM.seconds / seconds);
  const warm = samples.slice(Math.ceil(samples.length * part));
  const quarter = Math.max(1, Math.floor(warm.length / 4));
  const mean = (some: readonly number[]) => some.reduce((sum, n) => sum + n, 0) / some.length;
  const [first, last] = [mean(warm.slice(0, quarter)), mean(warm.slice(-quarter))];
  const change = last / first - 1;
  return {
    what: `${what}, from the first quarter to the last`,
    seen: `${mb(first)} → ${mb(last)}, ${change < 0 ? "" : "+"}${(change * 100).toFixed(1)} %`,
    good: change <= growth,
  };
}

async function ending(server: ChildServer): Promise<Finding[]> {
  server.signal("SIGTERM");
  const { code, stderr } = await server.end();
  if (stderr !== "") console.error(stderr.slice(0, 2000));
  return [
    none("errors in the server's log", stderr.split("\n").filter(Boolean)),
    { what: "exit code", seen: code, good: code === 0 },
  ];
}

if (import.meta.main) {
  const [seconds = "600", store = "memory", transport = "builtin"] = Deno.args;
  report(
    `Half of full speed for ${seconds} s, with messages in ${store}, transport ${transport}`,
    await soak({
      seconds: Number(seconds),
      store: store as "memory" | "file",
      transport: transport as TransportChoice,
    }),
  );
}
