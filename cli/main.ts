/**
 * The command line: which word, which help, which exit code.
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { EXIT, UsageError } from "./command.ts";
import { choose, COMMANDS, requireHost } from "./commands.ts";
import { serverSignals } from "./signals.ts";
import { OutputClosed, printed, said, say } from "./terminal.ts";

/** The words that ask for help, or the version, wherever they stand in front. */
const HELP = ["help", "--help", "-h"];
const VERSION = ["version", "--version", "-V", "-v"];

/**
 * Runs the command line.
 *
 * @param args the arguments
 * @returns the exit code, once all is written
 */
export async function run(args: readonly string[]): Promise<number> {
  let help = "dsmq --help";
  try {
    const code = await chosen(args, (name) => help = `dsmq ${name} --help`);
    await printed();
    return code;
  } catch (error) {
    await printed().catch(() => {});
    return report(error, help);
  } finally {
    await said();
  }
}

async function chosen(args: readonly string[], tell: (name: string) => void): Promise<number> {
  const [first = "serve", ...rest] = args;
  if (HELP.includes(first)) return await (await import("./help.ts")).help(rest);
  if (VERSION.includes(first)) return await (await import("./help.ts")).version();
  const { name, args: others, isImplied } = await choose(args);
  // Before all else is loaded.
  if (name === "serve") serverSignals();
  const command = await COMMANDS[name]!();
  tell(name);
  const read = readArguments(name, command, others);
  if (read.flag("help")) return await (await import("./help.ts")).help([name]);
  if (read.flag("version")) return await (await import("./help.ts")).version();
  if (isImplied) requireHost(read.words);
  try {
    return await command.run(read);
  } catch (error) {
    // What only its server knows of an argument, such as how long a topic may be there.
    if (name !== "serve" && error instanceof RangeError) throw new UsageError(error.message);
    throw (await import("./tokens.ts")).withTokenHint(error, read);
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
