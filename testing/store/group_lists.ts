/**
 * What a store's groups promise of their beginning, their end, and what is known of them.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { GroupEvent } from "../../stores/groups/group_commands.ts";
import {
  claim,
  command,
  finish,
  LEASE,
  open,
  pass,
  refusal,
  stateOf,
  T,
  textsOf,
} from "./group_support.ts";
import { append, apply, type Promises, put, puts, RETENTION, texts } from "./support.ts";

const DAY = 24 * 3_600_000;

export const keeping: Promises = {
  async "a group begins at the oldest retained message, or after a number"({ store, clock }) {
    await append(store, puts("t", "gone"));
    clock.advance(RETENTION - 1);
    await append(store, puts("t", "1", "2", "3"));
    clock.advance(1);
    await apply(store, []);
    await open(store, "w");
    const late = { topic: "t", group: "late" };
    const none = { topic: "t", group: "none" };
    assertEquals(await command(store, { type: "create_group", name: late, after: 2 }), {
      created: true,
    });
    assertEquals(await command(store, { type: "create_group", name: late, after: 0 }), {
      created: false,
    });
    await command(store, { type: "create_group", name: none, after: 1_000_000 });
    for (const name of [late, none]) await open(store, "w", { name, after: 0 });
    await append(store, puts("t", "4"));
    assertEquals(textsOf(await claim(store, "w")), ["1", "2", "3", "4"]);
    assertEquals(textsOf(await claim(store, "w", 10, late)), ["2", "3", "4"]);
    assertEquals(textsOf(await claim(store, "w", 10, none)), ["4"]);
  },

  async "each group of a topic gets all of its messages"({ store }) {
    await append(store, puts("t", "1", "2"));
    for (const group of ["a", "b"]) {
      const name = { topic: "t", group };
      await open(store, "w", { name });
      const jobs = await claim(store, "w", 10, name);
      assertEquals(textsOf(jobs), ["1", "2"]);
      await finish(store, jobs, [], name);
    }
  },

  async "a deleted group has nothing more; made again, it begins anew"({ store }) {
    await append(store, puts("t", "1", "2"));
    await open(store, "w");
    const jobs = await claim(store, "w");
    await finish(store, [], [{ claim: jobs[0]!.claim, outcome: "dead" }]);
    assertEquals(await command(store, { type: "delete_group", name: T }), { deleted: true });
    assertEquals(await store.groups({ count: 10 }), []);
    assertEquals(
      await refusal(store, { type: "finish", name: T, done: [jobs[1]!.claim], outcomes: [] }),
      "not_found",
    );
    assert(!store.holdsJobs);
    await open(store, "w");
    assertEquals(textsOf(await claim(store, "w")), ["1", "2"]);
  },

  async "there are at most so many groups"({ limited }) {
    const store = await limited({ groups: 2 });
    for (const group of ["a", "b"]) await open(store, "w", { name: { topic: "t", group } });
    const name = { topic: "t", group: "c" };
    assertEquals(await refusal(store, { type: "create_group", name }), "limit_exceeded");
    await command(store, { type: "delete_group", name: { topic: "t", group: "a" } });
    await open(store, "w", { name });
  },

  async "a group on which nobody works is deleted, and goes on where it was if it is made again in time"(
    { limited, clock },
  ) {
    const store = await limited({ groupRetention: 60_000 });
    await append(store, puts("t", "1", "2"));
    await open(store, "w");
    await finish(store, await claim(store, "w", 1));
    await pass(store, clock, LEASE + 60_000 + 1000);
    assertEquals(await store.groups({ count: 10 }), []);
    await open(store, "w");
    assertEquals(textsOf(await claim(store, "w")), ["2"]);
    await pass(store, clock, 60_000 + LEASE + 1000);
    await pass(store, clock, 60_000 + 1000);
    await open(store, "w");
    assertEquals(textsOf(await claim(store, "w")), ["1", "2"]);
  },

  async "dead jobs are kept for a week"({ store, clock }) {
    await append(store, puts("t", "1"));
    await open(store, "w");
    const [job] = await claim(store, "w");
    await finish(store, [], [{ claim: job!.claim, outcome: "dead", reason: "no" }]);
    clock.advance(7 * DAY - 1);
    await apply(store, []);
    const dead = () => store.deadJobs({ name: T, after: 0, count: 10, bytes: 1000 });
    assertEquals((await dead()).map(({ message, reason }) => [message.body, reason]), [[
      '"1"',
      "no",
    ]]);
    clock.advance(1);
    await pass(store, clock, 2000);
    assertEquals([await dead(), (await stateOf(store)).dead], [[], 0]);
  },

  async "what is not finished outlives the retention, for its groups alone"({ store, clock }) {
    await append(store, [...puts("t", "held", "failed", "waiting"), put("u", "other")]);
    await open(store, "w");
    const [held, failed] = await claim(store, "w", 2);
    await finish(store, [], [{ claim: failed!.claim, outcome: "retry", delay: RETENTION }]);
    clock.advance(RETENTION);
    await apply(store, []);
    while (await store.trim(1000)) await apply(store, []);
    assertEquals([await texts(store), await texts(store, "u")], [[], []]);
    assertEquals(textsOf(await claim(store, "w")), ["failed", "waiting"]);
    assertEquals((await finish(store, [held!])).lost, []);
    const { depth, held: count, oldest } = await stateOf(store);
    assertEquals([depth, count, oldest], [0, 2, held!.message.time]);
  },

  async "past the bytes for groups the oldest are given up, counted and told, and puts go on"(
    { limited, clock },
  ) {
    const store = await limited({ groupBytes: 3 * 104 });
    const events: GroupEvent[] = [];
    using _feed = await store.follow({
      stored: () => {},
      lost: () => {},
      groups: (some) => void events.push(...some),
    });
    await command(store, { type: "create_group", name: T });
    await append(store, puts("t", "1", "2", "3", "4", "5"));
    clock.advance(RETENTION);
    await append(store, puts("t", "6"));
    const { givenUp, depth } = await stateOf(store);
    assertEquals([givenUp, depth], [2, 4]);
    assertEquals(events.reduce((sum, event) => sum + event.givenUp, 0), 2);
    await open(store, "w");
    assertEquals(textsOf(await claim(store, "w")), ["3", "4", "5", "6"]);
  },

  async "what is purged is not worked any more"({ store, clock }) {
    await append(store, puts("t", "1", "2", "3"));
    await open(store, "w");
    const [one, two] = await claim(store, "w", 2);
    await finish(store, [], [{ claim: one!.claim, outcome: "dead" }]);
    clock.advance(RETENTION - 1);
    await append(store, puts("t", "4"));
    clock.advance(1);
    await apply(store, []);
    await apply(store, [{ type: "purge", topic: "t", max: 1000 }]);
    const { depth, dead, held } = await stateOf(store);
    assertEquals([depth, dead, held], [0, 0, 1]);
    await append(store, puts("t", "5"));
    await finish(store, [], [{ claim: two!.claim, outcome: "retry" }]);
    assertEquals(textsOf(await claim(store, "w")), ["5"]);
  },

  async "the depth of a group is what it has not begun, and what is to be begun again"({ store }) {
    await append(store, [...puts("t", "1", "2", "3"), put("u")]);
    await command(store, { type: "create_group", name: T });
    const prefix = { prefix: "", group: "all" };
    await command(store, { type: "create_group", name: prefix });
    const depths = async () =>
      [(await stateOf(store)).depth, (await stateOf(store, prefix)).depth] as const;
    assertEquals(await depths(), [3, 4]);
    await append(store, puts("t", "4"));
    assertEquals(await depths(), [4, 5]);
    await open(store, "w");
    const jobs = await claim(store, "w", 3);
    assertEquals(await depths(), [1, 5]);
    await finish(store, [], [{ claim: jobs[0]!.claim, outcome: "release" }]);
    assertEquals(await depths(), [2, 5]);
  },

  async "the depth of a group is right between the parts of a purge"({ store }) {
    await append(store, [...puts("t", "1", "2", "3"), put("u")]);
    await command(store, { type: "create_group", name: T });
    const prefix = { prefix: "", group: "all" };
    await command(store, { type: "create_group", name: prefix });
    const depths = async () =>
      [(await stateOf(store)).depth, (await stateOf(store, prefix)).depth] as const;
    assertEquals(await depths(), [3, 4]);
    const [result] = await apply(store, [{ type: "purge", topic: "t", max: 1 }]);
    assertEquals(result, { purged: 1, end: 5, more: true });
    assertEquals(await depths(), [2, 3]);
  },

  async "groups are listed in order, a page at a time, or those of one topic"({ store }) {
    const names = [
      { topic: "a", group: "x" },
      { topic: "a", group: "y" },
      { topic: "b", group: "x" },
      { prefix: "a", group: "x" },
    ];
    for (const name of names.toReversed()) await command(store, { type: "create_group", name });
    const list = async (query: Parameters<typeof store.groups>[0]) =>
      (await store.groups(query)).map(({ name }) => name);
    assertEquals(await list({ count: 10 }), names);
    assertEquals(await list({ count: 2, after: names[0]! }), names.slice(1, 3));
    assertEquals(await list({ count: 10, filter: { topic: "a" } }), names.slice(0, 2));
    assertEquals(await list({ count: 10, filter: { prefix: "a" } }), names.slice(3));
  },
};
