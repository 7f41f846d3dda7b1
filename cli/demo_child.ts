/**
 * One process of the demo: a command that ends with the demo, however that ends.
 *
 * `deno run -A demo_child.ts PROCESS ARGUMENTS...`, where PROCESS is the demo's id.
 *
 * @module
 */

import { run } from "./main.ts";

/** How often to look whether the demo is still there, in milliseconds. */
const CHECK_INTERVAL = 100;

const [demoPid, ...args] = Deno.args;
setInterval(() => {
  if (Deno.ppid !== Number(demoPid)) Deno.exit(1);
}, CHECK_INTERVAL);
Deno.exit(await run(args));
