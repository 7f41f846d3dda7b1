/**
 * Builds what browsers load into `web/built/`: `deno task build:web`.
 *
 * With `--check` it writes nothing, and fails if a file there is not what the build makes.
 *
 * @module
 */

import { OUTPUTS } from "./build/outputs.ts";
import { staleFiles, writeFiles } from "./build/write_files.ts";

/** The built files are committed, so that nobody who uses the package needs to build. */
const BUILT = new URL("built/", import.meta.url);

if (Deno.args.includes("--check")) {
  const stale = await staleFiles(BUILT, OUTPUTS);
  for (const name of stale) {
    console.error(`web/built/${name} is not what its sources make: run deno task build:web`);
  }
  Deno.exitCode = stale.length === 0 ? 0 : 1;
} else await writeFiles(BUILT, OUTPUTS);
