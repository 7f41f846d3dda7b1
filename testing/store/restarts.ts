/**
 * What a store that outlives its process keeps after a restart.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { TopicMessage } from "../../stores/store.ts";
import { storedSize } from "../../stores/store_limits.ts";
import {
  append,
  assertMessages,
  Feed,
  forgetSession,
  numbered,
  outcomes,
  type Promises,
  put,
  puts,
  read,
  RETENTION,
  topicNames,
  trim,
  trimAll,
} from "./support.ts";

const ALL = { prefix: "", after: "", count: 1_000_000 };

export const restarting: Promises = {
  async "a restart keeps messages, topics, bounds and the name of the store; as stored counts what comes after it"(
    { store, clock, next },
  ) {
    const all = await append(store, [put("t", "\0"), ...puts("u", "\ud800", "", "\u{1f995}")]);
    clock.advance(5);
    all.push(...await append(store, Array.from({ length: 300 }, (_, i) => put("t", `${i}`))));
    const before = [store.id, await store.bounds()];
    const topics = await store.topics(ALL);
    assertEquals(topics.map(({ messages, stored }) => [messages, stored]), [[301, 301], [3, 3]]);
    const again = await next();
    assertEquals([again.id, await again.bounds()], before);
    assertEquals(await again.topics(ALL), topics.map((topic) => ({ ...topic, stored: 0 })));
    for (const topic of ["t", "u"]) {
      const expected = all.filter((message) => message.topic === topic);
      assertMessages((await read(again, { topic })).messages, expected);
      assertEquals((await read(again, { topic, newest: true })).messages, expected.slice(-1));
    }
    assertEquals(await again.seqBefore(all[4]!.time), 4);
    const [{ time, seq }] = await append(again, [put("u")]) as [TopicMessage];
    const [t, u] = await again.topics(ALL);
    const bytes = topics[1]!.bytes + storedSize(put("u"));
    assertEquals([t, u], [{ ...topics[0]!, stored: 0 }, {
      topic: "u",
      messages: 4,
      bytes,
      stored: 1,
      seq,
      time,
    }]);
  },

  async "numbers continue after a restart, even if everything was purged"({ store, clock, next }) {
    await append(store, puts("t", "1", "2", "3"));
    clock.advance(RETENTION);
    await trimAll(store);
    let again = await next();
    again = await next();
    const { floor, last } = await again.bounds();
    assertEquals([floor, last], [3, 3]);
    assertEquals(await topicNames(again), []);
    using feed = await Feed.open(again);
    assertEquals(feed.from, 3);
    const [message] = await append(again, [put("t")]);
    assertEquals(message!.seq, 4);
  },

  async "gone messages stay gone if the clock is set back during a restart"(
    { store, clock, next },
  ) {
    const [one] = await append(store, [put("t", "1")]);
    clock.advance(10);
    const [two] = await append(store, [put("t", "2")]);
    clock.advance(RETENTION - 10);
    assertEquals((await read(store, { topic: "t" })).messages, [two!]);
    clock.jump(-RETENTION);
    const again = await next();
    const page = await read(again, { topic: "t" });
    assertEquals([page.messages, page.floor], [[two!], one!.seq]);
  },

  async "an interrupted purge continues after a restart"({ store, clock, next }) {
    for (let i = 0; i < 5; i++) {
      await append(store, Array.from({ length: 5000 }, (_, j) => put(`old ${j % 3}`, `${j}`)));
    }
    clock.advance(1);
    const [stored] = await append(store, [put("t")]);
    clock.advance(RETENTION - 1);
    await trim(store, 0.5);
    const again = await next();
    assertEquals(await topicNames(again), ["t"]);
    await trimAll(again);
    assertEquals(await topicNames(await next()), ["t"]);
    assertEquals((await read(await next(), { topic: "t" })).messages, [stored!]);
  },

  async "unanswered appends are stored when the store closes"({ store, next }) {
    const under = [outcomes(store, [numbered("s", 1)]), outcomes(store, [put("t"), put("u")])];
    const again = await next();
    assertEquals(await Promise.all(under), [[1], [2, 3]]);
    assertEquals(await outcomes(again, [numbered("s", 1)]), ["dup 1"]);
    assert((await read(again, { topic: "u" })).messages.length === 1);
  },

  async "a closed session stays forgotten after a restart"({ store, next }) {
    await append(store, [numbered("s", 1), numbered("u", 1)]);
    await forgetSession(store, "s");
    const again = await next();
    assertEquals(await outcomes(again, [numbered("u", 1), numbered("s", 1)]), ["dup 2", 3]);
  },
};
