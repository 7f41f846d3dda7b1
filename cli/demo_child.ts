/**
 * One process of the demo: a command that exits with the demo, however the demo ends.
 *
 * `deno run -A demo_child.ts PROCESS ARGUMENTS...`, where PROCESS is the process id of the demo.
 *
 * @module
 */

import { run } from "./main.ts";

/** How often to check that the demo is still running, in milliseconds. */
const CHECK_INTERVAL = 100;

const [demoPid, ...args] = Deno.args;
setInterval(() => {
  if (Deno.ppid !== Number(demoPid)) Deno.exit(1);
}, CHECK_INTERVAL);
Deno.exit(await run(args));
