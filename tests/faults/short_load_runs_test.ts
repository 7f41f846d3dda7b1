/**
 * Short runs of the programs of `tests/faults/`: load, and input that no sane client sends.
 *
 * @module
 */

import { clocks } from "./clock_jumps.ts";
import { descriptors } from "./descriptors.ts";
import { flood } from "./flood.ts";
import { fuzz } from "./fuzz.ts";
import { allGood } from "./report.ts";
import { sigterm } from "./sigterm.ts";
import { slow } from "./slow_subscribers.ts";
import { soak } from "./soak.ts";

Deno.test("the server survives random and mutated frames, and answers each request with an id once", async () => {
  allGood(await fuzz({ frames: 2000, seed: 1 }));
});

Deno.test("subscribers that never read take little memory, and others hardly notice them", async () => {
  // In a run this short, the slowest put depends on whatever else the machine does.
  allGood(await slow({ seconds: 2, subscribers: 100, slower: 10, untilGivenUp: false }));
});

for (const overflow of ["reject", "drop-oldest"] as const) {
  Deno.test(`a flooded full queue keeps its limit, and its readers continue (${overflow})`, async () => {
    allGood(await flood({ limit: 4 * 1024 * 1024, overflow }));
  });
}

Deno.test("a server in all kinds of use has no errors and no growing memory", async () => {
  // However slow the machine is: the limit is for what hangs.
  allGood(await soak({ seconds: 6, retention: 2000, growth: 0.5, limit: 300 }));
});

for (const store of ["memory", "file"] as const) {
  Deno.test(`a server that is stopped under load answers what it accepted, and ends in time (${store})`, async () => {
    allGood(await sigterm({ times: 2, store }));
  });

  Deno.test(`a clock that jumps by an hour reorders nothing, and expires nothing early (${store})`, async () => {
    for (const seed of [1, 2, 3]) allGood(await clocks({ steps: 150, seed, store }));
  });
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a server without file descriptors serves its open connections, logs it once, and accepts others again (${transport})`, async () => {
    allGood(await descriptors({ rounds: 1, store: "file", transport }));
  });
}
