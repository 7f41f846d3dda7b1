/**
 * The command line: which word, which help, which exit code.
 *
 * @module
 */

import { readArguments } from "./cli/arguments.ts";
import { EXIT, UsageError } from "./cli/command.ts";
import { choose, COMMANDS, requireHost } from "./cli/commands.ts";
import { endAsOthersDo, serverSignals } from "./cli/signals.ts";
import { OutputClosed, printed, said, say } from "./cli/terminal.ts";

/**
 * Runs the command line and ends the process. Exit codes: 0 all went well, 1 it failed, 2 it was not used
 * rightly, 3 there was no message, 130 interrupted.
 *
 * @param args the arguments. Default: those of the process
 */
export async function main(args: readonly string[] = Deno.args): Promise<never> {
  endAsOthersDo();
  const code = await run(args);
  await said();
  Deno.exit(code);
}

/** The words that ask for help, or the version, wherever they stand in front. */
const HELP = ["help", "--help", "-h"];
const VERSION = ["version", "--version", "-V", "-v"];

async function run(args: readonly string[]): Promise<number> {
  let help = "dsmq --help";
  try {
    const code = await chosen(args, (name) => help = `dsmq ${name} --help`);
    await printed();
    return code;
  } catch (error) {
    await printed().catch(() => {});
    return report(error, help);
  }
}

async function chosen(args: readonly string[], tell: (name: string) => void): Promise<number> {
  const [first = "serve", ...rest] = args;
  if (HELP.includes(first)) return await (await import("./cli/help.ts")).help(rest);
  if (VERSION.includes(first)) return await (await import("./cli/help.ts")).version();
  const { name, args: others, isImplied } = await choose(args);
  // Before all else is loaded.
  if (name === "serve") serverSignals();
  const command = await COMMANDS[name]!();
  tell(name);
  const read = readArguments(name, command, others);
  if (read.flag("help")) return await (await import("./cli/help.ts")).help([name]);
  if (read.flag("version")) return await (await import("./cli/help.ts")).version();
  if (isImplied) requireHost(read.words);
  try {
    return await command.run(read);
  } catch (error) {
    // What only its server knows of an argument, such as how long a topic may be there.
    if (name !== "serve" && error instanceof RangeError) throw new UsageError(error.message);
    throw (await import("./cli/tokens.ts")).withTokenHint(error, read);
  }
}

function report(error: unknown, help: string): number {
  if (error instanceof OutputClosed) return EXIT.ok;
  if (error instanceof UsageError) {
    say(`dsmq: ${error.message} (${help} shows what there is)`);
    return EXIT.usage;
  }
  say(`dsmq: ${error instanceof Error ? error.message : error}`);
  return EXIT.failed;
}

if (import.meta.main) await main();
