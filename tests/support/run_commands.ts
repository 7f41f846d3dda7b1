/**
 * Many commands in one process, which is what takes the time.
 *
 * @module
 */

import { type Outcome, Program } from "./program.ts";

/** What a process of many commands may do, and sees of the environment. */
export interface CommandsOptions {
  /** Its permissions. Default: the network alone. */
  readonly allow?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its output is taken for a terminal. */
  readonly terminal?: boolean;
}

/**
 * Runs commands, one after the other.
 *
 * @param commands the arguments of each
 * @param options of the process
 * @returns what each left behind
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
