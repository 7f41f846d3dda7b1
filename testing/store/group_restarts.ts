/**
 * What the groups of a store that outlives its process promise over a restart.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import {
  claim,
  command,
  finish,
  LEASE,
  open,
  pass,
  stateOf,
  T,
  textsOf,
  tries,
  workPut,
} from "./group_support.ts";
import { append, apply, type Promises, puts, RETENTION } from "./support.ts";

export const continuing: Promises = {
  async "a restart keeps what groups have not finished, and where they are"({ store, next }) {
    await append(store, puts("t", "done", "held", "dead", "late", "back", "new"));
    await open(store, "w");
    const [done, held, dead, late, back] = await claim(store, "w", 5);
    await finish(store, [done!], [
      { claim: dead!.claim, outcome: "dead", reason: "\0 no" },
      { claim: late!.claim, outcome: "retry", delay: 5000 },
      { claim: back!.claim, outcome: "retry" },
    ]);
    const before = await stateOf(store);
    const again = await next();
    assertEquals(await stateOf(again), before);
    assertEquals([again.nextDue, again.holdsJobs], [store.now() + 5000, true]);
    const [found] = await again.deadJobs({ name: T, after: 0, count: 10, bytes: 1000 });
    assertEquals([textsOf([{ ...found!, claim: 0 }]), found!.attempt, found!.reason], [
      ["dead"],
      1,
      "\0 no",
    ]);
    assertEquals((await finish(again, [held!])).lost, []);
    assertEquals(tries(await claim(again, "w")), ["back 2", "new"]);
  },

  async "after a restart claims go on growing, and those that were lost are lost"(
    { store, clock, next },
  ) {
    await append(store, puts("t", "1", "2"));
    await open(store, "a");
    const [one, two] = await claim(store, "a");
    await finish(store, [two!]);
    await pass(store, clock, LEASE);
    await open(store, "b");
    await claim(store, "b");
    const again = await next();
    assertEquals(await finish(again, [one!, two!]), { lost: [one!.claim], dead: [] });
    await append(again, puts("t", "3"));
    const [three] = await claim(again, "b");
    assert(three!.claim > two!.claim, "claims grow");
  },

  async "a restart keeps the order of keys, and what waits for its time"({ store, clock, next }) {
    await append(store, ["1", "2", "3"].map((text) => workPut("t", text, { key: "k" })));
    await append(store, [workPut("t", "later", { key: "k", delay: 60_000 })]);
    await open(store, "w");
    const [one] = await claim(store, "w");
    let again = await next();
    assertEquals(await claim(again, "w"), []);
    await finish(again, [], [{ claim: one!.claim, outcome: "retry", delay: 1000 }]);
    again = await next();
    assertEquals(await claim(again, "w"), []);
    clock.advance(1000);
    const [second] = await claim(again, "w");
    assertEquals(tries([second!]), ["1 2"]);
    await finish(again, [second!]);
    again = await next();
    const [two] = await claim(again, "w");
    assertEquals(tries([two!]), ["2"]);
    clock.advance(60_000);
    await finish(again, [two!]);
    again = await next();
    const [three] = await claim(again, "w");
    assertEquals(tries([three!]), ["3"]);
    await finish(again, [three!]);
    assertEquals(textsOf(await claim(again, "w")), ["later"]);
  },

  async "a restart keeps messages that groups need beyond the retention"(
    { store, clock, next },
  ) {
    await command(store, { type: "create_group", name: T });
    await append(store, puts("t", "1", "2"));
    clock.advance(RETENTION);
    await apply(store, []);
    while (await store.trim(1000)) await apply(store, []);
    let again = await next();
    await append(again, puts("t", "3"));
    clock.advance(RETENTION);
    again = await next();
    assertEquals((await stateOf(again)).depth, 3);
    await open(again, "w");
    const jobs = await claim(again, "w");
    assertEquals(textsOf(jobs), ["1", "2", "3"]);
    await finish(again, jobs);
    again = await next();
    assertEquals([await claim(again, "w"), (await stateOf(again)).depth], [[], 0]);
  },

  async "a restart keeps deleted groups deleted, and remembers where abandoned ones were"(
    { limited, clock, next },
  ) {
    const store = await limited({ groupRetention: 600_000 });
    const other = { topic: "t", group: "other" };
    await append(store, puts("t", "1", "2"));
    for (const name of [T, other]) {
      await open(store, "w", { name });
      await finish(store, await claim(store, "w", 1, name), [], name);
    }
    await command(store, { type: "delete_group", name: other });
    let again = await next();
    assertEquals((await again.groups({ count: 10 })).map(({ name }) => name), [T]);
    await pass(again, clock, LEASE);
    for (let i = 0; i < 601; i++) {
      clock.advance(1000);
      await apply(again, []);
    }
    await append(again, puts("t", "3"));
    again = await next();
    assertEquals(await again.groups({ count: 10 }), []);
    await open(again, "w");
    assertEquals(textsOf(await claim(again, "w")), ["3"]);
    await open(again, "w", { name: other });
    assertEquals(textsOf(await claim(again, "w", 10, other)), ["3"]);
  },
};
