/**
 * Debian's `curl`, and scripts of a shell with it.
 *
 * @module
 */

import { missingProgram } from "./installed_program.ts";
import { type Outcome, Program } from "./program.ts";

/** Why tests with `curl` are ignored here, if they are. */
export const noCurl: string | false = await missingProgram("curl");

/** A proxy of the environment would not reach a server of a test. */
const ENV = { no_proxy: "*" };

/**
 * Starts a script of a shell. One that may have to be killed is one command that begins with `exec`: a command of its own would
 * live on.
 *
 * @param script lines of the shell
 */
export function startShell(script: string): Program {
  return new Program(["-c", script], ENV, [], "sh");
}

/**
 * Starts `curl`, which says why it fails, and nothing else besides the response.
 *
 * @param args its arguments
 */
export function startCurl(...args: readonly string[]): Program {
  return new Program(["-sS", ...args], ENV, [], "curl");
}

/**
 * Runs `curl`.
 *
 * @param args its arguments
 * @returns what it prints, without the last line end
 * @throws if it fails
 */
export async function curl(...args: readonly string[]): Promise<string> {
  await using program = startCurl(...args);
  return outputOf(await program.end(), args);
}

/** The same with a text at its standard input. */
export async function curlWith(input: string, ...args: readonly string[]): Promise<string> {
  await using program = startCurl(...args);
  await program.input(input);
  return outputOf(await program.end(), args);
}

function outputOf({ code, stdout, stderr }: Outcome, args: readonly string[]): string {
  if (code !== 0) throw new Error(`curl ${args.join(" ")}: ${code} ${stderr}\n${stdout}`);
  return stdout;
}
