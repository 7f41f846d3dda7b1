/**
 * Short runs of the programs of `tests/faults/`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { cuts } from "./cuts.ts";
import { fuzzHttp } from "./fuzz_http.ts";
import { kills } from "./kills.ts";
import { allGood } from "./report.ts";
import { RESUME_KINDS } from "../support/fuzz_calls.ts";
import { resumeRun } from "../support/fuzz_resume_run.ts";

Deno.test("connections that are cut at random bytes lose, duplicate and reorder nothing", async () => {
  allGood(await cuts({ cuts: 60, seed: 7 }));
});

Deno.test("a killed server on a file has everything that it acknowledged, once and in order", async () => {
  allGood(await kills({ kills: 3 }));
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: odd, broken and half-sent requests over HTTP are each answered once, and nothing is lost beside them`, async () => {
    allGood(await fuzzHttp({ requests: 800, seed: 3, transport }));
  });
}

/** How many seeds of each kind. */
const SEEDS = 50;

const WHAT = {
  reads: "gets and waits",
  newest: "gets of the newest",
  streams: "subscriptions",
  puts: "puts",
  mixed: "all of these together",
  prefixes: "subscriptions to prefixes, beside one to a topic",
};

for (const kind of RESUME_KINDS) {
  Deno.test(`faults of all kinds during ${WHAT[kind]}: nothing is lost, duplicated, reordered, silently skipped, wrongly reported, or hangs`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { faults } = await resumeRun(kind, seed);
      assertEquals(faults, [], `deno task fuzz resume 1 ${seed}: ${kind}`);
    }
  });
}

Deno.test("a seed of the fuzzer of faults repeats a run, frame by frame", async () => {
  const once = await resumeRun("mixed", 4, { keepLog: true });
  const again = await resumeRun("mixed", 4, { keepLog: true });
  assertEquals(again.lines, once.lines);
});
