/**
 * The options of a server, their defaults and their checks.
 *
 * @module
 */

import type { FileDurability } from "../protocol/encode_replies.ts";
import type { Freshness } from "../queue/queue.ts";
import {
  DEFAULT_HOST,
  DEFAULT_PORT,
  DEFAULT_RETENTION,
  LIMITS,
  type Overflow,
  type ServerLimits,
} from "../protocol/limits.ts";
import { isAbortSignal } from "../protocol/option_kinds.ts";
import { formatValue } from "../protocol/text.ts";
import { type Clock, systemClock } from "../queue/clock.ts";
import type { Log } from "../queue/log_event.ts";
import { listenHost } from "./addresses.ts";
import { OptionChecks, type OptionNames } from "./option_checks.ts";
import { refuseFormerOptions } from "./auth_choice.ts";
import { type AuthOptions, type AuthSettings, parseAuthOptions } from "./auth_options.ts";
import { openLog, type ServerLog, textSink } from "./log.ts";
import { type GroupToServe, parseServedGroups, type ServedGroup } from "./served_groups.ts";
import { quietLog } from "./stderr.ts";
import {
  DURABILITIES,
  type EngineChoice,
  ENGINES,
  FRESHNESS,
  parseStoreOptions,
  STORE_OPTION_NAMES,
  type StoreChoice,
  type StoreOptions,
  type StoreOptionSettings,
} from "./store_options.ts";

export type {
  EngineChoice,
  FileDurability,
  Freshness,
  Overflow,
  ServedGroup,
  StoreChoice,
  StoreOptions,
};
export { DURABILITIES, ENGINES, FRESHNESS };

/** The possible values of an option. */
export const OVERFLOWS = ["reject", "drop-oldest"] as const;
export const TRANSPORTS = ["builtin", "hardened"] as const;
const PATH_FORM = 'a path such as "/mq"';

/** The transport: `Deno.serve`, or `node:http` with `npm:ws`, which may face the internet. */
export type TransportChoice = "builtin" | "hardened";

/** The options of a server. Durations are in milliseconds. */
export interface ServeOptions extends AuthOptions, StoreOptions {
  /** The address to listen on. Default: `"127.0.0.1"`, reachable from this machine only. */
  readonly host?: string;
  /** The port to listen on; 0 takes any free port. Default: 30008. */
  readonly port?: number;
  /**
   * The path below which it answers, as behind a proxy that passes paths on as they are: others get status 404. Connections may be
   * to any path below it, and its pages are such as `/mq` and `/mq/health`. Default: `"/"`.
   */
  readonly path?: string;
  /** How long messages are kept, in whole milliseconds. Default: 600000, ten minutes. */
  readonly retention?: number;
  /** The limits of clients. */
  readonly limits?: Partial<ServerLimits>;
  /** What to do at the storage limit: reject puts, or drop the oldest messages. Default: `"reject"`. */
  readonly overflow?: Overflow;
  /**
   * Groups of workers that are made when the server starts, unless they are there: what is put before their first worker is
   * kept for them. Default: none, since the first worker of a group makes it.
   */
  readonly groups?: readonly ServedGroup[];
  /** The transport. Default: `"builtin"`; use `"hardened"` if untrusted clients can connect, even through a proxy. */
  readonly transport?: TransportChoice;
  /** Whether clients may stop the server; with `auth` that needs the permission `admin` for all topics. Default: `false`. */
  readonly allowShutdown?: boolean;
  /** Whether the server counts and measures what it does, for Prometheus. Loads `npm:prom-client`. Default: `false`. */
  readonly metrics?: boolean;
  /**
   * SIGINT and SIGTERM shut the server down, from the call of `serve` on; a second one ends the process. Default: `false`:
   * the program handles signals.
   */
  readonly handleSignals?: boolean;
  /** Shuts the server down when it aborts; before it listens, the start rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
  /** Gets log lines. Default: warnings and errors go to standard error, as far as it takes them. */
  readonly log?: Log;
  /** Tells the time; for tests. Default: the clock of the machine. */
  readonly clock?: Clock;
}

/** The names of all options. */
export const OPTION_NAMES: Readonly<Record<keyof ServeOptions, true>> = {
  host: true,
  port: true,
  path: true,
  ...STORE_OPTION_NAMES,
  retention: true,
  limits: true,
  overflow: true,
  groups: true,
  transport: true,
  auth: true,
  allowedOrigins: true,
  allowedHosts: true,
  cert: true,
  key: true,
  allowShutdown: true,
  metrics: true,
  handleSignals: true,
  signal: true,
  log: true,
  clock: true,
};

/** Options that are not simply filled in. */
type OtherwiseParsed =
  | "signal"
  | "limits"
  | "log"
  | "groups"
  | keyof AuthOptions
  | keyof StoreOptions;

/** Complete and checked options. */
export interface ServerSettings
  extends StoreOptionSettings, Required<Omit<ServeOptions, OtherwiseParsed>> {
  readonly auth: AuthSettings;
  /** Empty, or such as `/mq`. */
  readonly path: string;
  readonly limits: ServerLimits;
  /** The limits that the caller gave. */
  readonly setLimits: Partial<ServerLimits>;
  readonly groups: readonly GroupToServe[];
  readonly signal: AbortSignal | undefined;
  readonly log: ServerLog;
}

/**
 * Fills in the defaults and checks the options.
 *
 * @param options as the caller gave them
 * @param names the names of options in errors. Default: as in a program
 * @param action what cannot be done if an option is wrong. Default: `serve`
 * @returns the settings
 * @throws {TypeError} if an option is unknown or of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function parseServeOptions(
  options: ServeOptions,
  names?: OptionNames,
  action?: string,
): ServerSettings {
  const check = new OptionChecks(names, action);
  check.object("options", options, Object.keys(OPTION_NAMES));
  refuseFormerOptions(options, check);
  check.onlyNames("option", options, Object.keys(OPTION_NAMES));
  const { auth, others: notAuth } = parseAuthOptions(ownMembers(options, OPTION_NAMES), check);
  const { stored, others } = parseStoreOptions(notAuth, check);
  const {
    host = DEFAULT_HOST,
    port = DEFAULT_PORT,
    path = "/",
    retention = DEFAULT_RETENTION,
    limits = {},
    overflow = "reject",
    groups = [],
    transport = "builtin",
    allowShutdown = false,
    metrics = false,
    handleSignals = false,
    signal = undefined,
    log = quietLog,
    clock = systemClock,
  } = others;
  check.text("host", host, "an address or a name", host !== "");
  check.wholeNumber("port", port, 0, 65535);
  check.type("path", path, typeof path === "string", PATH_FORM);
  if (!isPath(path)) throw check.rangeError("path", PATH_FORM, formatValue(path));
  check.wholeNumber("retention", retention, 1, Number.MAX_SAFE_INTEGER);
  check.oneOf("overflow", overflow, OVERFLOWS);
  check.oneOf("transport", transport, TRANSPORTS);
  check.methods("log", log, ["info", "warn", "error"]);
  check.methods("clock", clock, ["now", "after"]);
  check.type("signal", signal, signal === undefined || isAbortSignal(signal), "an AbortSignal");
  for (const [name, value] of Object.entries({ allowShutdown, metrics, handleSignals })) {
    check.type(name, value, typeof value === "boolean", "true or false");
  }
  const allLimits = parseLimits(limits, check);
  return {
    auth,
    host: listenHost(host, check),
    port,
    path: path.replace(/\/$/, ""),
    ...stored,
    retention,
    limits: allLimits,
    setLimits: ownMembers(limits, LIMITS),
    overflow,
    groups: parseServedGroups(groups, allLimits.topicBytes, check),
    transport,
    allowShutdown,
    metrics,
    handleSignals,
    signal,
    log: openLog(textSink(log), clock),
    clock,
  };
}

/** Whether requests can have it: as it is written in a URL. */
function isPath(path: string): boolean {
  const isWritten = URL.parse(`http://host${path}`)?.pathname === path;
  return path.startsWith("/") && !path.includes("//") && isWritten;
}

/** A copy, in which inherited members are its own: a server without some of its options could be open, or forget. */
function ownMembers<T extends object>(
  given: T,
  names: { readonly [Name in keyof T]?: unknown },
): T {
  const present = Object.keys(names).filter((name) => name in given) as (keyof T)[];
  return Object.fromEntries(present.map((name) => [name, given[name]])) as T;
}

function parseLimits(limits: Partial<ServerLimits>, check: OptionChecks): ServerLimits {
  check.object("limits", limits, Object.keys(LIMITS));
  check.onlyNames("limit", limits, Object.keys(LIMITS));
  const { storedBytes = LIMITS.storedBytes.default } = limits;
  const defaultOf = (name: string, value: number) =>
    name === "groupBytes" ? Math.floor(storedBytes / 2) : value;
  const entries = Object.entries(LIMITS).map(([name, { default: defaultValue, min, max }]) => {
    const { [name as keyof ServerLimits]: limit = defaultOf(name, defaultValue) } = limits;
    if (limit !== defaultValue) check.wholeNumber(`limits.${name}`, limit, min, max);
    return [name, limit];
  });
  const all = Object.fromEntries(entries) as ServerLimits;
  const { messageBytes, creditBytes } = all;
  // Otherwise a subscriber could never be granted enough for it.
  if (messageBytes > creditBytes) {
    const [credit, message] = ["limits.creditBytes", "limits.messageBytes"].map(check.nameOf);
    // The one that was given is wrong, or both are.
    throw limits.messageBytes === undefined
      ? check.rangeError(
        "limits.creditBytes",
        `at least ${message}, which is ${messageBytes}`,
        String(creditBytes),
      )
      : check.rangeError(
        "limits.messageBytes",
        `at most ${credit}, which is ${creditBytes}`,
        String(messageBytes),
      );
  }
  return all;
}
