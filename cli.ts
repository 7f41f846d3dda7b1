/**
 * The command line: `deno run --allow-net jsr:@dsmq/server/cli --help`. A program can run it, too:
 *
 * ```ts ignore
 * import { main } from "@dsmq/server/cli";
 *
 * await main(["put", "greetings", "hello"]);
 * ```
 *
 * @module
 */

import { exitOnSignalsAsInit } from "./cli/signals.ts";

/**
 * Runs the command line and ends the process. Exit codes: 0 success, 1 failure, 2 wrong usage, 3 no message,
 * 128 plus the number of the signal that interrupted it.
 *
 * @param args the arguments. Default: the arguments of the process
 */
export async function main(args: readonly string[] = Deno.args): Promise<never> {
  // Before anything else is loaded.
  exitOnSignalsAsInit();
  const { run } = await import("./cli/main.ts");
  Deno.exit(await run(args));
}

if (import.meta.main) await main();
