/**
 * The options of the store, with their defaults and checks.
 *
 * @module
 */

import type { FileDurability } from "../protocol/encode_replies.ts";
import { formatValue } from "../protocol/text.ts";
import type { Freshness } from "../queue/queue.ts";
import type { OptionChecks } from "./option_checks.ts";
import { isLogAddress, pathFault, shownStore, storeHint, storePath } from "./store_address.ts";

/** The possible values of an option. */
export const ENGINES = ["auto", "@db/sqlite", "node:sqlite"] as const;
export const DURABILITIES = ["disk", "process"] as const;
export const FRESHNESS = ["global", "session"] as const;

const STORE_FORMS = '"memory", "sqlite:PATH" or "nats://SERVER/NAME"';

/** How long to wait for a log that cannot be reached, in milliseconds, and at most. */
export const WAIT_FOR_STORE = { default: 5000, max: 2 ** 31 - 1 } as const;

/** The names of the SQLite engines, and `auto` for the best that can be used. */
export type EngineChoice = "auto" | "@db/sqlite" | "node:sqlite";

/** Where messages are stored: in memory, in an SQLite file, or in a log in NATS that several servers share. */
export type StoreChoice =
  | "memory"
  | `sqlite:${string}`
  | `nats://${string}`
  | `tls://${string}`;

/** Where messages are stored, and how. */
export interface StoreOptions {
  /**
   * Where messages are stored: `"memory"`; `"sqlite:PATH"` for a file, absolute or relative to the working folder (while it
   * is in use, `PATH-wal`, `PATH-shm` and `PATH-lock` are beside it); or `"nats://SERVER,…/NAME"` for a log in NATS JetStream that
   * several servers share. That may have a user and a password or a token, and parameters such as `?replicas=3&sync=always`; it is
   * not logged. Default: `"memory"`.
   */
  readonly store?: StoreChoice;
  /** What an acknowledged message in a file survives. Only with a file. Default: `"disk"`, a power failure. */
  readonly durability?: FileDurability;
  /** The SQLite engine. Default: `"auto"`, `@db/sqlite` where its library can be used, else `node:sqlite`. */
  readonly engine?: EngineChoice;
  /**
   * Only with a log: what reads are sure to find where several servers share it: `"global"`, all that anybody was told of at any server;
   * `"session"`, only what their own client was told of, which takes no time. Default: `"global"`.
   */
  readonly freshness?: Freshness;
  /**
   * Only with a log: the SQLite file in which the server keeps its copy of what the log has, so that a restart reads only what is
   * new. Each server has its own. Default: a temporary file that is deleted when the server ends.
   */
  readonly replica?: string;
  /** Only with a log: gives it the options of this server that decide results, if it has others. Default: `false`, and such a log is refused. */
  readonly reconfigure?: boolean;
  /** Only with a log: how long to wait at the start while it cannot be reached, in milliseconds. Default: 5000. */
  readonly waitForStore?: number;
}

/** The names of these options. */
export const STORE_OPTION_NAMES: Readonly<Record<keyof StoreOptions, true>> = {
  store: true,
  durability: true,
  engine: true,
  freshness: true,
  replica: true,
  reconfigure: true,
  waitForStore: true,
};

/** The checked options. */
export interface StoreOptionSettings extends Required<Omit<StoreOptions, "replica">> {
  /** The path of the replica; `undefined`: a temporary file. */
  readonly replica: string | undefined;
  /** Makes the error of the address of a log, which is parsed when it is opened. */
  readonly storeFault: (expected: string) => Error;
}

/**
 * Fills in the defaults and checks the options.
 *
 * @param options all options of the caller
 * @param check how options are named in errors
 * @returns the settings, and the options that are not of this kind
 * @throws {TypeError} if an option is of the wrong type
 * @throws {RangeError} if an option is out of its range
 */
export function parseStoreOptions<Others extends object>(
  options: StoreOptions & Others,
  check: OptionChecks,
): { stored: StoreOptionSettings; others: Omit<StoreOptions & Others, keyof StoreOptions> } {
  const {
    store = "memory",
    engine = "auto",
    durability: givenDurability,
    freshness = "global",
    replica,
    reconfigure = false,
    waitForStore = WAIT_FOR_STORE.default,
    ...others
  } = options;
  const isLog = isLogAddress(store);
  if (store !== "memory" && !isLog && storePath(store, check) === undefined) {
    check.type("store", store, typeof store === "string", STORE_FORMS);
    throw check.rangeError("store", STORE_FORMS, `${shownStore(store)}${storeHint(store)}`);
  }
  check.oneOf("engine", engine, ENGINES);
  check.oneOf("freshness", freshness, FRESHNESS);
  check.type("reconfigure", reconfigure, typeof reconfigure === "boolean", "true or false");
  check.wholeNumber("waitForStore", waitForStore, 0, WAIT_FOR_STORE.max);
  if (replica !== undefined) checkReplica(replica, check);
  const settings = {
    ...{ store, engine, freshness, replica, reconfigure, waitForStore },
    durability: parseDurability(givenDurability, store, check),
    storeFault: (expected: string) => check.rangeError("store", expected, NOT_SHOWN),
  };
  const given = {
    freshness: freshness === "session" ? freshness : undefined,
    replica,
    reconfigure: reconfigure || undefined,
    waitForStore: options.waitForStore,
  };
  for (const [name, value] of isLog ? [] : Object.entries(given)) {
    if (value === undefined) continue;
    const expected = `left out unless ${
      check.nameOf("store")
    } is a log, such as "nats://SERVER/NAME"`;
    throw check.rangeError(name, expected, formatValue(value));
  }
  return { stored: settings, others };
}

const NOT_SHOWN = "one that is not shown, because it may contain a password";

function checkReplica(path: string, check: OptionChecks): void {
  const form = "the path of a file";
  check.text("replica", path, form, path !== "");
  const reason = pathFault(path);
  if (reason !== undefined) {
    throw check.rangeError("replica", `${form}, ${reason}`, formatValue(path));
  }
}

/** Memory survives nothing, so a server that keeps its messages there must not be taken for one that does. */
function parseDurability(
  durability: FileDurability | undefined,
  store: StoreChoice,
  check: OptionChecks,
): FileDurability {
  if (durability === undefined) return "disk";
  if (storePath(store) === undefined) {
    const reason = store === "memory"
      ? "because messages in memory survive nothing"
      : "because the address of a log says what they survive: storage, replicas and sync";
    const expected = `left out unless ${check.nameOf("store")} is "sqlite:PATH", ${reason}`;
    check.text("durability", durability, expected, false);
  }
  check.oneOf("durability", durability, DURABILITIES);
  return durability;
}
