/**
 * A program that was interrupted before it reads the file of its argument. Prints the error.
 *
 * @module
 */

import { readTextFile } from "../../cli/files.ts";
import { interrupt, interruption } from "../../cli/signals.ts";

using _ = interrupt();
const interrupted = new Promise((resolve) => interruption.addEventListener("abort", resolve));
// A signal alone does not keep the process alive.
const timer = setInterval(() => {}, 1000);
Deno.kill(Deno.pid, "SIGINT");
await interrupted;
clearInterval(timer);
console.log(await readTextFile(Deno.args[0]!).catch((error: Error) => error.message));
Deno.exit();
