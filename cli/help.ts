/**
 * The help texts, and the version.
 *
 * @module
 */

import { quoted } from "../protocol/text.ts";
import { written } from "./arguments.ts";
import { COMMON, EXIT, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { didYouMean } from "./nearest.ts";
import { print } from "./terminal.ts";

/** Prints the version. */
export async function version(): Promise<number> {
  const { VERSION } = await import("../server.ts");
  print(`dsmq ${VERSION}`);
  return EXIT.ok;
}

/**
 * Prints what there is.
 *
 * @param args the command that help is wanted for, if it is one
 * @returns the exit code
 * @throws {UsageError} if there is no such command
 */
export async function help(args: readonly string[]): Promise<number> {
  const [name, ...more] = args.filter((arg) => !written(arg));
  if (more.length > 0) throw new UsageError(`help takes [COMMAND], got ${more.length + 1} words`);
  if (name === undefined) return await overview();
  if (Object.hasOwn(COMMANDS, name)) return await helpFor(name);
  if (name === "help" || name === "version") return await overview();
  const like = didYouMean(name, Object.keys(COMMANDS));
  throw new UsageError(`there is no command ${quoted(name)}${like}`);
}

async function overview(): Promise<number> {
  print("dsmq, a dead simple message queue\n");
  print("Usage: dsmq [COMMAND] [OPTIONS]\n");
  const rows = await Promise.all(
    Object.entries(COMMANDS).map(async ([word, load]) => {
      const { takes, summary } = await load();
      return [`${word} ${takes}`.trim(), summary];
    }),
  );
  print(table(rows));
  print("\ndsmq COMMAND --help shows the options of a command, dsmq --version the version.");
  print(
    "Exit codes: 0 all went well, 1 it failed, 2 it was not used rightly, 3 there was no message,",
  );
  print("130 Ctrl-C (SIGINT), 143 SIGTERM, 129 SIGHUP, as when the terminal is closed.");
  print(
    "At Ctrl-C and SIGTERM serve and tail end with 0. At SIGHUP serve reads its files again and",
  );
  print("goes on. A second signal ends every command at once.");
  return EXIT.ok;
}

async function helpFor(name: string): Promise<number> {
  const { takes, summary, options } = await COMMANDS[name]!();
  print(`Usage: dsmq ${name} [OPTIONS] ${takes}`.trim());
  print(`\n${summary[0]!.toUpperCase()}${summary.slice(1)}.\n`);
  const rows = Object.entries({ ...options, ...COMMON })
    .map((
      [option, { value, help }],
    ) => [`--${option}${value === undefined ? "" : ` ${value}`}`, help]);
  print(table(rows));
  if (Object.values(options).some(({ value }) => value === "TIME")) {
    print("\nTIME is a number of seconds, or has a unit: 500ms, 90s, 10m, 2h, 1d.");
  }
  return EXIT.ok;
}

function table(rows: readonly string[][]): string {
  const width = Math.max(...rows.map(([left]) => left!.length));
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`).join("\n");
}
