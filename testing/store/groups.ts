/**
 * What a store's groups promise: claims, leases and outcomes.
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
  redrive,
  refusal,
  stateOf,
  T,
  textsOf,
  TIMEOUT,
  tries,
  workPut,
} from "./group_support.ts";
import { append, apply, type Promises, put, puts, texts } from "./support.ts";

export const working: Promises = {
  async "a group gives each message of its topic once, the oldest first, and readers notice nothing"(
    { store },
  ) {
    await append(store, [...puts("t", "1", "2"), put("u", "other"), put("t", "3")]);
    await open(store, "a");
    assertEquals(textsOf(await claim(store, "a", 2)), ["1", "2"]);
    assertEquals(textsOf(await claim(store, "a")), ["3"]);
    assertEquals(await claim(store, "a"), []);
    await append(store, puts("t", "4"));
    assertEquals(textsOf(await claim(store, "a")), ["4"]);
    assertEquals(await texts(store), ["1", "2", "3", "4"]);
  },

  async "jobs carry the message as it was stored, its topic too"({ store }) {
    const name = { prefix: "orders.", group: "g" };
    const stored = await append(store, [
      workPut("orders.eu", "\0\ud800", { key: "k" }),
      put("other"),
      put("orders.", ""),
    ]);
    await open(store, "a", { name });
    const jobs = await claim(store, "a", 10, name);
    assertEquals(jobs.map(({ message }) => message.seq), [stored[0]!.seq, stored[2]!.seq]);
    for (const [i, { message }] of jobs.entries()) {
      const { seq, time, topic, body, bytes, attributes } = message;
      const expected = stored[i === 0 ? 0 : 2]!;
      assertEquals({ seq, time, topic, body, bytes }, {
        seq: expected.seq,
        time: expected.time,
        topic: expected.topic,
        body: expected.body,
        bytes: expected.bytes,
      });
      assertEquals(attributes, expected.attributes);
    }
  },

  async "jobs are dealt out in turn, beginning with the first holder, as many as each takes"(
    { store },
  ) {
    await append(store, puts("t", "1", "2", "3", "4", "5", "6"));
    for (const holder of ["a", "b", "c"]) await open(store, holder);
    const holders = [{ holder: "a", count: 1 }, { holder: "b", count: 3 }, {
      holder: "c",
      count: 1,
    }];
    const { jobs, more } = await claimAll(store, holders);
    assertEquals(jobs.map(textsOf), [["1"], ["2", "4", "5"], ["3"]]);
    assert(more, "there is one more");
  },

  async "a claim is a number that grows, and is not used again"({ store }) {
    await append(store, puts("t", "1", "2", "3"));
    await open(store, "a");
    const jobs = [...await claim(store, "a", 2), ...await claim(store, "a")];
    await finish(store, [], [{ claim: jobs[0]!.claim, outcome: "retry" }]);
    jobs.push(...await claim(store, "a"));
    for (const [i, { claim }] of jobs.entries()) {
      assert(Number.isSafeInteger(claim) && claim > (jobs[i - 1]?.claim ?? 0), "claims grow");
    }
    assertEquals(tries(jobs), ["1", "2", "3", "1 2"]);
  },

  async "a job that is done is not given again, and its outcome may be repeated"({ store }) {
    await append(store, puts("t", "1", "2"));
    await open(store, "a");
    const jobs = await claim(store, "a");
    assertEquals(await finish(store, jobs), { lost: [], dead: [] });
    assertEquals(await finish(store, jobs, [{ claim: jobs[0]!.claim, outcome: "retry" }]), {
      lost: [],
      dead: [],
    });
    assertEquals(await claim(store, "a"), []);
    const { done, retried, depth, held } = await stateOf(store);
    assertEquals([done, retried, depth, held], [2, 0, 0, 0]);
  },

  async "a failed job is given again when its delay is over, and is dead after so many attempts"(
    { store, clock },
  ) {
    await append(store, puts("t", "bad", "good"));
    await open(store, "a");
    const [bad] = await claim(store, "a", 1);
    const retry = { outcome: "retry", delay: 1000, reason: "no" } as const;
    await finish(store, [], [{ claim: bad!.claim, ...retry }]);
    assertEquals(store.nextDue, store.now() + 1000);
    assertEquals(textsOf(await claim(store, "a")), ["good"]);
    clock.advance(999);
    assertEquals(await claim(store, "a"), []);
    clock.advance(1);
    const [second] = await claim(store, "a");
    assertEquals([second!.attempt, store.nextDue], [2, undefined]);
    await finish(store, [], [{ claim: second!.claim, outcome: "retry" }]);
    const [third] = await claim(store, "a");
    assertEquals(third!.attempt, 3);
    const last = [{ claim: third!.claim, ...retry, reason: "still no" }];
    assertEquals(await finish(store, [], last), { lost: [], dead: [third!.claim] });
    clock.advance(10_000);
    assertEquals(await claim(store, "a"), []);
    const [dead] = await store.deadJobs({ name: T, after: 0, count: 10, bytes: 1000 });
    assertEquals([dead!.message.body, dead!.attempt, dead!.reason], ['"bad"', 3, "still no"]);
  },

  async "a job can be declared dead, or given back as if it had not been claimed"({ store }) {
    await append(store, puts("t", "1", "2"));
    await open(store, "a");
    const [one, two] = await claim(store, "a");
    await finish(store, [], [
      { claim: one!.claim, outcome: "dead", reason: "never" },
      { claim: two!.claim, outcome: "release" },
    ]);
    assertEquals(tries(await claim(store, "a")), ["2"]);
    const { dead, died, held } = await stateOf(store);
    assertEquals([dead, died, held], [1, 1, 1]);
  },

  async "a dead job that is redriven is worked again as if it were new, by its group alone"(
    { store },
  ) {
    const other = { topic: "t", group: "other" };
    await append(store, puts("t", "1", "2", "3"));
    for (const name of [T, other]) {
      await open(store, "a", { name });
      const jobs = await claim(store, "a", 10, name);
      const outcomes = jobs.map(({ claim }) => ({ claim, outcome: "dead" } as const));
      await finish(store, [], outcomes, name);
    }
    const [dead] = await store.deadJobs({ name: T, after: 0, count: 1, bytes: 1000 });
    const { seq } = dead!.message;
    assertEquals([await redrive(store, { seq }), await redrive(store, { seq })], [1, 0]);
    assertEquals(tries(await claim(store, "a")), ["1"]);
    assertEquals(await redrive(store), 2);
    assertEquals(tries(await claim(store, "a")), ["2", "3"]);
    assertEquals(await claim(store, "a", 10, other), []);
  },

  async "a lease that is not extended ends: its jobs go to others, and its outcomes count for nothing"(
    { store, clock },
  ) {
    await append(store, puts("t", "1", "2"));
    await open(store, "a");
    await open(store, "b");
    const jobs = await claim(store, "a");
    assert(store.holdsJobs);
    await pass(store, clock, LEASE - 1000);
    await extend(store, "b");
    assertEquals(await claim(store, "b"), []);
    await pass(store, clock, 1000);
    assertEquals(tries(await claim(store, "b")), ["1 2", "2 2"]);
    const [first, second] = jobs;
    assertEquals(await finish(store, [first!], [{ claim: second!.claim, outcome: "retry" }]), {
      lost: jobs.map(({ claim }) => claim),
      dead: [],
    });
    assertEquals(await extend(store, "a", [first!.claim]), { lost: [first!.claim], ended: true });
    assertEquals((await claimAll(store, [{ holder: "a", count: 1 }])).ended, [0]);
    assertEquals((await stateOf(store)).held, 2);
  },

  async "who extends its lease, or finishes a job, keeps all that it holds"({ store, clock }) {
    await append(store, puts("t", "1", "2", "3"));
    await open(store, "a");
    const [one] = await claim(store, "a");
    await pass(store, clock, LEASE - 500);
    assertEquals(await extend(store, "a"), { lost: [], ended: false });
    await pass(store, clock, LEASE - 500);
    await finish(store, [one!]);
    await pass(store, clock, LEASE - 500);
    assertEquals((await stateOf(store)).held, 2);
    await pass(store, clock, 500);
    assertEquals((await stateOf(store)).held, 0);
  },

  async "a job is taken from its holder after its time, however often the lease is extended"(
    { store, clock },
  ) {
    await append(store, puts("t", "1", "2"));
    await open(store, "a", { timeout: 5000 });
    await open(store, "b");
    const [one] = await claim(store, "a", 1);
    await pass(store, clock, 3000);
    await claim(store, "a", 1);
    await pass(store, clock, 2000);
    assertEquals(tries(await claim(store, "b")), ["1 2"]);
    assertEquals(await extend(store, "a", [one!.claim]), { lost: [one!.claim], ended: false });
  },

  async "a job that ends its worker each time is dead after so many attempts"({ store, clock }) {
    await append(store, puts("t", "poison", "good"));
    for (const attempt of [1, 2, 3]) {
      await open(store, `worker ${attempt}`);
      const [job] = await claim(store, `worker ${attempt}`, 1);
      assertEquals([textsOf([job!])[0], job!.attempt], ["poison", attempt]);
      await pass(store, clock, LEASE);
    }
    await open(store, "last");
    assertEquals(tries(await claim(store, "last")), ["good"]);
    const [dead] = await store.deadJobs({ name: T, after: 0, count: 10, bytes: 1000 });
    assertEquals(dead!.attempt, 3);
    assert(dead!.reason.includes("lease"), dead!.reason);
  },

  async "however long the store was stopped, that takes at most a second of a lease"(
    { store, clock },
  ) {
    await append(store, puts("t", "1"));
    await open(store, "a", { lease: 5000 });
    const [job] = await claim(store, "a");
    for (let i = 0; i < 4; i++) {
      clock.advance(3_600_000);
      await apply(store, []);
    }
    assertEquals(await extend(store, "a", [job!.claim]), { lost: [], ended: false });
    assertEquals(await finish(store, [job!]), { lost: [], dead: [] });
  },

  async "a command for a group that is not there is refused"({ store }) {
    const name = { topic: "t", group: "nobody" };
    assertEquals(
      [
        await refusal(store, { type: "claim", name, holders: [], bytes: 1 }),
        await refusal(store, { type: "finish", name, done: [1], outcomes: [] }),
        await refusal(store, { type: "extend", name, claims: [] }),
        await refusal(store, { type: "redrive", name, max: 1 }),
      ],
      ["not_found", "not_found", "not_found", "not_found"],
    );
    assertEquals(await command(store, { type: "delete_group", name }), { deleted: false });
    await open(store, "a", { timeout: TIMEOUT });
    assertEquals(await finish(store, [12345]), { lost: [12345], dead: [] });
  },
};
