/**
 * What a store's groups promise of jobs with keys, and of those that are put with a delay.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import {
  claim,
  finish,
  LEASE,
  open,
  pass,
  redrive,
  stateOf,
  textsOf,
  tries,
  workPut,
} from "./group_support.ts";
import { append, type Promises, put, puts, texts } from "./support.ts";

const keyed = (text: string, key: string) => workPut("t", text, { key });

export const ordering: Promises = {
  async "of one key, one job at a time is held, in order; other keys, and jobs without one, go on"(
    { store },
  ) {
    await append(store, [keyed("a1", "a"), keyed("a2", "a"), keyed("b1", "b"), put("t", "none")]);
    await append(store, [keyed("a3", "a")]);
    await open(store, "w");
    const [a1, ...others] = await claim(store, "w");
    assertEquals(textsOf([a1!, ...others]), ["a1", "b1", "none"]);
    assertEquals((await stateOf(store)).blocked, 2);
    await finish(store, others);
    assertEquals(await claim(store, "w"), []);
    await finish(store, [a1!]);
    const [a2, ...none] = await claim(store, "w");
    assertEquals([textsOf([a2!]), none], [["a2"], []]);
    await append(store, [keyed("a4", "a")]);
    assertEquals(await claim(store, "w"), []);
    await finish(store, [a2!]);
    assertEquals(textsOf(await claim(store, "w")), ["a3"]);
  },

  async "a job that is to be tried again keeps its key; one that is dead, or given back, does not change the order"(
    { store, clock },
  ) {
    await append(store, [keyed("1", "k"), keyed("2", "k"), keyed("3", "k")]);
    await open(store, "w");
    const [one] = await claim(store, "w");
    await finish(store, [], [{ claim: one!.claim, outcome: "retry", delay: 5000 }]);
    assertEquals(await claim(store, "w"), []);
    clock.advance(5000);
    const [again] = await claim(store, "w");
    await finish(store, [], [{ claim: again!.claim, outcome: "release" }]);
    const [third] = await claim(store, "w");
    assertEquals(tries([again!, third!]), ["1 2", "1 2"]);
    await finish(store, [], [{ claim: third!.claim, outcome: "dead" }]);
    const [two] = await claim(store, "w");
    assertEquals(tries([two!]), ["2"]);
    await redrive(store);
    assertEquals(await claim(store, "w"), []);
    await finish(store, [two!]);
    const [revived] = await claim(store, "w");
    assertEquals([tries([revived!]), (await stateOf(store)).blocked], [["1"], 1]);
    await finish(store, [revived!]);
    assertEquals(tries(await claim(store, "w")), ["3"]);
  },

  async "a key is kept while the lease of its holder runs, and after it by the same job"(
    { store, clock },
  ) {
    await append(store, [keyed("1", "k"), keyed("2", "k")]);
    await open(store, "a");
    await claim(store, "a");
    await pass(store, clock, LEASE);
    await open(store, "b");
    const jobs = await claim(store, "b");
    assertEquals(tries(jobs), ["1 2"]);
    await finish(store, jobs);
    assertEquals(tries(await claim(store, "b")), ["2"]);
  },

  async "the same key in two topics, or for two groups, is two keys"({ store }) {
    await append(store, [workPut("o.1", "1", { key: "k" }), workPut("o.2", "2", { key: "k" })]);
    await append(store, [workPut("o.1", "3", { key: "k" })]);
    for (const name of [{ prefix: "o.", group: "g" }, { topic: "o.1", group: "g" }]) {
      await open(store, "w", { name });
      const expected = name.prefix === undefined ? ["1"] : ["1", "2"];
      assertEquals(textsOf(await claim(store, "w", 10, name)), expected);
    }
  },

  async "a message that is put with a delay is worked when that is over, and read at once"(
    { store, clock },
  ) {
    await append(store, [workPut("t", "later", { delay: 5000 }), put("t", "now")]);
    assertEquals(await texts(store), ["later", "now"]);
    await open(store, "w");
    assertEquals(textsOf(await claim(store, "w")), ["now"]);
    assertEquals(store.nextDue, store.now() + 5000);
    const { depth, delayed, held } = await stateOf(store);
    assertEquals([depth, delayed, held], [1, 1, 1]);
    clock.advance(4999);
    assertEquals(await claim(store, "w"), []);
    clock.advance(1);
    assertEquals(tries(await claim(store, "w")), ["later"]);
  },

  async "a message that is put with a delay keeps no other one of its key waiting, until it is due"(
    { store, clock },
  ) {
    await append(store, [workPut("t", "later", { key: "k", delay: 5000 }), keyed("1", "k")]);
    await append(store, [keyed("2", "k")]);
    await open(store, "w");
    const [one] = await claim(store, "w");
    assertEquals(textsOf([one!]), ["1"]);
    clock.advance(5000);
    assertEquals(await claim(store, "w"), []);
    await finish(store, [one!]);
    const [next] = await claim(store, "w");
    assertEquals([textsOf([next!]), (await stateOf(store)).blocked], [["later"], 1]);
    await finish(store, [next!]);
    assertEquals(textsOf(await claim(store, "w")), ["2"]);
  },

  async "behind a key that is busy for long, the others go on, and the list is bounded"(
    { limited },
  ) {
    const store = await limited({ unfinished: 10 });
    await append(store, Array.from({ length: 12 }, (_, i) => keyed(`hot ${i}`, "hot")));
    await append(store, puts("t", "cold"));
    await open(store, "w");
    const [hot, ...none] = await claim(store, "w");
    assertEquals([textsOf([hot!]), none], [["hot 0"], []]);
    const { stalled, blocked, depth } = await stateOf(store);
    assertEquals([stalled, blocked, depth], [true, 9, 12]);
    await finish(store, [hot!]);
    assertEquals(textsOf(await claim(store, "w")), ["hot 1"]);
    await append(store, puts("t", "more"));
    assert((await stateOf(store)).stalled, "it is stalled again");
  },

  async "a thousand jobs of as many keys, and as many of one key, all come once, those of one key in order"(
    { store },
  ) {
    const all = Array.from({ length: 2000 }, (_, i) => keyed(`${i}`, i % 2 ? "one" : `k${i}`));
    await append(store, all);
    await open(store, "w");
    const done: number[] = [];
    for (let jobs; (jobs = await claim(store, "w")).length > 0;) {
      done.push(...textsOf(jobs).map(Number));
      await finish(store, jobs);
    }
    assertEquals(done.length, all.length);
    const ofOne = done.filter((i) => i % 2 === 1);
    assertEquals(ofOne, ofOne.toSorted((a, b) => a - b));
    assertEquals(new Set(done).size, all.length);
  },
};
