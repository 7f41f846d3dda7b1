/**
 * The commands there are, and which of them is meant.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { parseOption } from "./read_arguments.ts";
import { type Command, COMMON_OPTIONS, UsageError } from "./command.ts";
import { didYouMean, nearestWord } from "./did_you_mean.ts";

/** Each is loaded when it is needed: a server starts without what only clients use. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serveCommand,
  put: async () => (await import("./put.ts")).putCommand,
  get: async () => (await import("./read.ts")).getCommand,
  latest: async () => (await import("./read.ts")).latestCommand,
  wait: async () => (await import("./read.ts")).waitCommand,
  tail: async () => (await import("./read.ts")).tailCommand,
  topics: async () => (await import("./manage.ts")).topicsCommand,
  shutdown: async () => (await import("./manage.ts")).shutdownCommand,
  bench: async () => (await import("./bench.ts")).benchCommand,
  demo: async () => (await import("./demo.ts")).demoCommand,
};

/** A command, and the arguments that are for it. */
export interface CommandChoice {
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
export async function chooseCommand(args: readonly string[]): Promise<CommandChoice> {
  const [first] = args;
  const end = args.indexOf("--");
  const beforeDashes = end < 0 ? args : args.slice(0, end);
  for (const [i, word] of beforeDashes.entries()) {
    if (!Object.hasOwn(COMMANDS, word)) continue;
    if (i === 0 || await isCommandName(beforeDashes, i)) {
      return { name: word, args: args.toSpliced(i, 1), isImplied: false };
    }
  }
  if (first !== undefined && !parseOption(first)) {
    requireHostAndPort(first === "--" ? args.slice(1) : args);
  }
  return { name: "serve", args, isImplied: true };
}

/** Whether all before it are options, and their values. */
async function isCommandName(args: readonly string[], index: number): Promise<boolean> {
  const { options } = await COMMANDS[args[index]!]!();
  const knownOptions = { ...(await COMMANDS.serve!()).options, ...options, ...COMMON_OPTIONS };
  let i = 0;
  while (i < index) {
    const option = parseOption(args[i]!);
    if (!option) return false;
    const isKnown = Object.hasOwn(knownOptions, option.name);
    // What follows one that is unknown, and is no option, is taken for its value, as long as a command is left.
    const hasValue = isKnown
      ? knownOptions[option.name]!.value !== undefined
      : i + 1 < index && !parseOption(args[i + 1]!);
    i += hasValue && option.value === undefined ? 2 : 1;
  }
  return i === index;
}

/**
 * Checks the words of a server that was started without the word `serve`.
 *
 * @param words what should be a host, and perhaps a port
 * @throws {UsageError} if it looks like a command that is misspelt
 */
export function requireHostAndPort([word, next]: readonly string[]): void {
  if (word === undefined || word === "localhost" || /[.:]/.test(word)) return;
  if (Object.hasOwn(COMMANDS, word)) throw new UsageError(`${word}, a command, goes before --`);
  const names = Object.keys(COMMANDS);
  if (/^\d+$/.test(next ?? "") && nearestWord(word, names) === undefined) return;
  const isPort = /^\d+$/.test(word);
  const hint = isPort ? `; a port is given by --port ${word}` : didYouMean(word, names);
  throw new UsageError(`there is no command ${quoted(word)}${hint}`);
}
