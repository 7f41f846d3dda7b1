/**
 * Jobs reach those who take them as soon as there are some, in turn, and nobody who has no room.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { StoreError } from "../../stores/store.ts";
import { turns } from "../support/bridge.ts";
import { FakeJobs, FakeTaker, GROUP } from "../support/fake_jobs.ts";

Deno.test("who waits gets a job as soon as it is put, by one claim", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 5);
  jobs.join(one);
  await turns(1);
  assertEquals(one.seqs, []);
  jobs.applied.length = 0;
  jobs.put(2);
  await turns(1);
  assertEquals(one.seqs, [1, 2]);
  assertEquals(jobs.claims.length, 1);
});

Deno.test("while nothing is put and nothing finished, nothing is claimed", async () => {
  const jobs = new FakeJobs();
  jobs.join(new FakeTaker("one", 5), new FakeTaker("two", 5));
  await turns(1);
  jobs.applied.length = 0;
  jobs.clock.advance(3_600_000);
  await turns(3);
  assertEquals(jobs.applied, []);
});

Deno.test("nobody gets more jobs than it has places, and the next ones as it finishes some", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 2);
  jobs.join(one);
  jobs.put(5);
  await turns(1);
  assertEquals(one.seqs, [1, 2]);
  await one.finish();
  await turns(1);
  assertEquals([one.seqs, one.held.length], [[1, 2, 3], 2]);
  for (let i = 0; i < 4; i++) {
    await one.finish();
    await turns(1);
  }
  assertEquals([one.seqs, one.held.length], [[1, 2, 3, 4, 5], 0]);
});

Deno.test("what finishes a job claims the next one in the same step, after its answer", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 1);
  jobs.join(one);
  jobs.put(2);
  await turns(1);
  jobs.applied.length = 0;
  await one.finish(() => assertEquals(one.seqs, [1], "the answer comes first"));
  assertEquals(jobs.applied.map((commands) => commands.map(({ type }) => type)), [
    ["finish", "claim"],
  ]);
  assertEquals(one.seqs, [1, 2]);
});

Deno.test("what finishes a job claims nothing where nothing waits", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 2);
  jobs.join(one);
  jobs.put(1);
  await turns(1);
  jobs.applied.length = 0;
  await one.finish();
  await turns(1);
  assertEquals(jobs.applied.map((commands) => commands.map(({ type }) => type)), [["finish"]]);
});

Deno.test("those who have room take turns, also from one claim to the next", async () => {
  const jobs = new FakeJobs();
  const takers = ["one", "two", "three"].map((holder) => new FakeTaker(holder, 100));
  jobs.join(...takers);
  await turns(1);
  for (let i = 0; i < 6; i++) {
    jobs.put(1);
    await turns(1);
  }
  assertEquals(takers.map(({ seqs }) => seqs), [[1, 4], [2, 5], [3, 6]]);
  jobs.put(4);
  await turns(1);
  assertEquals(takers.map(({ seqs }) => seqs.length).sort(), [3, 3, 4]);
});

Deno.test("at most one claim of a group is under way, and what is put meanwhile is claimed after it", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 100);
  jobs.join(one);
  await turns(1);
  jobs.applied.length = 0;
  const release = jobs.hold();
  jobs.put(1);
  await turns(1);
  jobs.put(1);
  jobs.put(1);
  await turns(1);
  assertEquals([jobs.claims.length, one.seqs], [1, []]);
  release();
  await turns(1);
  assertEquals([jobs.claims.length, one.seqs], [2, [1, 2, 3]]);
});

Deno.test("a message that is put while a claim finds nothing is not overlooked", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 1);
  // The first claim, before which nobody listens.
  const release = jobs.hold();
  jobs.join(one);
  await turns(1);
  assertEquals(jobs.claims.length, 1);
  jobs.put(1);
  release();
  await turns(1);
  assertEquals(one.seqs, [1]);
});

Deno.test("while nobody has room the group does not listen, and nothing is lost by that", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 1);
  jobs.join(one);
  await turns(1);
  assertEquals(jobs.listeners.size, 1);
  jobs.put(1);
  await turns(1);
  jobs.put(1);
  assertEquals(jobs.listeners.size, 0, "there is nothing more to know");
  jobs.put(1);
  jobs.applied.length = 0;
  await one.finish();
  assertEquals(one.seqs, [1, 2]);
  await one.finish();
  await one.finish();
  await turns(1);
  assertEquals([one.seqs, jobs.listeners.size], [[1, 2, 3], 1]);
});

Deno.test("who has no room gets nothing, and holds up nobody", async () => {
  const jobs = new FakeJobs();
  const [slow, other] = [new FakeTaker("slow", 100), new FakeTaker("other", 100)];
  jobs.join(slow, other);
  await turns(1);
  slow.hasRoom = false;
  jobs.put(4);
  await turns(1);
  assertEquals([slow.seqs, other.seqs], [[], [1, 2, 3, 4]]);
  slow.hasRoom = true;
  slow.offer();
  jobs.put(2);
  await turns(1);
  assertEquals([slow.seqs.length, other.seqs.length], [1, 5]);
});

Deno.test("a job for which somebody has no room after all is given back, and somebody else gets it", async () => {
  const jobs = new FakeJobs();
  const [full, other] = [new FakeTaker("full", 100), new FakeTaker("other", 100)];
  jobs.join(full, other);
  await turns(1);
  full.refuses = 1;
  const { take } = FakeTaker.prototype;
  full.take = (given) => {
    const refused = take.call(full, given);
    full.hasRoom = false;
    return refused;
  };
  jobs.put(1);
  await turns(1);
  assertEquals([full.seqs, other.seqs], [[], [1]]);
  const outcomes = jobs.applied.flat().flatMap((command) =>
    command.type === "finish" ? command.outcomes.map(({ outcome }) => outcome) : []
  );
  assertEquals(outcomes, ["release"]);
});

Deno.test("who left while a claim for it was under way gives back what it would have got", async () => {
  const jobs = new FakeJobs();
  const [one, other] = [new FakeTaker("one", 100), new FakeTaker("other", 100)];
  const group = jobs.join(one);
  await turns(1);
  const release = jobs.hold();
  jobs.put(1);
  await turns(1);
  one.refuses = Infinity;
  group.remove(one);
  jobs.join(other);
  release();
  await turns(1);
  assertEquals([one.seqs, other.seqs], [[], [1]]);
});

Deno.test("a newer taker of the same name ends the older one, once what was claimed for that is handled", async () => {
  const jobs = new FakeJobs();
  const older = new FakeTaker("one", 100);
  const group = jobs.join(older);
  await turns(1);
  const release = jobs.hold();
  jobs.put(1);
  await turns(1);
  const newer = new FakeTaker("one", 100);
  let isHandled = false;
  void group.join(newer)!.then(() => isHandled = true);
  assertEquals((older.endedWith as { code: string }).code, "session_taken_over");
  await turns(1);
  assertEquals(isHandled, false);
  release();
  await turns(1);
  assertEquals(isHandled, true);
  assertEquals(group.size, 1);
  // The older one leaves only now: the newer one stays.
  group.remove(older);
  assertEquals(group.takerOf("one") === newer, true);
});

Deno.test("who has lost its lease gets nothing, and others get its jobs", async () => {
  const jobs = new FakeJobs();
  const [one, other] = [new FakeTaker("one", 100), new FakeTaker("other", 100)];
  jobs.join(one, other);
  await turns(1);
  jobs.endedHolders.add("one");
  jobs.put(2);
  await turns(1);
  assertEquals([one.endedWith, one.seqs, other.seqs], ["lease", [], [1, 2]]);
});

Deno.test("if a claim fails, those for whom it was end with its error, and may come back", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 1);
  jobs.join(one);
  await turns(1);
  jobs.failure = new StoreError("the disk is on fire", { code: "unavailable" });
  jobs.put(1);
  await turns(1);
  assertEquals(one.endedWith, { code: "unavailable", message: "the disk is on fire" });
  jobs.failure = undefined;
  const again = new FakeTaker("one", 1);
  jobs.join(again);
  await turns(1);
  assertEquals(again.seqs, [1]);
});

Deno.test("what the store says of a group wakes it, ends it, or concerns nobody here", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 5);
  jobs.join(one);
  await turns(1);
  jobs.applied.length = 0;
  const event = { name: GROUP, ready: true, dead: 0, givenUp: 0, deleted: false, abandoned: false };
  jobs.groups.onEvents([{ ...event, name: { topic: "t", group: "other" } }]);
  jobs.groups.onEvents([{ ...event, name: { prefix: "t", group: "default" } }]);
  jobs.groups.onEvents([{ ...event, ready: false }]);
  await turns(1);
  assertEquals(jobs.applied, []);
  jobs.groups.onEvents([event]);
  await turns(1);
  assertEquals(jobs.claims.length, 1);
  jobs.groups.onEvents([{ ...event, deleted: true }]);
  assertEquals((one.endedWith as { code: string }).code, "not_found");
  assertEquals(jobs.groups.workersOf(GROUP), 0);
});

Deno.test("a group of whom nobody takes jobs any more is forgotten", async () => {
  const jobs = new FakeJobs();
  const one = new FakeTaker("one", 1);
  const group = jobs.join(one);
  await turns(1);
  assertEquals([jobs.groups.size, jobs.groups.workersOf(GROUP)], [1, 1]);
  group.remove(one);
  group.remove(one);
  assertEquals([jobs.groups.size, jobs.listeners.size], [0, 0]);
  // Not while a claim is under way: another one would be under way at the same time.
  const two = new FakeTaker("two", 1);
  const release = jobs.hold();
  const again = jobs.join(two);
  await turns(1);
  again.remove(two);
  assertEquals(jobs.groups.size, 1);
  release();
  await turns(1);
  assertEquals(jobs.groups.size, 0);
});
