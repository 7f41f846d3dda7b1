/**
 * The list of commands, and the choice of one from the arguments.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { parseOption } from "./read_arguments.ts";
import { type CliCommand, COMMON_OPTIONS, UsageError } from "./command.ts";
import { didYouMean, nearestWord } from "./did_you_mean.ts";

/** All commands. Each is loaded on demand, so a server starts without loading the client. */
export const COMMANDS: Readonly<Record<string, () => Promise<CliCommand>>> = {
  serve: async () => (await import("./serve.ts")).serveCommand,
  put: async () => (await import("./put.ts")).putCommand,
  get: async () => (await import("./read.ts")).getCommand,
  latest: async () => (await import("./read.ts")).latestCommand,
  wait: async () => (await import("./read.ts")).waitCommand,
  tail: async () => (await import("./read.ts")).tailCommand,
  work: async () => (await import("./work.ts")).workCommand,
  groups: async () => (await import("./groups.ts")).groupsCommand,
  dead: async () => (await import("./groups.ts")).deadCommand,
  redrive: async () => (await import("./groups.ts")).redriveCommand,
  topics: async () => (await import("./manage.ts")).topicsCommand,
  backup: async () => (await import("./backup.ts")).backupCommand,
  purge: async () => (await import("./manage.ts")).purgeCommand,
  connections: async () => (await import("./manage.ts")).connectionsCommand,
  disconnect: async () => (await import("./manage.ts")).disconnectCommand,
  token: async () => (await import("./token.ts")).tokenCommand,
  shutdown: async () => (await import("./manage.ts")).shutdownCommand,
  bench: async () => (await import("./bench.ts")).benchCommand,
  demo: async () => (await import("./demo.ts")).demoCommand,
};

/** The chosen command and its arguments. */
export interface CommandChoice {
  readonly name: string;
  readonly args: readonly string[];
  /** No command was given, so it is `serve`. */
  readonly isImplied: boolean;
}

/**
 * Finds the command, which may come after options. Without one it is `serve`, which also accepts just host and port.
 *
 * @param args all arguments
 * @returns the command
 * @throws {UsageError} if there is no such command
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

/** Whether everything before it is an option or the value of one. */
async function isCommandName(args: readonly string[], index: number): Promise<boolean> {
  const { options } = await COMMANDS[args[index]!]!();
  const knownOptions = { ...(await COMMANDS.serve!()).options, ...options, ...COMMON_OPTIONS };
  let i = 0;
  while (i < index) {
    const option = parseOption(args[i]!);
    if (!option) return false;
    const isKnown = Object.hasOwn(knownOptions, option.name);
    // A word after an unknown option counts as its value, as long as a command still follows.
    const hasValue = isKnown
      ? knownOptions[option.name]!.value !== undefined
      : i + 1 < index && !parseOption(args[i + 1]!);
    i += hasValue && option.value === undefined ? 2 : 1;
  }
  return i === index;
}

/**
 * Checks the arguments of a server that was started without the word `serve`.
 *
 * @param words a host, and perhaps a port
 * @throws {UsageError} if the first looks like a misspelt command
 */
export function requireHostAndPort([word, next]: readonly string[]): void {
  if (word === undefined || word === "localhost" || /[.:]/.test(word)) return;
  if (Object.hasOwn(COMMANDS, word)) {
    throw new UsageError(`the command ${word} must come before --`);
  }
  const names = Object.keys(COMMANDS);
  if (/^\d+$/.test(next ?? "") && nearestWord(word, names) === undefined) return;
  const isPort = /^\d+$/.test(word);
  const hint = isPort ? `; to set the port, use --port ${word}` : didYouMean(word, names);
  throw new UsageError(`there is no command ${quoted(word)}${hint}`);
}
