/**
 * Short runs of what `tests/faults/` does at length: load, and input as no sane client sends it.
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

Deno.test("among random and mutated frames the server lives, and answers each request that has an id once", async () => {
  allGood(await fuzz({ frames: 2000, seed: 1 }));
});

Deno.test("subscribers that never read take little, and the others hardly notice them", async () => {
  // So short a look at the slowest of all puts is at the mercy of whatever else the machine does.
  allGood(await slow({ seconds: 2, subscribers: 100, slower: 10, untilGivenUp: false }));
});

for (const overflow of ["reject", "drop-oldest"] as const) {
  Deno.test(`a full queue that is flooded holds its limit, and its readers go on (${overflow})`, async () => {
    allGood(await flood({ limit: 4 * 1024 * 1024, overflow }));
  });
}

Deno.test("a server in all kinds of use makes no error, and takes no more and more memory", async () => {
  allGood(await soak({ seconds: 6, retention: 2000, growth: 0.5 }));
});

for (const store of ["memory", "file"] as const) {
  Deno.test(`a server that is told to stop under load answers what it took, and ends in time (${store})`, async () => {
    allGood(await sigterm({ times: 2, store }));
  });

  Deno.test(`a clock that jumps by an hour disorders nothing, and loses nothing before its time (${store})`, async () => {
    for (const seed of [1, 2, 3]) allGood(await clocks({ steps: 150, seed, store }));
  });
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a server without file descriptors serves who is in, says so once, and lets others in again (${transport})`, async () => {
    allGood(await descriptors({ rounds: 1, store: "file", transport }));
  });
}
