/**
 * The options of `dsmq serve` that say where messages are stored, and how.
 *
 * @module
 */

import type { StoreChoice, StoreOptions } from "../server.ts";
import {
  DURABILITIES,
  ENGINES,
  FRESHNESS,
  isLogAddress,
  WAIT_FOR_STORE,
} from "../server/start/start.ts";
import type { OptionSpec, ParsedArguments } from "./command.ts";
import { parseDuration, parseFilePath, parseWord } from "./values.ts";

/** The options. */
export const STORE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  store: {
    value: "WHERE",
    help:
      "where messages are stored: memory, sqlite:PATH, or nats://SERVER,.../NAME, a log that several servers share (memory)",
  },
  durability: {
    value: "HOW",
    help:
      "only with a file, what messages survive: disk, a power failure; process, the end of the process (disk)",
  },
  engine: { value: "NAME", help: "the SQLite engine: auto, @db/sqlite or node:sqlite (auto)" },
  freshness: {
    value: "HOW",
    help:
      "only with a log, what reads find: global, all that any server has acknowledged; session, what their client knows of (global)",
  },
  replica: {
    value: "PATH",
    help:
      "only with a log, the SQLite file of this server's copy, so that a restart reads only what is new (a temporary file)",
  },
  "wait-for-store": {
    value: "TIME",
    help: `only with a log, how long a start waits for it (${WAIT_FOR_STORE.default / 1000}s)`,
  },
  reconfigure: {
    help: "only with a log, give it the retention and the limits of this server, if it has others",
  },
};

/** What the arguments say of them; without what they do not say. */
export function storeOptions(args: ParsedArguments): StoreOptions {
  const valueOf = <Value>(option: string, read: (name: string, text: string) => Value) => {
    const text = args.value(option);
    return text === undefined ? undefined : read(`--${option}`, text);
  };
  const parsedWord = <Word extends string>(option: string, words: readonly Word[]) =>
    valueOf(option, (name, text) => parseWord(name, text, words));
  const all = {
    store: args.value("store") as StoreChoice | undefined,
    durability: parsedWord("durability", DURABILITIES),
    engine: parsedWord("engine", ENGINES),
    freshness: parsedWord("freshness", FRESHNESS),
    replica: valueOf("replica", parseFilePath),
    waitForStore: valueOf(
      "wait-for-store",
      (name, text) => parseDuration(name, text, { min: 0, max: WAIT_FOR_STORE.max }),
    ),
    reconfigure: args.flag("reconfigure") || undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What the log says of the option `store`: never a password. */
export function loggedStore(args: ParsedArguments, description: string): string {
  const store = args.value("store") ?? "memory";
  return isLogAddress(store) ? description : store;
}
