/**
 * What a store's groups promise to a worker that comes again, or goes for good.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import {
  claim,
  claimAll,
  command,
  extend,
  finish,
  LEASE,
  open,
  pass,
  stateOf,
  T,
  textsOf,
  tries,
} from "./group_support.ts";
import { append, type Promises, puts } from "./support.ts";

export const holders: Promises = {
  async "a worker that comes again learns which claims are lost, and gets what it does not know of"(
    { store, clock },
  ) {
    await append(store, puts("t", "1", "2", "3"));
    await open(store, "a");
    const [one, two, three] = await claim(store, "a");
    await finish(store, [one!]);
    const again = await open(store, "a", { holding: [one!.claim, two!.claim] });
    assertEquals(again.lost, [one!.claim]);
    assertEquals(again.jobs.map(({ claim, attempt }) => [claim, attempt]), [[three!.claim, 1]]);
    assertEquals(textsOf(again.jobs), ["3"]);
    await pass(store, clock, LEASE);
    const late = await open(store, "a", { holding: [two!.claim] });
    assertEquals([late.lost, late.jobs], [[two!.claim], []]);
    assertEquals(tries(await claim(store, "a")), ["2 2", "3 2"]);
  },

  async "a worker that was opened again, perhaps at another server, is given jobs and closed by its last opening alone"(
    { store, clock },
  ) {
    await append(store, puts("t", "1", "2", "3", "4"));
    const claimAs = (opening: number) => claimAll(store, [{ holder: "a", count: 1, opening }]);
    const closeAs = (opening: number) =>
      command(store, { type: "close_holder", name: T, holder: "a", opening });
    await open(store, "a", { opening: 1 });
    const first = (await claimAs(1)).jobs[0]!;
    const again = await open(store, "a", { opening: 2, holding: [first[0]!.claim] });
    assertEquals([again.lost, again.jobs], [[], []]);
    const stale = await claimAs(1);
    assertEquals([stale.jobs, stale.ended, stale.more], [[[]], [0], true]);
    await closeAs(1);
    assertEquals(textsOf((await claimAs(2)).jobs[0]!), ["2"]);
    // Who does not name one means the last.
    assertEquals(textsOf(await claim(store, "a", 1)), ["3"]);
    await closeAs(2);
    const closed = await claimAs(2);
    assertEquals([closed.jobs, closed.ended], [[[]], [0]]);
    // It holds what it had until its lease ends, and is forgotten then; so a name can begin anew.
    assertEquals((await stateOf(store)).held, 3);
    await pass(store, clock, LEASE);
    assertEquals((await claimAs(2)).ended, [0]);
    await open(store, "a", { opening: 3 });
    assertEquals([(await claimAs(2)).ended, (await claimAs(3)).jobs[0]!.length], [[0], 1]);
  },

  async "what an earlier opening of a worker gives back, or decides otherwise, counts for nothing; what the worker itself says does"(
    { store, clock },
  ) {
    await append(store, puts("t", "1", "2", "3", "4", "5"));
    await open(store, "a", { opening: 1 });
    const [one, two, three, four, five] = (await claim(store, "a")).map((job) => job.claim);
    const told = await open(store, "a", { opening: 2, lease: LEASE, holding: [] });
    assertEquals(textsOf(told.jobs), ["1", "2", "3", "4", "5"]);
    await open(store, "b");
    await pass(store, clock, LEASE / 2);
    const stale = (["release", "retry", "dead"] as const).map((outcome, i) => ({
      ...{ claim: [one!, two!, three!][i]!, outcome, opening: 1 },
    }));
    assertEquals(await finish(store, [], stale), { lost: [], dead: [] });
    assertEquals(await claim(store, "b"), []);
    assertEquals((await stateOf(store)).held, 5);
    // Nor is the worker heard of by it.
    await extend(store, "b");
    await pass(store, clock, LEASE / 2);
    assertEquals(tries(await claim(store, "b", 2)), ["1 2", "2 2"]);
    assertEquals((await stateOf(store)).held, 2);
    await open(store, "a", { opening: 3 });
    const again = (await claimAll(store, [{ holder: "a", count: 2, opening: 3 }])).jobs[0]!;
    assertEquals(tries(again), ["3 2", "4 2"]);
    const [last, own] = again.map((job) => job.claim);
    assertEquals(
      await finish(store, [], [
        { claim: last!, outcome: "release", opening: 3 },
        { claim: own!, outcome: "release" },
      ]),
      { lost: [], dead: [] },
    );
    assertEquals((await finish(store, [four!, five!])).lost, [four!, five!]);
    assertEquals(tries(await claim(store, "b")), ["3 2", "4 2", "5 2"]);
  },

  async "a worker that comes again is told of as many jobs as it asks for, and the others go to anybody"(
    { store },
  ) {
    await append(store, puts("t", "1", "2", "3", "4", "5"));
    await open(store, "a");
    const [one, two, three, four, five] = await claim(store, "a");
    const bytes = two!.message.bytes + 1;
    const again = await open(store, "a", { holding: [one!.claim], bytes });
    assertEquals([again.lost, textsOf(again.jobs)], [[], ["2", "3"]]);
    await open(store, "b");
    assertEquals(tries(await claim(store, "b")), ["4", "5"]);
    const lost = [four!.claim, five!.claim];
    assertEquals(await finish(store, [four!, five!]), { lost, dead: [] });
    assertEquals(await finish(store, [one!, two!, three!]), { lost: [], dead: [] });
    // One is told of, however large.
    const none = await open(store, "b", { bytes: 0 });
    assertEquals(textsOf(none.jobs), ["4"]);
  },

  async "a job that a worker was not told of in time is given back: it would work on it for too long"(
    { store, clock },
  ) {
    await append(store, puts("t", "1", "2", "3", "4"));
    await open(store, "a");
    const [one, two] = await claim(store, "a", 2);
    clock.advance(400);
    const [three] = await claim(store, "a", 1);
    clock.advance(400);
    await extend(store, "a", []);
    clock.advance(400);
    const again = await open(store, "a", { holding: [one!.claim] });
    assertEquals([again.lost, textsOf(again.jobs)], [[], ["3"]]);
    await open(store, "b");
    // It counts as if it had not been claimed.
    assertEquals(tries(await claim(store, "b")), ["2", "4"]);
    assertEquals(await finish(store, [one!, two!, three!]), { lost: [two!.claim], dead: [] });
  },

  async "what another group holds, nobody finishes or extends: its claims are lost"({ store }) {
    const other = { topic: "t", group: "other" };
    await append(store, puts("t", "1", "2", "3"));
    for (const name of [T, other]) await open(store, "a", { name });
    const [mine] = await claim(store, "a", 1);
    const jobs = await claim(store, "a", 10, other);
    const claims = jobs.map((job) => job.claim);
    const [one, two, three] = claims;
    assertEquals(
      await finish(store, [mine!, one!], [
        { claim: two!, outcome: "dead" },
        { claim: three!, outcome: "retry", delay: 1000 },
      ]),
      { lost: claims, dead: [] },
    );
    assertEquals(await extend(store, undefined, claims), { lost: claims, ended: false });
    assertEquals((await open(store, "a", { holding: claims })).lost, claims);
    const { held, done, dead } = await stateOf(store, other);
    assertEquals([held, done, dead], [3, 0, 0]);
    assertEquals(await finish(store, jobs, [], other), { lost: [], dead: [] });
    assertEquals((await stateOf(store)).done, 1);
  },

  async "a holder that is closed gets no more jobs, and finishes what it has"({ store }) {
    await append(store, puts("t", "1", "2"));
    await open(store, "a");
    const [one] = await claim(store, "a", 1);
    await command(store, { type: "close_holder", name: T, holder: "a" });
    const { jobs, ended } = await claimAll(store, [{ holder: "a", count: 1 }]);
    // Or who claims for it would claim again at once, for there are jobs.
    assertEquals([jobs, ended], [[[]], [0]]);
    assertEquals(await finish(store, [one!]), { lost: [], dead: [] });
    assertEquals((await claimAll(store, [{ holder: "a", count: 1 }])).ended, [0]);
    assert(!store.holdsJobs, "nobody holds anything");
  },
};
