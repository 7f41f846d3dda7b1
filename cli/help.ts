/**
 * The help texts, and the version.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { parseOption } from "./read_arguments.ts";
import { COMMON_OPTIONS, EXIT_CODE, type OptionSpec, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { didYouMean } from "./did_you_mean.ts";
import { print } from "./terminal.ts";

/** How a duration is written. */
const TIME_HELP = "TIME is a number of seconds, or has a unit: 500ms, 90s, 10m, 2h, 1d.";

/** What stands below the options of a command, if `TIME` is the value of one or part of it. */
export function timeHelp(options: Readonly<Record<string, OptionSpec>>): string[] {
  const texts = Object.values(options).map(({ value, help }) => `${value} ${help}`);
  return texts.some((text) => /\bTIME\b/.test(text)) ? [TIME_HELP] : [];
}

const OVERVIEW_END = `
dsmq COMMAND --help shows the options of a command, dsmq --version the version.
Exit codes: 0 success, 1 failure, 2 wrong usage, 3 no message, 130 Ctrl-C (SIGINT), 143 SIGTERM,
129 SIGHUP (the terminal was closed). serve and tail exit with 0 at Ctrl-C and SIGTERM. At SIGHUP
serve reloads its files and continues. A second signal ends every command at once.`;

/** Prints the version. */
export async function printVersion(): Promise<number> {
  const { VERSION } = await import("../server/start/start.ts");
  print(`dsmq ${VERSION}`);
  return EXIT_CODE.ok;
}

/**
 * Prints the help of a command, or the overview.
 *
 * @param args the arguments after `help`
 * @returns the exit code
 * @throws {UsageError} if there is no such command
 */
export async function printHelp(args: readonly string[]): Promise<number> {
  const [name, ...more] = args.filter((arg) => !parseOption(arg));
  if (more.length > 0) {
    throw new UsageError(`help takes [COMMAND], got ${more.length + 1} arguments`);
  }
  if (name === undefined || name === "help" || name === "version") print(await overview());
  else if (Object.hasOwn(COMMANDS, name)) print(await commandHelp(name));
  else {
    const suggestion = didYouMean(name, Object.keys(COMMANDS));
    throw new UsageError(`there is no command ${quoted(name)}${suggestion}`);
  }
  return EXIT_CODE.ok;
}

/** The list of commands, and what is common to all. */
export async function overview(): Promise<string> {
  const rows = await Promise.all(
    Object.entries(COMMANDS).map(async ([word, load]) => {
      const { usage, summary } = await load();
      return [`${word} ${usage}`.trim(), summary];
    }),
  );
  return [
    "dsmq, a dead simple message queue\n",
    "Usage: dsmq [COMMAND] [OPTIONS]\n",
    formatTable(rows),
    OVERVIEW_END,
  ].join("\n");
}

async function commandHelp(name: string): Promise<string> {
  const { usage, summary, options, notes = [] } = await COMMANDS[name]!();
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS })
    .map(([option, spec]) => [optionUsage(option, spec), spec.help]);
  return [
    `Usage: ${commandUsage(name, usage)}\n`,
    `${sentence(summary)}\n`,
    formatTable(rows),
    ...[...notes, ...timeHelp(options)].map((text) => `\n${wrapped(text)}`),
  ].join("\n");
}

/** A command with its arguments, such as `dsmq put [OPTIONS] TOPIC [MESSAGE]`. */
export function commandUsage(name: string, usage: string): string {
  return `dsmq ${name} [OPTIONS] ${usage}`.trim();
}

/** An option with its value, such as `--port PORT`. */
export function optionUsage(name: string, { value }: OptionSpec): string {
  return `--${name}${value === undefined ? "" : ` ${value}`}`;
}

/** A summary as a sentence. */
export function sentence(summary: string): string {
  return `${summary[0]!.toUpperCase()}${summary.slice(1)}.`;
}

/** A paragraph in lines of at most 100 characters, as `deno fmt` wraps it. */
export function wrapped(text: string): string {
  return text.replaceAll(/(.{1,100})(?: |$)/g, "$1\n").trimEnd();
}

function formatTable(rows: readonly string[][]): string {
  const width = Math.max(...rows.map(([term]) => term!.length));
  return rows.map(([term, definition]) => `  ${term!.padEnd(width)}  ${definition}`).join("\n");
}
