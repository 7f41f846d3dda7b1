/**
 * The short versions of the programs in `tests/faults/`: random input.
 *
 * @module
 */

import { fuzz } from "./faults/fuzz.ts";
import { allGood } from "./faults/report.ts";

Deno.test("among random and mutated frames the server lives, and answers each request that has an id once", async () => {
  allGood(await fuzz({ frames: 2000, seed: 1 }));
});
