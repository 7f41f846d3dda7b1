/**
 * A flood of puts into a full store: the memory of the process stays near the limit.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Program } from "../support/program.ts";

const LIMIT = 32 * 1024 * 1024;
const MORE = 64 * 1_000_000;

for (const overflow of ["reject", "drop-oldest"]) {
  Deno.test(`putting four times the limit takes no more memory than the limit and 64 MB (${overflow})`, async () => {
    await using program = new Program(["-A", "tests/programs/flood.ts", `${LIMIT}`, overflow]);
    const { stdout, stderr } = await program.end();
    assertEquals(stderr, "");
    const { growth, refused } = JSON.parse(stdout) as { growth: number; refused: number };
    assert(growth <= LIMIT + MORE, `it grew by ${growth} bytes`);
    assertEquals(refused > 0, overflow === "reject");
  });
}
