/**
 * Runs a command: finds it, shows help or errors, and gives the exit code.
 *
 * @module
 */

import { DsmqError } from "../protocol/errors.ts";
import { stderr } from "../server/stderr.ts";
import { readArguments } from "./read_arguments.ts";
import { EXIT_CODE, UsageError } from "./command.ts";
import { chooseCommand, COMMANDS, requireHostAndPort } from "./commands.ts";
import { serverSignals } from "./signals.ts";
import { flushStderr, flushStdout, OutputClosed } from "./terminal.ts";

/** First arguments that show the help, or the version. */
const HELP_WORDS = ["help", "--help", "-h"];
const VERSION_WORDS = ["version", "--version", "-V", "-v"];

/**
 * Runs the command line.
 *
 * @param args the arguments
 * @returns the exit code, once all output is written
 */
export async function run(args: readonly string[]): Promise<number> {
  let helpCommand = "dsmq --help";
  let code: number = EXIT_CODE.ok;
  try {
    code = await runChosen(args, (name) => helpCommand = `dsmq ${name} --help`);
    await flushStdout();
    return code;
  } catch (error) {
    await flushStdout().catch(() => {});
    // If its reader has gone after that, it is still what the command has come to.
    return error instanceof OutputClosed ? code : reportError(error, helpCommand);
  } finally {
    await flushStderr();
  }
}

async function runChosen(
  args: readonly string[],
  onCommand: (name: string) => void,
): Promise<number> {
  const [first = "serve", ...rest] = args;
  if (HELP_WORDS.includes(first)) return await (await import("./help.ts")).printHelp(rest);
  if (VERSION_WORDS.includes(first)) return await (await import("./help.ts")).printVersion();
  const { name, args: commandArgs, isImplied } = await chooseCommand(args);
  if (name === "serve") {
    // Before anything else is loaded.
    serverSignals();
    const { formatOfFailure } = await import("./serve_log.ts");
    stderr.style = { ...stderr.style, format: formatOfFailure(commandArgs) };
  }
  const command = await COMMANDS[name]!();
  onCommand(name);
  const parsed = readArguments(name, command, commandArgs);
  if (parsed.flag("help")) return await (await import("./help.ts")).printHelp([name]);
  if (parsed.flag("version")) return await (await import("./help.ts")).printVersion();
  if (isImplied) requireHostAndPort(parsed.positionals);
  try {
    return await command.run(parsed);
  } catch (error) {
    // An argument exceeds a limit that only the server knows, such as the length of a topic.
    if (name !== "serve" && error instanceof RangeError) throw new UsageError(error.message);
    throw (await import("./tokens.ts")).withTokenHint(error, parsed);
  }
}

function reportError(error: unknown, helpCommand: string): number {
  if (error instanceof UsageError) {
    fail(`${error.message} (see ${helpCommand})`, "usage");
    return EXIT_CODE.usage;
  }
  const code = error instanceof DsmqError ? error.code : undefined;
  fail(error instanceof Error ? error.message : String(error), code);
  return EXIT_CODE.failed;
}

/** Says why a command ends. Only that of a server may be written as JSON, or be all that is written. */
function fail(message: string, code: string | undefined): void {
  stderr.write({ event: "serve_failed", message, fields: { code } });
}
