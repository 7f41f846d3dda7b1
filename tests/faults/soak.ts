/**
 * A server at half of its full speed for long, used in every way: no error, no message lost, duplicated or
 * out of order, and no more memory at the end than at the beginning.
 *
 * Its verdict is the same on a busy machine: the server's time passes only as far as its clients keep up, so as many
 * messages are stored at any time, however long that takes; the clients do the same in each step of it; and speed is
 * counted by the server's own processor time, too.
 *
 * However long it hangs, it ends: when the limit of the run has passed it says what it was waiting for.
 *
 * ```sh
 * deno task soak [SECONDS] [memory|file] [builtin|hardened] [LIMIT_SECONDS]
 * ```
 *
 * LIMIT_SECONDS: after how many it is called off if it is not over. Default: ten times SECONDS, and at least 60.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { OptionChecks } from "../../server/option_checks.ts";
import { TRANSPORTS } from "../../server/options.ts";
import { ChildServer } from "./child_server.ts";
import { isSeconds, type LimitedRun, MAX_SECONDS, SECONDS, withinLimit } from "./limited_run.ts";
import { type Finding, mb, none, report } from "./report.ts";
import { type Role, ROLES } from "./soak_roles.ts";
import { fullSpeed, speed } from "./soak_speed.ts";
import { StuckError } from "./soak_steps.ts";
import { LOAD, usage } from "./soak_usage.ts";

/** The options of a run. */
export interface SoakOptions {
  /** How long it takes by the server's clock, without the measurement of the full speed. */
  readonly seconds: number;
  readonly store?: typeof STORES[number];
  readonly transport?: TransportChoice;
  /** The fraction by which memory may grow. Default: 0.1. */
  readonly growth?: number;
  /** The retention, in milliseconds. Default: 10000. */
  readonly retention?: number;
  readonly seed?: number;
  /** After how many seconds it is called off if it is not over. Default: ten times `seconds`, and at least 60. */
  readonly limit?: number;
  /** The clients that check each message, by name. Default: {@linkcode ROLES}. */
  readonly roles?: Readonly<Record<string, Role>>;
}

/** Where messages are. */
const STORES = ["memory", "file"] as const;

/** All puts of one retention have room, even after a pause that is caught up. */
const LIMITS = { storedBytes: 4 * 1024 ** 3 };

/**
 * How long the full speed is measured, in milliseconds; in a short run, this part of it. So many unanswered puts keep the
 * server busy; more would only wait for longer.
 */
const MEASURED = { ms: 5000, part: 0.5, window: 512 };

/** After at most how many bytes a connection is cut; in a short run so many a second, which cuts each a few times, too. */
const CUT_AFTER = { bytes: 200_000, perSecond: 2000 };

/** How often the server reports, in milliseconds; in a short run so many times: ten in each quarter. */
const REPORTS = { every: 5000, count: 40 };

/** How long it is used at full speed, in seconds of its clock; less in a short run. */
const AT_FULL = { seconds: 2, part: 0.2 };

/** The memory of the warm-up is not compared: two minutes, or the first part of a shorter run. */
const WARM = { seconds: 120, part: 0.25 };

/**
 * Uses a server for a long time.
 *
 * @param options how long
 * @returns what was found
 */
export function soak(options: SoakOptions): Promise<Finding[]> {
  const { seconds, limit = Math.min(MAX_SECONDS, Math.max(60, 10 * seconds)) } = options;
  return withinLimit(limit, (run) => soakWithin(run, options).catch(stuck));
}

/** Whoever is stuck is a finding. */
function stuck(error: unknown): Finding[] {
  if (!(error instanceof StuckError)) throw error;
  return [{ what: "clients that got nothing for long", seen: error.message, good: false }];
}

async function soakWithin(run: LimitedRun, options: SoakOptions): Promise<Finding[]> {
  const { seconds, store = "memory", transport = "builtin", growth = 0.1, seed = 1 } = options;
  const { retention = 10_000 } = options;
  run.waitsFor("the start of the server");
  const dir = await Deno.makeTempDir({ prefix: "dsmq-soak-" });
  run.owns("the folder", {
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  });
  const storeName = store === "file" ? `sqlite:${dir}/queue.db` as const : "memory";
  const server = await ChildServer.start({
    retention,
    transport,
    store: storeName,
    limits: LIMITS,
    standsStill: true,
  }, run);
  run.owns("the server", server);
  run.waitsFor("the measurement of the full speed");
  const measured = { ...LOAD, topic: "measured", window: MEASURED.window, url: server.url };
  const length = Math.min(MEASURED.ms, seconds * 1000 * MEASURED.part);
  const { rate: full, wrong: wrongBefore } = await fullSpeed(server, measured, length, run);
  tell(wrongBefore);
  const common = {
    cutAfter: Math.min(CUT_AFTER.bytes, seconds * CUT_AFTER.perSecond),
    seed,
    roles: options.roles ?? ROLES,
    every: Math.min(REPORTS.every, seconds * 1000 / REPORTS.count),
  };
  // Everything before has expired, so the memory is that of what follows.
  run.waitsFor("the server, while what came before expires");
  await server.advance(retention);
  // The same clients beside all the load: what a put costs then does not depend on what else the machine does.
  const short = Math.min(AT_FULL.seconds, seconds * AT_FULL.part);
  const atFull = await usage(server, { ...common, seconds: short, rate: full }, run);
  tell([...atFull.wrong, ...atFull.wrongLoad]);
  run.waitsFor("the server, while what came before expires");
  await server.advance(retention);
  const atHalf = await usage(server, { ...common, seconds, rate: full / 2 }, run);
  const { samples, last, cuts, roles } = atHalf;
  const wrongLoad = [...wrongBefore, ...atFull.wrongLoad, ...atHalf.wrongLoad];
  tell([...atHalf.wrong, ...atHalf.wrongLoad]);
  run.waitsFor("the end of the server");
  return [
    { what: "full speed, puts per second", seen: Math.round(full), good: full > 0 },
    {
      what: "full speed, puts per second of the server's processor time",
      seen: Math.round(atFull.perCpu),
      good: atFull.perCpu > 0,
    },
    none("at full speed: wrong", atFull.wrong),
    { what: "puts per second", seen: Math.round(atHalf.rate), good: atHalf.rate > 0 },
    speed({ wall: full, cpu: atFull.perCpu }, atHalf.perCpu),
    none("of the load: failed, lost, duplicated or out of order", wrongLoad),
    { what: "times that connections were cut", seen: cuts, good: cuts > 0 },
    ...roles,
    { what: "requests refused", seen: last.refused, good: last.refused === 0 },
    flat("heap", samples.map(({ heap }) => heap), seconds, growth),
    flat("resident memory", samples.map(({ resident }) => resident), seconds, growth),
    ...await ending(server),
  ];
}

/** Prints what was wrong at once: the run may hang afterwards. */
function tell(wrong: readonly string[]): void {
  for (const line of wrong.slice(0, 5)) console.error(line);
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
  if (!server.ended) server.signal("SIGTERM");
  const { code, stderr } = await server.end();
  if (stderr !== "") console.error(stderr.slice(0, 2000));
  return [
    none("errors in the server's log", stderr.split("\n").filter(Boolean)),
    { what: "exit code", seen: code, good: code === 0 },
  ];
}

/**
 * The options that the arguments of the program stand for.
 *
 * @throws {RangeError} if one is not what it must be
 */
export function soakOptions(args: readonly string[]): SoakOptions {
  const [seconds = "600", store = "memory", transport = "builtin", limit] = args;
  const checks = new OptionChecks(undefined, "soak");
  for (const [name, text] of Object.entries({ SECONDS: seconds, LIMIT_SECONDS: limit })) {
    if (text !== undefined) checks.text(name, text, SECONDS, isSeconds(Number(text)));
  }
  checks.oneOf("the store", store, STORES);
  checks.oneOf("the transport", transport, TRANSPORTS);
  return {
    seconds: Number(seconds),
    store: store as typeof STORES[number],
    transport: transport as TransportChoice,
    ...limit !== undefined && { limit: Number(limit) },
  };
}

function optionsOrExit(args: readonly string[]): SoakOptions {
  try {
    return soakOptions(args);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(2);
  }
}

if (import.meta.main) {
  const options = optionsOrExit(Deno.args);
  const { seconds, store, transport } = options;
  report(
    `Half of full speed for ${seconds} s, with messages in ${store}, transport ${transport}`,
    await soak(options),
  );
  // Something may hang, and would keep the process.
  if (Deno.exitCode !== 0) Deno.exit();
}
