/**
 * Many commands in one process, because starting one is slow.
 *
 * @module
 */

import { type Environment, type Outcome, Program } from "./program.ts";

/** The permissions of a process of many commands, and its environment. */
export interface CommandsOptions {
  /** Its permissions. Default: the network alone. */
  readonly allow?: readonly string[];
  readonly env?: Environment;
  /** Its output is treated as a terminal. */
  readonly terminal?: boolean;
}

/**
 * Runs commands, one after the other.
 *
 * @param commands the arguments of each
 * @param options of the process
 * @returns the output and exit code of each
 */
export async function runCommands(
  commands: readonly (readonly string[])[],
  { allow = ["--allow-net"], env = {}, terminal = false }: CommandsOptions = {},
): Promise<readonly Outcome[]> {
  const args = [...allow, "--no-prompt", "tests/programs/commands.ts", JSON.stringify(commands)];
  if (terminal) args.push("terminal");
  await using program = new Program(args, env);
  const { stdout, stderr } = await program.end();
  if (stdout === "") throw new Error(`The commands do not end: ${stderr}`);
  return JSON.parse(stdout);
}
