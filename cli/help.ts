/**
 * The help texts, and the version.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { parseOption } from "./read_arguments.ts";
import { COMMON_OPTIONS, EXIT_CODE, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { didYouMean } from "./did_you_mean.ts";
import { print } from "./terminal.ts";

/** Prints the version. */
export async function printVersion(): Promise<number> {
  const { VERSION } = await import("../server.ts");
  print(`dsmq ${VERSION}`);
  return EXIT_CODE.ok;
}

/**
 * Prints what there is.
 *
 * @param args the command that help is wanted for, if it is one
 * @returns the exit code
 * @throws {UsageError} if there is no such command
 */
export async function printHelp(args: readonly string[]): Promise<number> {
  const [name, ...more] = args.filter((arg) => !parseOption(arg));
  if (more.length > 0) throw new UsageError(`help takes [COMMAND], got ${more.length + 1} words`);
  if (name === undefined) return await printOverview();
  if (Object.hasOwn(COMMANDS, name)) return await printCommandHelp(name);
  if (name === "help" || name === "version") return await printOverview();
  const suggestion = didYouMean(name, Object.keys(COMMANDS));
  throw new UsageError(`there is no command ${quoted(name)}${suggestion}`);
}

async function printOverview(): Promise<number> {
  print("dsmq, a dead simple message queue\n");
  print("Usage: dsmq [COMMAND] [OPTIONS]\n");
  const rows = await Promise.all(
    Object.entries(COMMANDS).map(async ([word, load]) => {
      const { usage, summary } = await load();
      return [`${word} ${usage}`.trim(), summary];
    }),
  );
  print(formatTable(rows));
  print("\ndsmq COMMAND --help shows the options of a command, dsmq --version the version.");
  print(
    "Exit codes: 0 all went well, 1 it failed, 2 it was not used rightly, 3 there was no message,",
  );
  print("130 Ctrl-C (SIGINT), 143 SIGTERM, 129 SIGHUP, as when the terminal is closed.");
  print(
    "At Ctrl-C and SIGTERM serve and tail end with 0. At SIGHUP serve reads its files again and",
  );
  print("goes on. A second signal ends every command at once.");
  return EXIT_CODE.ok;
}

async function printCommandHelp(name: string): Promise<number> {
  const { usage, summary, options } = await COMMANDS[name]!();
  print(`Usage: dsmq ${name} [OPTIONS] ${usage}`.trim());
  print(`\n${summary[0]!.toUpperCase()}${summary.slice(1)}.\n`);
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS })
    .map((
      [option, { value, help: printHelp }],
    ) => [`--${option}${value === undefined ? "" : ` ${value}`}`, printHelp]);
  print(formatTable(rows));
  if (Object.values(options).some(({ value }) => value === "TIME")) {
    print("\nTIME is a number of seconds, or has a unit: 500ms, 90s, 10m, 2h, 1d.");
  }
  return EXIT_CODE.ok;
}

function formatTable(rows: readonly string[][]): string {
  const width = Math.max(...rows.map(([term]) => term!.length));
  return rows.map(([term, definition]) => `  ${term!.padEnd(width)}  ${definition}`).join("\n");
}
