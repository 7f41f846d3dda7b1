/**
 * What is counted against a limit of memory is what it takes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Program } from "../support/program.ts";

/** What a heap takes that holds a few things more, in bytes. */
const TOLERANCE = 100_000;

Deno.test("what puts and waiting frames take of memory is counted, and what is done again and again leaves nothing", async () => {
  const program = ["--v8-flags=--expose-gc", "--allow-env", "tests/programs/counted_memory.ts"];
  await using counted = new Program(program);
  const { code, stdout, stderr } = await counted.end();
  assertEquals([code, stderr], [0, ""]);
  const all: [string, { taken: number; counted: number }][] = Object.entries(JSON.parse(stdout));
  assert(all.length > 0);
  const missing = all.filter(([, { taken, counted }]) => taken > counted + TOLERANCE);
  assertEquals(missing, []);
});
