/**
 * Short runs of what `tests/faults/` does at length.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { cuts } from "./faults/cuts.ts";
import { kills } from "./faults/kills.ts";
import type { Finding } from "./faults/report.ts";

function assertGood(findings: readonly Finding[]): void {
  assertEquals(findings.filter(({ good }) => !good), []);
}

Deno.test("connections that are cut at random bytes lose, double and disorder nothing", async () => {
  assertGood(await cuts({ cuts: 60, seed: 7 }));
});

Deno.test("a server on a file that is killed has all that it acknowledged, once and in order", async () => {
  assertGood(await kills({ kills: 3 }));
});
