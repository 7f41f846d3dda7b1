/**
 * What a store that outlives its process keeps over a restart.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  append,
  assertMessages,
  Feed,
  numbered,
  outcomes,
  type Promises,
  put,
  puts,
  read,
  RETENTION,
  topicNames,
  trimAll,
} from "./store_contract_support.ts";

const HOUR = 3_600_000;
const ALL = { prefix: "", after: "", count: 1_000_000 };

export const restarting: Promises = {
  async "a restart keeps messages, topics, bounds and the epoch"({ store, clock, next }) {
    const all = await append(store, [put("t", "\0"), ...puts("u", "\ud800", "", "\u{1f995}")]);
    clock.advance(5);
    all.push(...await append(store, Array.from({ length: 300 }, (_, i) => put("t", `${i}`))));
    const before = [store.epoch, await store.bounds(), await store.topics(ALL)];
    const again = await next();
    assertEquals([again.epoch, await again.bounds(), await again.topics(ALL)], before);
    for (const topic of ["t", "u"]) {
      const expected = all.filter((message) => message.topic === topic);
      assertMessages((await read(again, { topic })).messages, expected);
      assertEquals((await read(again, { topic, newest: true })).messages, expected.slice(-1));
    }
    assertEquals(await again.positionAt(all[4]!.time), 4);
  },

  async "numbers go on after a restart, also when everything was purged"({ store, clock, next }) {
    const { epoch } = store;
    await append(store, puts("t", "1", "2", "3"));
    clock.advance(RETENTION);
    await trimAll(store);
    let again = await next();
    again = await next();
    assertEquals([again.epoch, await again.bounds()], [epoch, { floor: 3, last: 3, recalls: 0 }]);
    assertEquals(await topicNames(again), []);
    using feed = await Feed.open(again);
    assertEquals(feed.from, 3);
    const [message] = await append(again, [put("t")]);
    assertEquals(message!.seq, 4);
  },

  async "what is gone stays gone when the clock is set back over a restart"(
    { store, clock, next },
  ) {
    const start = clock.now();
    const [one] = await append(store, [put("t", "1")]);
    clock.advance(10);
    const [two] = await append(store, [put("t", "2")]);
    clock.set(start + RETENTION);
    assertEquals((await read(store, { topic: "t" })).messages, [two!]);
    clock.set(start);
    const again = await next();
    const page = await read(again, { topic: "t" });
    assertEquals([page.messages, page.floor], [[two!], one!.seq]);
  },

  async "the clock may be set back an hour over a restart: order and times hold"(
    { store, clock, next },
  ) {
    const [one] = await append(store, [put("t", "1")]);
    clock.advance(-HOUR);
    const again = await next();
    const [two] = await append(again, [put("t", "2")]);
    assertEquals([two!.seq, two!.time], [one!.seq + 1, one!.time]);
    assertEquals((await read(again, { topic: "t" })).messages, [one!, two!]);
    clock.advance(HOUR + RETENTION - 1);
    assertEquals((await read(await next(), { topic: "t" })).messages, [one!, two!]);
    clock.advance(1);
    assertEquals((await read(await next(), { topic: "t" })).messages, []);
  },

  async "the clock may be set forward over a restart: nothing is lost earlier than by the jump"(
    { store, clock, next },
  ) {
    const [one] = await append(store, [put("t", "1")]);
    clock.advance(RETENTION - 1);
    const [two] = await append(await next(), [put("t", "2")]);
    assertEquals((await read(await next(), { topic: "t" })).messages, [one!, two!]);
    clock.advance(HOUR);
    const again = await next();
    assertEquals((await read(again, { topic: "t" })).messages, []);
    const [three] = await append(again, [put("t", "3")]);
    clock.advance(-HOUR);
    assertEquals((await read(await next(), { topic: "t" })).messages, [three!]);
    const [four] = await append(await next(), [put("t", "4")]);
    assertEquals([four!.seq, four!.time], [4, three!.time]);
  },

  async "a purge that was cut off goes on after a restart"({ store, clock, next }) {
    for (let i = 0; i < 5; i++) {
      await append(store, Array.from({ length: 5000 }, (_, j) => put(`old ${j % 3}`, `${j}`)));
    }
    clock.advance(1);
    const [kept] = await append(store, [put("t")]);
    clock.advance(RETENTION - 1);
    await store.trim(0.5);
    const again = await next();
    assertEquals(await topicNames(again), ["t"]);
    await trimAll(again);
    assertEquals(await topicNames(await next()), ["t"]);
    assertEquals((await read(await next(), { topic: "t" })).messages, [kept!]);
  },

  async "appends that were not answered yet are stored when the store closes"({ store, next }) {
    const under = [outcomes(store, [numbered("s", 1)]), outcomes(store, [put("t"), put("u")])];
    const again = await next();
    assertEquals(await Promise.all(under), [[1], [2, 3]]);
    assertEquals(await outcomes(again, [numbered("s", 1)]), ["dup 1"]);
    assert((await read(again, { topic: "u" })).messages.length === 1);
  },

  async "a session is forgotten only so long after the restart"({ store, clock, next }) {
    await append(store, [numbered("s", 1), put("t")]);
    clock.advance(HOUR);
    const again = await next();
    clock.advance(RETENTION - 1);
    await trimAll(again);
    assertEquals((await again.bounds()).recalls, 0);
    clock.advance(1);
    await trimAll(again);
    assertEquals((await again.bounds()).recalls, 1);
    await append(again, [put("t")]);
    assertEquals((await (await next()).bounds()).recalls, 1);
    assertEquals(await outcomes(await next(), [numbered("s", 1)]), [4]);
  },
};
