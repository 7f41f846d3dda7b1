/**
 * The commands there are, and which of them is meant.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { written } from "./arguments.ts";
import { type Command, COMMON, UsageError } from "./command.ts";
import { didYouMean, nearest } from "./nearest.ts";

/** Each is loaded when it is needed: a server starts without what only clients use. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  put: async () => (await import("./put.ts")).put,
  get: async () => (await import("./read.ts")).get,
  latest: async () => (await import("./read.ts")).latest,
  wait: async () => (await import("./read.ts")).wait,
  tail: async () => (await import("./read.ts")).tail,
  topics: async () => (await import("./manage.ts")).topics,
  shutdown: async () => (await import("./manage.ts")).shutdown,
  bench: async () => (await import("./bench.ts")).bench,
  demo: async () => (await import("./demo.ts")).demo,
};

/** A command, and the arguments that are for it. */
export interface Choice {
  readonly name: string;
  readonly args: readonly string[];
  /** A server is started, as no command was given. */
  readonly isImplied: boolean;
}

/**
 * Finds the command, which may come behind options. Without one a server is started; it may be given host and port alone.
 *
 * @param args all arguments
 * @returns which it is
 * @throws {UsageError} if the word that should be a command is none
 */
export async function choose(args: readonly string[]): Promise<Choice> {
  const [first] = args;
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  for (const [i, word] of before.entries()) {
    if (!Object.hasOwn(COMMANDS, word)) continue;
    if (i === 0 || await isFirstWord(before, i)) {
      return { name: word, args: args.toSpliced(i, 1), isImplied: false };
    }
  }
  if (first !== undefined && !written(first)) requireHost(first === "--" ? args.slice(1) : args);
  return { name: "serve", args, isImplied: true };
}

/** Whether all before it are options, and their values. */
async function isFirstWord(args: readonly string[], place: number): Promise<boolean> {
  const { options } = await COMMANDS[args[place]!]!();
  const known = { ...(await COMMANDS.serve!()).options, ...options, ...COMMON };
  let i = 0;
  while (i < place) {
    const option = written(args[i]!);
    if (!option) return false;
    const isKnown = Object.hasOwn(known, option.name);
    // What follows one that is unknown, and is no option, is taken for its value, as long as a command is left.
    const hasValue = isKnown
      ? known[option.name]!.value !== undefined
      : i + 1 < place && !written(args[i + 1]!);
    i += hasValue && option.value === undefined ? 2 : 1;
  }
  return i === place;
}

/**
 * Checks the words of a server that was started without the word `serve`.
 *
 * @param words what should be a host, and perhaps a port
 * @throws {UsageError} if it looks like a command that is misspelt
 */
export function requireHost([word, next]: readonly string[]): void {
  if (word === undefined || word === "localhost" || /[.:]/.test(word)) return;
  if (Object.hasOwn(COMMANDS, word)) throw new UsageError(`${word}, a command, goes before --`);
  const names = Object.keys(COMMANDS);
  if (/^\d+$/.test(next ?? "") && nearest(word, names) === undefined) return;
  const isPort = /^\d+$/.test(word);
  const hint = isPort ? `; a port is given by --port ${word}` : didYouMean(word, names);
  throw new UsageError(`there is no command ${quoted(word)}${hint}`);
}
