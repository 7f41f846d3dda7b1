/**
 * The command line.
 *
 * @module
 */

import { exitOnSignalsAsInit } from "./cli/signals.ts";

/**
 * Runs the command line and ends the process. Exit codes: 0 all went well, 1 it failed, 2 it was not used
 * rightly, 3 there was no message, 128 and the number of a signal that interrupted it.
 *
 * @param args the arguments. Default: those of the process
 */
export async function main(args: readonly string[] = Deno.args): Promise<never> {
  // Before all else is loaded.
  exitOnSignalsAsInit();
  const { run } = await import("./cli/main.ts");
  Deno.exit(await run(args));
}

if (import.meta.main) await main();
