/**
 * What a store promises about time: how long a message lasts, and what is left when it is gone.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Store, TopicBounds, TopicMessage } from "../../stores/store.ts";
import {
  append,
  apply,
  assertMessages,
  type Promises,
  put,
  puts,
  read,
  readUpTo,
  RETENTION,
  topicNames,
  trim,
  trimAll,
} from "./support.ts";

/** Asserts with every method that topic `t` of the store holds exactly these messages and the store no others. */
async function assertHolds(store: Store, messages: readonly TopicMessage[], floor: number) {
  const page = await read(store, { topic: "t" });
  assertEquals(page.messages, messages);
  assertEquals(page.floor, floor);
  const newest = await read(store, { topic: "t", newest: true });
  assertEquals(newest.messages, messages.slice(-1));
  assertEquals(newest.floor, floor);
  assertEquals(await topicNames(store), messages.length > 0 ? ["t"] : []);
  assertEquals((await store.bounds()).floor, floor);
  assertEquals(await store.seqBefore(0), floor);
}

export const lasting: Promises = {
  async "a message expires to the millisecond, purged or not"({ store, clock }) {
    const start = clock.now();
    const [one] = await append(store, [put("t", "1")]);
    clock.set(start + 1000);
    const [two] = await append(store, [put("t", "2")]);
    const born = one!.seq - 1;

    clock.set(start + 599_999);
    await assertHolds(store, [one!, two!], born);
    clock.set(start + 600_000);
    await assertHolds(store, [two!], one!.seq);
    clock.set(start + 600_999);
    await assertHolds(store, [two!], one!.seq);
    clock.set(start + 601_000);
    await assertHolds(store, [], two!.seq);
  },

  async "each method notices by itself that a message has expired"({ store, clock }) {
    const topics = () => topicNames(store);
    const reads: ((gone: TopicMessage) => Promise<unknown>)[] = [
      async () => (await read(store, { topic: "t" })).messages,
      async () => (await read(store, { topic: "t", newest: true })).messages,
      topics,
      async ({ seq }) => (await store.bounds()).floor === seq ? [] : "the floor is too low",
      async ({ seq }) => await store.seqBefore(0) === seq ? [] : "the number is too low",
    ];
    for (const readIt of reads) {
      const [message] = await append(store, [put("t")]);
      clock.advance(599_999);
      assertEquals(await topics(), ["t"]);
      clock.advance(1);
      assertEquals(await readIt(message!), []);
    }
  },

  async "purging changes nothing that can still be read"({ store, clock }) {
    const start = clock.now();
    const [one] = await append(store, [put("t", "1")]);
    clock.set(start + 1);
    const [two] = await append(store, [put("t", "2")]);
    clock.set(start + 599_999);
    await trimAll(store);
    await assertHolds(store, [one!, two!], one!.seq - 1);
    clock.set(start + 600_000);
    await trimAll(store);
    await assertHolds(store, [two!], one!.seq);
    clock.set(start + 600_001);
    await trimAll(store);
    await assertHolds(store, [], two!.seq);
  },

  async "a message has the clock's time, in whole milliseconds"({ store, clock }) {
    const start = clock.now();
    assertEquals((await append(store, [put("t")]))[0]!.time, start);
    clock.set(start + 41.75);
    assertEquals((await append(store, [put("t")]))[0]!.time, start + 41);
  },

  async "a wall clock that is set back changes nothing, and nothing lasts longer"(
    { store, clock },
  ) {
    const start = clock.now();
    const [one] = await append(store, [put("t", "1")]);
    clock.jump(-100_000);
    const [two] = await append(store, [put("t", "2")]);
    assertEquals(two!.time, start);
    clock.advance(599_999);
    await assertHolds(store, [one!, two!], one!.seq - 1);
    clock.advance(1);
    await assertHolds(store, [], two!.seq);
    clock.jump(-RETENTION);
    await assertHolds(store, [], two!.seq);
    const [three] = await append(store, [put("t", "3")]);
    assertEquals(three!.time, start + RETENTION);
    await assertHolds(store, [three!], two!.seq);
  },

  async "a wall clock that is set forward changes nothing, and nothing expires earlier"(
    { store, clock },
  ) {
    const start = clock.now();
    const [one] = await append(store, [put("t", "1")]);
    clock.jump(1000 * RETENTION);
    const [two] = await append(store, [put("t", "2")]);
    assertEquals(two!.time, start);
    assertEquals((await store.bounds()).time, start);
    clock.advance(599_999);
    await assertHolds(store, [one!, two!], one!.seq - 1);
    clock.advance(1);
    await assertHolds(store, [], two!.seq);
    assertEquals((await store.bounds()).time, start + RETENTION);
  },

  async "time never runs backwards, whatever the wall clock does"({ store, clock }) {
    let [time, last] = [0, 0];
    for (const ms of [-1, 1e6, -1e12, 0, 1e13, -500]) {
      clock.jump(ms);
      clock.advance(1);
      const [message] = await append(store, [put("t")]);
      const bounds = await store.bounds();
      assert(message!.time > last && message!.time === bounds.time && bounds.time > time);
      [time, last] = [bounds.time, message!.time];
    }
  },

  async "the bounds of a store are its first and last number, and its time"({ store, clock }) {
    const start = clock.now();
    const bounds = async () => {
      const { asOf = 0, ...others } = await store.bounds();
      assert(asOf < others.time, "only what differs from the time is told");
      return others;
    };
    assertEquals(await bounds(), { floor: 0, last: 0, time: start });
    await append(store, puts("t", "1", "2"));
    assertEquals(await bounds(), { floor: 0, last: 2, time: start });
    clock.advance(1);
    await append(store, [put("u", "3")]);
    clock.advance(RETENTION - 1);
    assertEquals(await bounds(), { floor: 2, last: 3, time: start + RETENTION });
    clock.advance(1.5);
    assertEquals(await bounds(), { floor: 3, last: 3, time: start + RETENTION + 1 });
    await trimAll(store);
    assertEquals(await bounds(), { floor: 3, last: 3, time: start + RETENTION + 1 });
  },

  async "`seqBefore` is the number before the first message stored at a time or later"(
    { store, clock },
  ) {
    const start = clock.now();
    const all: TopicMessage[] = [];
    for (const at of [0, 0, 5, 6, 6, 20]) {
      clock.set(start + at);
      all.push(...await append(store, puts("t", "a", "b")));
    }
    clock.set(start + 30);
    for (const at of [-1000, -1, 0, 1, 4, 5, 6, 7, 19, 20, 21, 30, 1e9]) {
      const after = await store.seqBefore(start + at);
      const { messages } = await read(store, { topic: "t", after });
      assertEquals(messages, all.filter(({ time }) => time >= start + at), `at ${at}`);
      assert(after <= all.at(-1)!.seq, `not beyond the last message, at ${at}`);
    }
  },

  async "`seqBefore` is never below the floor, and 0 in a new store"({ store, clock }) {
    assertEquals(await store.seqBefore(clock.now()), (await store.bounds()).last);
    const gone = await append(store, puts("t", "1", "2"));
    const start = clock.now();
    clock.advance(10);
    await append(store, puts("t", "3"));
    clock.advance(RETENTION - 10);
    for (const time of [0, start, start + 1, start + 10]) {
      assertEquals(await store.seqBefore(time), gone[1]!.seq);
    }
    await trimAll(store);
    assertEquals(await store.seqBefore(start), gone[1]!.seq);
  },

  async "what expires of a topic that is not known any more is told of, also if newer messages were purged of others before"(
    { limited, clock, next },
  ) {
    const store = await limited({ goneTopics: 1 });
    await append(store, ["t", "a", "b", "c"].map((topic) => put(topic)));
    for (const topic of ["a", "b", "c"]) {
      await apply(await next(), [{ type: "purge", topic, max: 9 }]);
    }
    clock.advance(RETENTION - 1);
    const query = { topic: "t", after: 0, count: 1, bytes: 1, gone: true };
    const goneAfter = async (asOf: number) => {
      const now = await next();
      const [page] = await now.read([{ ...query, asOf }]);
      const [bounds] = await now.topicBounds([{ topic: "t", asOf }]);
      assertEquals(page!.gone, bounds!.gone);
      return page!.gone;
    };
    const [{ asOf }] = await (await next()).topicBounds([{}]) as [TopicBounds];
    assertEquals(await goneAfter(asOf), undefined);
    clock.advance(1);
    for (let purged = 0; purged < 2; purged++) {
      const gone = await goneAfter(asOf);
      assert(gone && gone.seq >= 1 && gone.at === clock.now(), `${JSON.stringify(gone)}`);
      assertEquals(await goneAfter(clock.now()), undefined);
      await trimAll(await next());
    }
  },

  async "trimming says when everything is purged"({ store, clock }) {
    assertEquals(await trim(store, 1000), false);
    const all = await append(store, puts("t", "1", "2"));
    assertEquals(await trim(store, 1000), false);
    assertEquals((await read(store, { topic: "t" })).messages, all);
    clock.advance(RETENTION);
    assertEquals(await trim(store, 60_000), false);
    assertEquals(await trim(store, 0), false);
  },

  async "trimming in small steps ends, and every step leaves the store right"({ store, clock }) {
    for (let i = 0; i < 10; i++) {
      await append(store, Array.from({ length: 5000 }, (_, j) => put(`old ${j % 3}`, `${i} ${j}`)));
    }
    clock.advance(1);
    const all = await append(store, puts("t", "1", "2"));
    const floor = all[0]!.seq - 1;
    clock.advance(RETENTION - 1);
    for (let more = true, step = 0; more; step++) {
      assert(step < 10_000, "trimming ends");
      more = await trim(store, 0.5);
      if (step % 8 > 0 && more) continue;
      assertMessages((await read(store, { topic: "old 1", count: 1 })).messages, []);
      all.push(...await append(store, [put("t", `${step}`)]));
      assertMessages(await readUpTo(store, all.at(-1)!.seq, { topic: "t", count: 50 }), all);
      const { time } = all.at(-1)!;
      assertEquals(await store.bounds(), { floor, last: all.at(-1)!.seq, time });
      const entries = await store.topics({ prefix: "", after: "", count: 10 });
      assertEquals(entries.map(({ topic, messages }) => [topic, messages]), [["t", all.length]]);
    }
    const [back] = await append(store, [put("old 1", "new")]);
    assertEquals((await read(store, { topic: "old 1" })).messages, [back!]);
  },
};
