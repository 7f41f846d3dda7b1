/**
 * The gate: everything that must hold before a change lands. Run it with `deno task ok`.
 *
 * The parts run one after another, and the first that fails ends the run. Each prints its time.
 *
 * @module
 */

import deno from "../../deno.json" with { type: "json" };
import { ROOT, run, timed } from "./part.ts";

const PARTS: Readonly<Record<string, readonly string[]>> = {
  "format": ["fmt", "--check", "--quiet"],
  "lint": ["lint", "--quiet"],
  // The tests are not checked once more when they run: so also the examples of all pages that are run as tests.
  "types": ["check", "--quiet", "--doc", ".", ...await pages("", "docs/", "bench/")],
  "types in a browser": ["task", "--quiet", "check:browser"],
  // The page has a configuration of its own: it is for browsers alone.
  "format of the page": ["fmt", "--check", "--quiet", "--config", "web/page/deno.json", "web/page"],
  "lint of the page": ["lint", "--quiet", "--config", "web/page/deno.json", "web/page"],
  // One by one: together each would borrow the types of the others.
  ...Object.fromEntries(
    Object.entries(deno.exports).map(([name, file]) => [
      `doc comments of ${name}`,
      ["doc", "--lint", "--quiet", file],
    ]),
  ),
  "built files": ["task", "--quiet", "build:web", "--check"],
  "package": ["publish", "--dry-run", "--allow-dirty", "--quiet"],
  "tests": ["task", "--quiet", "test"],
};

/** The pages of documentation in folders. */
async function pages(...folders: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const folder of folders) {
    for await (const { name } of Deno.readDir(new URL(folder, ROOT))) {
      if (name.endsWith(".md")) names.push(folder + name);
    }
  }
  return names;
}

for (const [name, args] of Object.entries(PARTS)) {
  const { code, seconds } = await run(args);
  // What the tests print ends with their own times and numbers.
  if (name !== "tests" || code !== 0) console.log(timed(name, seconds));
  if (code !== 0) {
    console.error(`${name} failed. To run this part alone: deno ${args.join(" ")}`);
    Deno.exit(code);
  }
}
