/**
 * Runs a program for which a file of the project does not exist.
 *
 * @module
 */

import { type Outcome, Program, ROOT } from "./program.ts";
import { withTimeout } from "./with_timeout.ts";

/**
 * Runs it to its end.
 *
 * @param missing the file, from the root of the project
 * @param program the program and its arguments
 */
export async function withoutModule(missing: string, ...program: string[]): Promise<Outcome> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const { href } = new URL(missing, ROOT);
    await Deno.writeTextFile(file, JSON.stringify({ imports: { [href]: `${href}.missing.ts` } }));
    await using running = new Program(["-A", "--import-map", file, ...program]);
    return await withTimeout(running.end(), 10_000);
  } finally {
    await Deno.remove(file);
  }
}
