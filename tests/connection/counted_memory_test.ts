/**
 * What counts towards a limit of memory is what it really takes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Program } from "../support/program.ts";

/** What a heap with a few more objects takes, in bytes. */
const TOLERANCE = 100_000;

Deno.test("the memory of puts and waiting frames is counted, and repeated work leaves nothing behind", async () => {
  const program = ["--v8-flags=--expose-gc", "--allow-env", "tests/programs/counted_memory.ts"];
  await using counted = new Program(program);
  const { code, stdout, stderr } = await counted.end();
  assertEquals([code, stderr], [0, ""]);
  const all: [string, { taken: number; counted: number }][] = Object.entries(JSON.parse(stdout));
  assert(all.length > 0);
  const missing = all.filter(([, { taken, counted }]) => taken > counted + TOLERANCE);
  assertEquals(missing, []);
});
