/**
 * What is known of groups and of their holders, in a file, over restarts and changes of their terms.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { DEAD_RETENTION } from "../../../stores/groups/due_work.ts";
import {
  claim,
  command,
  finish,
  LEASE,
  open,
  pass,
  stateOf,
  T,
} from "../../../testing/store/group_support.ts";
import { append, apply, puts, RETENTION } from "../../../testing/store/support.ts";
import { FailingFile } from "../../support/failing_file.ts";

Deno.test("what leases that end, and messages that are given up, count is there after a restart", async () => {
  await using file = new FailingFile(undefined, { limits: { groupBytes: 0 } });
  await append(file.store, puts("t", "1", "2"));
  await open(file.store, "a");
  await claim(file.store, "a", 1);
  await pass(file.store, file.clock, LEASE);
  file.clock.advance(RETENTION);
  await append(file.store, puts("t", "3"));
  const { retried, givenUp } = await stateOf(file.store);
  assertEquals([retried, givenUp], [1, 2]);
  await file.restart();
  const again = await stateOf(file.store);
  assertEquals([again.retried, again.givenUp], [1, 2]);
});

Deno.test("a group whose list is full says so, also after a restart, until it has room", async () => {
  await using file = new FailingFile(undefined, { limits: { unfinished: 1 } });
  await append(file.store, puts("t", "1", "2"));
  await open(file.store, "a");
  const jobs = await claim(file.store, "a");
  assertEquals([jobs.length, (await stateOf(file.store)).stalled], [1, true]);
  await file.restart();
  assert((await stateOf(file.store)).stalled);
  await finish(file.store, jobs);
  assertEquals((await stateOf(file.store)).stalled, false);
});

Deno.test("dead jobs are forgotten in the order of their deaths, also after a restart", async () => {
  await using file = new FailingFile();
  await append(file.store, puts("t", "1", "2"));
  await open(file.store, "a");
  const [one, two] = await claim(file.store, "a");
  await finish(file.store, [], [{ claim: two!.claim, outcome: "dead" }]);
  file.clock.advance(5000);
  await finish(file.store, [], [{ claim: one!.claim, outcome: "dead" }]);
  await file.restart();
  const before = file.store.now();
  file.clock.advance(DEAD_RETENTION - 5000);
  await apply(file.store, []);
  file.clock.advance(1000);
  await apply(file.store, []);
  assertEquals((await stateOf(file.store)).dead, 1, `${file.store.now() - before}`);
});

Deno.test("a holder that comes again with a shorter time for its jobs loses them by that", async () => {
  await using file = new FailingFile();
  const { store, clock } = file;
  await append(store, puts("t", "1", "2"));
  await open(store, "a");
  const [one] = await claim(store, "a", 1);
  await open(store, "a", { timeout: 2000, holding: [one!.claim] });
  const [two] = await claim(store, "a", 1);
  await pass(store, clock, 1500);
  assertEquals((await stateOf(store)).held, 2);
  await pass(store, clock, 500);
  assertEquals((await finish(store, [one!, two!])).lost, [one!.claim, two!.claim]);
});

Deno.test("nobody holds a job any more once the lease of a holder has ended that was closed", async () => {
  await using file = new FailingFile(undefined, { limits: { groupBytes: 0 } });
  const { store, clock } = file;
  await append(store, puts("t", "1"));
  for (const holder of ["a", "b"]) await open(store, holder);
  await claim(store, "a");
  await command(store, { type: "close_holder", name: T, holder: "a" });
  // Its message is given up, so that the job goes with the lease.
  clock.advance(RETENTION);
  await apply(store, []);
  await command(store, { type: "extend", name: T, holder: "b", claims: [] });
  await pass(store, clock, LEASE - 500);
  await command(store, { type: "extend", name: T, holder: "b", claims: [] });
  await pass(store, clock, 1000);
  assertEquals([(await stateOf(store)).held, store.holdsJobs], [0, true]);
  await command(store, { type: "close_holder", name: T, holder: "b" });
  assertEquals(store.holdsJobs, false);
});
