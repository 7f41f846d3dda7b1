/**
 * How a server is started: the options, their defaults and their bounds.
 *
 * @module
 */

import {
  DEFAULT_HOST,
  DEFAULT_PORT,
  DEFAULT_RETENTION,
  LIMITS,
  type ServerLimits,
} from "../protocol/limits.ts";
import { seen } from "../protocol/text.ts";
import { filePath } from "./store_address.ts";
import { type Clock, systemClock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";
import { listenHost } from "./addresses.ts";
import { checkedEntry, type EntryOptions, type EntrySettings } from "./door_options.ts";
import { guarded, type GuardedLog } from "./log.ts";
import { quietLog } from "./stderr.ts";

/** The names of the SQLite engines, and `auto` for the best that can be used. */
export type EngineChoice = "auto" | "@db/sqlite" | "node:sqlite";

/** What keeps the messages: memory, or a file of SQLite. */
export type StoreChoice = "memory" | `sqlite:${string}`;

/** What an acknowledged message in a file survives: `full` a loss of power, `normal` the end of the process. */
export type Durability = "full" | "normal";

/** What happens to a put when as much is stored as may be. */
export type Overflow = "reject" | "drop-oldest";

/** How peers arrive: by `Deno.serve`, or by `node:http` and `npm:ws`, which strangers may reach. */
export type TransportChoice = "builtin" | "hardened";

/** How a server is started. Durations are in milliseconds. */
export interface ServeOptions extends EntryOptions {
  /** The address to listen on. Default: `"127.0.0.1"`, this machine alone. */
  readonly host?: string;
  /** The port to listen on; 0 takes any that is free. Default: 30008. */
  readonly port?: number;
  /**
   * What keeps the messages: `"memory"`, or `"sqlite:PATH"` for a file, absolute or from the working folder. Beside it stand
   * `PATH-wal`, `PATH-shm` and `PATH-lock` while it is in use. Default: `"memory"`.
   */
  readonly store?: StoreChoice;
  /** What an acknowledged message in a file survives. Default: `"full"`, a loss of power. */
  readonly durability?: Durability;
  /** The SQLite engine. Default: `"auto"`, `@db/sqlite` where its library can be used, else `node:sqlite`. */
  readonly engine?: EngineChoice;
  /** For how long a message is kept, in whole milliseconds. Default: 600000, ten minutes. */
  readonly retention?: number;
  /** What clients are held to. */
  readonly limits?: Partial<ServerLimits>;
  /** What to do when as much is stored as may be: refuse puts, or give up the oldest messages. Default: `"reject"`. */
  readonly overflow?: Overflow;
  /** How peers arrive. Default: `"builtin"`; take `"hardened"` where strangers reach the port directly. */
  readonly transport?: TransportChoice;
  /** Clients may stop the server; where a token is asked for, those with the right `admin`. Default: `false`. */
  readonly allowShutdown?: boolean;
  /** SIGINT and SIGTERM shut the server down; a second one ends the process. Default: `true`. */
  readonly handleSignals?: boolean;
  /** Shuts the server down when it aborts. */
  readonly signal?: AbortSignal;
  /** Takes what a person should know. Default: warnings and errors go to standard error, as far as it takes them. */
  readonly log?: Log;
  /** Tells the time; for tests. Default: the clock of the machine. */
  readonly clock?: Clock;
}

/** Options, complete and checked. */
export interface Settings
  extends Required<Omit<ServeOptions, "signal" | "limits" | keyof EntryOptions>> {
  readonly entry: EntrySettings;
  readonly limits: ServerLimits;
  /** Those of them that the caller gave. */
  readonly setLimits: Partial<ServerLimits>;
  readonly signal: AbortSignal | undefined;
  readonly log: GuardedLog;
}

/**
 * Fills in the defaults and checks the options.
 *
 * @param options what the caller gave
 * @returns the settings
 * @throws {TypeError} if an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function checked(options: ServeOptions): Settings {
  const { entry, others: rest } = checkedEntry(options);
  const {
    host = DEFAULT_HOST,
    port = DEFAULT_PORT,
    store = "memory",
    engine = "auto",
    durability = "full",
    retention = DEFAULT_RETENTION,
    limits = {},
    overflow = "reject",
    transport = "builtin",
    allowShutdown = false,
    handleSignals = true,
    signal = undefined,
    log = quietLog,
    clock = systemClock,
    ...others
  } = rest;
  refuseUnknown(others, "option");
  if (typeof host !== "string" || host === "") throw wrong("host", "an address or a name", host);
  requireWhole("port", port, 0, 65535);
  requireWhole("retention", retention, 1, Number.MAX_SAFE_INTEGER);
  if (typeof store !== "string" || (store !== "memory" && filePath(store) === undefined)) {
    throw wrong("store", '"memory" or "sqlite:PATH"', store);
  }
  requireOneOf("engine", engine, ["auto", "@db/sqlite", "node:sqlite"]);
  requireOneOf("durability", durability, ["full", "normal"]);
  requireOneOf("overflow", overflow, ["reject", "drop-oldest"]);
  requireOneOf("transport", transport, ["builtin", "hardened"]);
  requireMethods("log", log, ["info", "warn", "error"]);
  requireMethods("clock", clock, ["now", "after"]);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrong("signal", "an AbortSignal", signal);
  }
  requireBoolean("allowShutdown", allowShutdown);
  requireBoolean("handleSignals", handleSignals);
  return {
    entry,
    host: listenHost(host),
    port,
    store,
    engine,
    durability,
    retention,
    limits: checkedLimits(limits),
    setLimits: { ...limits },
    overflow,
    transport,
    allowShutdown,
    handleSignals,
    signal,
    log: guarded(log, clock),
    clock,
  };
}

function checkedLimits(limits: Partial<ServerLimits>): ServerLimits {
  if (limits === null || typeof limits !== "object") throw wrong("limits", "an object", limits);
  for (const name of Object.keys(limits)) {
    if (!Object.hasOwn(LIMITS, name)) throw unknown("limit", name);
  }
  const checked = Object.entries(LIMITS).map(([name, { usual, least, most }]) => {
    const { [name as keyof ServerLimits]: limit = usual } = limits;
    if (limit !== usual) requireWhole(`limits.${name}`, limit, least, most);
    return [name, limit];
  });
  const all = Object.fromEntries(checked) as ServerLimits;
  // Or a subscriber could never be granted enough for it.
  requireWhole("limits.messageBytes", all.messageBytes, 2, all.creditBytes);
  return all;
}

function requireOneOf(name: string, value: string, words: readonly string[]): void {
  if (words.includes(value)) return;
  const all = words.map((word) => `"${word}"`);
  throw wrong(name, `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`, value);
}

function refuseUnknown(others: object, what: string): void {
  const [name] = Object.keys(others);
  if (name !== undefined) throw unknown(what, name);
}

function unknown(what: string, name: string): Error {
  return new TypeError(`Cannot serve: there is no ${what} "${name}"`);
}

function requireWhole(name: string, value: number, least: number, most: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot serve: ${name} is a number, got ${seen(value)}`);
  }
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Cannot serve: ${name} is a whole number from ${least} to ${most}, got ${value}`,
    );
  }
}

function requireMethods(name: string, value: object, methods: readonly string[]): void {
  const lacking = methods.find((method) => typeof Object(value)[method] !== "function");
  if (lacking !== undefined) {
    throw new TypeError(`Cannot serve: ${name} has a method ${lacking}, got ${seen(value)}`);
  }
}

function requireBoolean(name: string, value: boolean): void {
  if (typeof value !== "boolean") {
    throw new TypeError(`Cannot serve: ${name} is true or false, got ${seen(value)}`);
  }
}

function wrong(name: string, expected: string, value: unknown): Error {
  if (typeof value !== "string") {
    return new TypeError(`Cannot serve: ${name} is ${expected}, got ${seen(value)}`);
  }
  return new RangeError(`Cannot serve: ${name} is ${expected}, got ${seen(value)}`);
}
