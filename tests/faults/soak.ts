/**
 * A server at half of its full speed for long, used in every way: no error, no message lost, duplicated or
 * out of order, and no more memory at the end than at the beginning.
 *
 * Its verdict is the same on a busy machine: the server's time passes only as far as its clients keep up, so as many
 * messages are stored at any time, however long that takes; and speed is counted by its own processor time.
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
import { ROLES, STEP_TIMEOUT } from "./soak_roles.ts";

/** The options of a run. */
export interface SoakOptions {
  /** How long it takes by the server's clock, without the measurement of the full speed. */
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

/** The server's time passes in steps, in milliseconds; a step takes at least as long. */
const STEP = 50;

/** How often (ms of the server's time) each client must have got something, and all that was put before the last time. */
const CHECK = 500;

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
    standsStill: true,
  });
  try {
    const full = await fullSpeed(server, Math.min(MEASURED, seconds * 500));
    await server.advance(retention);
    const random = seeded(seed);
    // In a short run, too, each connection is cut a few times.
    const bytes = Math.min(200_000, seconds * 2000);
    await using proxy = new FaultyProxy(
      server.port,
      () => ({ cutAfterUp: bytes / 20 + random(bytes) }),
    );
    const stop = new AbortController();
    const environment = {
      url: server.url,
      cutUrl: proxy.url,
      port: server.port,
      signal: stop.signal,
    };
    const roles = Object.entries(ROLES).map(([name, role]) => {
      const log = { put: 0, right: 0, wrong: [] as string[], isOver: false };
      const over = role(environment, log).catch((error) => void log.wrong.push(String(error)))
        .finally(() => log.isOver = true);
      return { name, notes: log, over };
    });
    using loader = new Loader({ ...LOAD, url: server.url, onlyGranted: true });
    const begin = await server.report();
    let checked = roles.map(() => ({ put: 0, right: 0 }));
    const { samples, stuck } = await sampled(server, seconds, {
      grant: () => loader.grant(Math.ceil(full / 2 * STEP / 1000)),
      isDone: () => loader.isThrough,
      isChecked: () =>
        roles.every(({ notes: { right, wrong, isOver } }, i) =>
          isOver || wrong.length > 0 || (right > checked[i]!.right && right >= checked[i]!.put)
        ),
      onChecked: () => checked = roles.map(({ notes: { put, right } }) => ({ put, right })),
    });
    stop.abort();
    await Promise.all(roles.map(({ over }) => over));
    const { rate, wrong } = loader;
    for (const words of [...roles.flatMap(({ notes: log }) => log.wrong), ...wrong].slice(0, 5)) {
      console.error(words);
    }
    const last = samples.at(-1)!;
    const perCpu = putsPerCpu(begin, last);
    return [
      { what: "full speed, puts per second", seen: Math.round(full), good: full > 0 },
      { what: "puts per second", seen: Math.round(rate), good: rate > 0 },
      {
        what: "puts per second of the server's processor time",
        seen: Math.round(perCpu),
        good: perCpu > full / 3,
      },
      none("clients that got nothing for long", stuck),
      none("of the load: failed, lost, duplicated or out of order", wrong),
      { what: "times that connections were cut", seen: proxy.cuts, good: proxy.cuts > 0 },
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

/** How many puts are accepted and read again in a second. */
async function fullSpeed(server: ChildServer, ms: number): Promise<number> {
  using loader = new Loader({ ...LOAD, topic: "measured", window: 512, url: server.url });
  for (let passed = 0; passed < ms; passed += STEP) {
    await sleep(STEP);
    await server.advance(STEP);
  }
  // The first figures come after a second.
  await until(() => loader.rate > 0, STEP_TIMEOUT);
  return loader.rate;
}

/** How many messages were stored in a second of the server's processor time between two reports. */
function putsPerCpu(begin: Report, end: Report): number {
  return 1000 * (end.stored - begin.stored) / (end.cpu - begin.cpu);
}

/** What the steps of the server's time depend on. */
interface Steps {
  /** Lets the load put what belongs to a step. */
  grant(): void;
  /** All of that was stored and read. */
  isDone(): boolean;
  /** Each client has got something since the last check, and all that was put before that. */
  isChecked(): boolean;
  /** A check is over. */
  onChecked(): void;
}

/** The server's reports after garbage collection, again and again; and in which step a client was stuck. */
async function sampled(
  server: ChildServer,
  seconds: number,
  { grant, isDone, isChecked, onChecked }: Steps,
): Promise<{ samples: readonly Report[]; stuck: readonly number[] }> {
  const samples: Report[] = [];
  const every = Math.min(5000, seconds * 1000 / 40);
  let [sampledAt, checkedAt] = [0, 0];
  for (let time = STEP; time <= seconds * 1000 && !server.ended; time += STEP) {
    grant();
    await sleep(STEP);
    const isCheck = time - checkedAt >= CHECK;
    const isOver = () => server.ended || (isDone() && (!isCheck || isChecked()));
    if (!await until(isOver, STEP_TIMEOUT, 2)) return { samples, stuck: [time] };
    if (isCheck) onChecked();
    if (isCheck) checkedAt = time;
    await server.advance(STEP);
    if (time - sampledAt < every) continue;
    sampledAt = time;
    samples.push(await server.report());
  }
  return { samples, stuck: [] };
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
