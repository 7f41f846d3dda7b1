/**
 * A server in use: by clients that check each message, and by load beside them.
 *
 * @module
 */

import { seeded } from "../../testing/seeded.ts";
import type { ChildServer, Report } from "./child_server.ts";
import type { LimitedRun } from "./limited_run.ts";
import { Loader } from "./load.ts";
import { FaultyProxy } from "./proxy.ts";
import type { Finding } from "./report.ts";
import { RunningRoles } from "./running_roles.ts";
import type { Role } from "./soak_roles.ts";
import { putsPerCpu } from "./soak_speed.ts";
import { sampled, STEP, type SteppedServer } from "./soak_steps.ts";

/**
 * The load beside the clients that check each message: 100 bytes each, put and read again. The window has room for
 * what it is granted in a step at half of 80 000 puts a second; more would wait for replies.
 */
export const LOAD = { topic: "load", bytes: 100, window: 2048, reads: true };

/** How a server is used. */
export interface UsageOptions {
  /** How long, by its clock. */
  readonly seconds: number;
  /** After how many milliseconds of its clock it reports again. */
  readonly every: number;
  /** The puts of the load in a second of its clock. */
  readonly rate: number;
  /** How many bytes connections send before they are cut, at most; they differ at random. */
  readonly cutAfter: number;
  readonly seed: number;
  readonly roles: Readonly<Record<string, Role>>;
}

/** What was seen of it. */
export interface Usage {
  /** The server's reports after garbage collection. */
  readonly samples: readonly Report[];
  /** One at the end. */
  readonly last: Report;
  /** How many messages were stored in a second of its processor time. */
  readonly perCpu: number;
  /** How many puts of the load were acknowledged in a second. */
  readonly rate: number;
  /** What failed of the load, or arrived out of order. */
  readonly wrongLoad: readonly string[];
  /** The same of the clients that check each message. */
  readonly wrong: readonly string[];
  /** What they found. */
  readonly roles: readonly Finding[];
  /** How many connections were cut. */
  readonly cuts: number;
}

/** A connection passes at least this part of the bytes it may send, so most attempts to connect succeed. */
const LEAST = 1 / 20;

/**
 * Uses a server for some time.
 *
 * @throws {StuckError} if a client or the load is stuck
 */
export async function usage(
  server: Pick<ChildServer, "url" | "port" | keyof SteppedServer>,
  { seconds, every, rate, cutAfter, seed, ...options }: UsageOptions,
  run: LimitedRun,
): Promise<Usage> {
  const random = seeded(seed);
  const faults = () => ({ cutAfterUp: cutAfter * LEAST + random(cutAfter) });
  const proxy = run.owns("the proxy", new FaultyProxy(server.port, faults));
  const addresses = { url: server.url, cutUrl: proxy.url, port: server.port };
  const roles = run.owns("the clients", new RunningRoles(options.roles, addresses, run));
  const load = { ...LOAD, url: server.url, onlyGranted: true };
  using loader = run.owns("the load", new Loader(load));
  run.waitsFor("the server at the beginning");
  const begin = await server.report();
  const samples = await sampled(server, { seconds, every }, {
    grant() {
      roles.grant();
      loader.grant(Math.ceil(rate * STEP / 1000));
    },
    behind: (isCheck) => [
      ...loader.isThrough ? [] : ["the load"],
      ...isCheck ? roles.behind : [],
    ],
    wrong: () => [...roles.wrong, ...loader.wrong],
    onChecked: () => roles.onChecked(),
  }, run);
  run.waitsFor("the server at the end");
  const last = await server.report();
  run.waitsFor(() => `the end of ${roles.running.join("; ")}`);
  await roles.end();
  // What the clients say now comes of their connections' end.
  run.signal.throwIfAborted();
  const { wrong, findings } = roles;
  return {
    ...{ samples, last, perCpu: putsPerCpu(begin, last) },
    ...{ rate: loader.rate, wrongLoad: loader.wrong },
    ...{ wrong, roles: findings, cuts: proxy.cuts },
  };
}
