import { assert, assertEquals } from "@std/assert";
import { ROOT } from "./part.ts";

/** A file is one idea; past this many lines there is a second one in it. */
const MAX_LINES = 300;

const NOT_OURS = new Set([".git", "built", "dist", "node_modules"]);

async function* sourceFiles(folder = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder || "./", ROOT))) {
    if (NOT_OURS.has(name)) continue;
    if (isDirectory) yield* sourceFiles(`${folder}${name}/`);
    else if (/\.(ts|mjs|py)$/.test(name)) yield folder + name;
  }
}

Deno.test("no file has more than 300 lines, tests included", async () => {
  const files = await Array.fromAsync(sourceFiles());
  assert(files.length > 500);
  const long: string[] = [];
  for (const file of files) {
    const text = await Deno.readTextFile(new URL(file, ROOT));
    const lines = text.split("\n").length - 1;
    if (lines > MAX_LINES) long.push(`${file}: ${lines}`);
  }
  assertEquals(long, []);
});
