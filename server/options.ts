/**
 * How a server is started: the options, their defaults and their bounds.
 *
 * @module
 */

import {
  DEFAULT_HOST,
  DEFAULT_MAX_MESSAGE_BYTES,
  DEFAULT_PORT,
  DEFAULT_RETENTION,
} from "../protocol/limits.ts";
import { seen } from "../protocol/text.ts";
import { type Clock, systemClock } from "../queue/clock.ts";
import type { Log } from "../queue/queue.ts";

/** The names of the SQLite engines, and `auto` for the best that can be used. */
export type EngineChoice = "auto" | "@db/sqlite" | "node:sqlite";

/** The limits that a server holds its clients to. Sizes are in bytes. */
export interface ServeLimits {
  /** The largest message, in bytes of its JSON encoding in UTF-8, at most 32 MiB. Default: 1000000. */
  readonly messageBytes?: number;
}

/** How a server is started. Durations are in milliseconds. */
export interface ServeOptions {
  /** The address to listen on. Default: `"127.0.0.1"`, this machine alone. */
  readonly host?: string;
  /** The port to listen on; 0 takes any that is free. Default: 30008. */
  readonly port?: number;
  /** What keeps the messages. Default, and so far the only one: `"memory"`. */
  readonly store?: "memory";
  /** The SQLite engine. Default: `"auto"`, `@db/sqlite` where its library can be used, else `node:sqlite`. */
  readonly engine?: EngineChoice;
  /** For how long a message is kept, in whole milliseconds. Default: 600000, ten minutes. */
  readonly retention?: number;
  /** What clients are held to. */
  readonly limits?: ServeLimits;
  /** Clients may stop the server. Default: `false`. */
  readonly allowShutdown?: boolean;
  /** SIGINT and SIGTERM shut the server down; a second one ends the process. Default: `true`. */
  readonly handleSignals?: boolean;
  /** Shuts the server down when it aborts. */
  readonly signal?: AbortSignal;
  /** Takes what a person should know. Default: warnings and errors go to the console. */
  readonly log?: Log;
  /** Tells the time; for tests. Default: the clock of the machine. */
  readonly clock?: Clock;
}

/** Options, complete and checked. */
export interface Settings extends Required<Omit<ServeOptions, "signal" | "limits">> {
  readonly limits: Required<ServeLimits>;
  readonly signal: AbortSignal | undefined;
}

const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** Warnings and errors go to standard error; what is not wrong is not said. */
const quietLog: Log = {
  info: () => {},
  warn: (...data) => console.warn(...data),
  error: (...data) => console.error(...data),
};

/**
 * Fills in the defaults and checks the options.
 *
 * @param options what the caller gave
 * @returns the settings
 * @throws {TypeError} if an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function checked(options: ServeOptions): Settings {
  const {
    host = DEFAULT_HOST,
    port = DEFAULT_PORT,
    store = "memory",
    engine = "auto",
    retention = DEFAULT_RETENTION,
    limits = {},
    allowShutdown = false,
    handleSignals = true,
    signal = undefined,
    log = quietLog,
    clock = systemClock,
    ...others
  } = options;
  const { messageBytes = DEFAULT_MAX_MESSAGE_BYTES, ...otherLimits } = limits;
  refuseUnknown(others, "option");
  refuseUnknown(otherLimits, "limit");
  if (typeof host !== "string" || host === "") throw wrong("host", "an address or a name", host);
  requireWhole("port", port, 0, 65535);
  requireWhole("retention", retention, 1, Number.MAX_SAFE_INTEGER);
  requireWhole("limits.messageBytes", messageBytes, 2, MAX_MESSAGE_BYTES);
  if (store !== "memory") throw wrong("store", '"memory"', store);
  if (!["auto", "@db/sqlite", "node:sqlite"].includes(engine)) {
    throw wrong("engine", '"auto", "@db/sqlite" or "node:sqlite"', engine);
  }
  requireMethods("log", log, ["info", "warn", "error"]);
  requireMethods("clock", clock, ["now", "after"]);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrong("signal", "an AbortSignal", signal);
  }
  requireBoolean("allowShutdown", allowShutdown);
  requireBoolean("handleSignals", handleSignals);
  return {
    host,
    port,
    store,
    engine,
    retention,
    limits: { messageBytes },
    allowShutdown,
    handleSignals,
    signal,
    log,
    clock,
  };
}

function refuseUnknown(others: object, what: string): void {
  const [name] = Object.keys(others);
  if (name !== undefined) throw new TypeError(`Cannot serve: there is no ${what} "${name}"`);
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
