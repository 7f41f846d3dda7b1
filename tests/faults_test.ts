/**
 * Short runs of what `tests/faults/` does at length.
 *
 * @module
 */

import { cuts } from "./faults/cuts.ts";
import { kills } from "./faults/kills.ts";
import { allGood } from "./faults/report.ts";

Deno.test("connections that are cut at random bytes lose, double and disorder nothing", async () => {
  allGood(await cuts({ cuts: 60, seed: 7 }));
});

Deno.test("a server on a file that is killed has all that it acknowledged, once and in order", async () => {
  allGood(await kills({ kills: 3 }));
});
