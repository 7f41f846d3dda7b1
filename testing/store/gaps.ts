/**
 * What a store promises about gaps: what is gone of a topic, and since when; and whether a position belongs to
 * its history.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Gone, Store, TopicMessage } from "../../stores/store.ts";
import {
  append,
  apply,
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
import { SIZE, sized } from "./sized.ts";
import { seeded } from "../seeded.ts";

/** What is gone of topics, as both queries report it. */
async function gone(store: Store, ...topics: string[]): Promise<(Gone | undefined)[]> {
  const pages = await store.read(topics.map((topic) => {
    return { topic, after: 0, count: 1, bytes: 1, gone: true };
  }));
  const standings = await store.topicBounds(topics.map((topic) => ({ topic })));
  const reported = pages.map((page) => page.gone);
  assertEquals(standings.map((standing) => standing.gone), reported);
  for (const page of pages) assertEquals("gone" in page, page.gone !== undefined);
  return reported;
}

export const goneAndKnown: Promises = {
  async "nothing is gone of a topic as long as all its messages can be read"(
    { store, clock, next },
  ) {
    assertEquals(await gone(store, "t", "unknown"), [undefined, undefined]);
    await append(store, [put("t"), put("u")]);
    clock.advance(RETENTION - 1);
    assertEquals(await gone(await next(), "t", "u", "unknown"), Array(3).fill(undefined));
  },

  async "a topic's gap is its newest expired message and the time when it expired, purged or not"(
    { store, clock, next },
  ) {
    const start = clock.now();
    await append(store, [...puts("t", "1", "2"), put("u"), put("t")]);
    clock.advance(3);
    await append(store, [put("u"), put("never gone"), put("t")]);
    clock.advance(RETENTION - 3);
    const first = [{ seq: 4, at: start + RETENTION }, { seq: 3, at: start + RETENTION }];
    const gaps = async () => await gone(await next(), "t", "u", "never gone", "unknown");
    for (let step = 0; step < 4; step++) {
      assertEquals(await gaps(), [...first, undefined, undefined]);
      if (step === 0) await topicNames(await next());
      if (step === 1) await trimAll(await next());
      if (step === 2) clock.advance(2);
    }
    clock.advance(1);
    const at = start + 3 + RETENTION;
    const then = [{ seq: 7, at }, { seq: 5, at }, { seq: 6, at }, undefined];
    for (let step = 0; step < 3; step++) {
      assertEquals(await gaps(), then, "also of topics that are empty now");
      if (step === 0) await trimAll(await next());
      if (step === 1) await append(await next(), [put("u"), put("unknown")]);
    }
  },

  async "a page reports gaps only on request"({ store, clock }) {
    await append(store, [put("t")]);
    clock.advance(RETENTION);
    for (const newest of [false, true]) {
      assertEquals("gone" in await read(store, { topic: "t", newest }), false);
      const page = await read(store, { topic: "t", newest, gone: true });
      assertEquals(page.gone, { seq: 1, at: clock.now() });
      assertEquals([page.messages, page.floor, page.through], [[], 1, 1]);
    }
  },

  async "messages that expire one after the other in one row are reported one by one"(
    { store, clock },
  ) {
    const start = clock.now();
    for (let i = 0; i < 70; i++) {
      await append(store, [put(i % 10 === 9 ? "u" : "t")]);
      clock.advance(1);
    }
    await topicNames(store);
    clock.advance(RETENTION - 70);
    for (let i = 0; i < 70; i++) {
      const at = (seq: number) => ({ seq, at: start + seq - 1 + RETENTION });
      const seq = i + 1;
      const u = seq - seq % 10;
      const expected = [at(seq % 10 === 0 ? seq - 1 : seq), u > 0 ? at(u) : undefined];
      assertEquals(await gone(store, "t", "u"), expected, `${seq}`);
      if (i % 7 === 0) await trimAll(store);
      clock.advance(1);
    }
  },

  async "the newest gone message is reported, whichever was purged first"({ store, clock, next }) {
    const start = clock.now();
    await append(store, [put("t"), put("u")]);
    await topicNames(store);
    clock.advance(1);
    await append(store, [put("t"), put("u"), put("t")]);
    clock.advance(RETENTION);
    await append(store, [put("v")]);
    const at = start + 1 + RETENTION;
    for (let step = 0; step < 4; step++) {
      assertEquals(await gone(await next(), "t", "u"), [{ seq: 5, at }, { seq: 4, at }]);
      if (step % 2 === 0) await topicNames(await next());
      else await trimAll(await next());
    }
  },

  async "a message that made room is gone since it was dropped, unless it had expired before"(
    { limited, clock },
  ) {
    const store = await limited({ storedBytes: 3 * SIZE, overflow: "drop-oldest" });
    const start = clock.now();
    await append(store, [sized("t", 1), sized("u", 2), sized("t", 3)]);
    for (const topic of ["v", "w", "x"]) {
      clock.advance(7);
      await append(store, [sized(topic, 4)]);
      // A client may have read it in the millisecond before.
      const t = { seq: topic === "x" ? 3 : 1, at: start + (topic === "x" ? 21 : 7) + 1 };
      const u = topic === "v" ? undefined : { seq: 2, at: start + 14 + 1 };
      assertEquals(await gone(store, "t", "u", "v"), [t, u, undefined], topic);
    }
    for (let step = 0; step < 2; step++) {
      if (step === 0) await topicNames(store);
      else await trimAll(store);
      const expected = [{ seq: 3, at: start + 22 }, { seq: 2, at: start + 15 }, undefined];
      assertEquals(await gone(store, "t", "u", "v"), expected);
    }
    // The first of these has expired and makes room for one; for the other, one more has to go.
    clock.advance(RETENTION - 11);
    await append(store, [sized("y", 7), sized("y", 8)]);
    const expected = [
      { seq: 4, at: start + 7 + RETENTION },
      { seq: 5, at: start + 10 + RETENTION + 1 },
      undefined,
    ];
    for (let step = 0; step < 3; step++) {
      assertEquals(await gone(store, "v", "w", "x"), expected);
      if (step === 0) await topicNames(store);
      else await trimAll(store);
    }
  },

  async "a dropped message is gone after every time that was reported before, even within a millisecond"(
    { limited, next },
  ) {
    const store = await limited({ storedBytes: 3 * SIZE, overflow: "drop-oldest" });
    await append(store, [sized("t", 1), sized("t", 2), sized("t", 3)]);
    for (let n = 4; n < 12; n++) {
      const again = await next();
      const lastTime = n % 2 === 0 ? await again.bounds() : (await again.topicBounds([{}]))[0]!;
      assertEquals(lastTime.floor, n - 4);
      await append(await next(), [sized("t", n)]);
      const [{ at, seq }] = await gone(await next(), "t") as [Gone];
      assert(seq === n - 3 && at > lastTime.time, `${n} after ${lastTime.time}, at ${at}`);
      assert(at <= lastTime.time + 1);
    }
  },

  async "of topics beyond the newest gaps, too much may be reported as gone, never too little"(
    { limited, clock, next },
  ) {
    const store = await limited({ goneTopics: 2 });
    const start = clock.now();
    for (const topic of ["a", "b", "c", "d"]) {
      await append(store, [put(topic)]);
      clock.advance(1);
    }
    clock.advance(RETENTION - 1);
    await trimAll(store);
    for (let step = 0; step < 2; step++) {
      const reported = await gone(await next(), "a", "b", "c", "d", "unknown");
      const horizon = { seq: 2, at: start + 1 + RETENTION };
      assertEquals(reported, [
        horizon,
        horizon,
        { seq: 3, at: start + 2 + RETENTION },
        { seq: 4, at: start + 3 + RETENTION },
        horizon,
      ]);
      await trimAll(await next());
    }
    // Later gaps of a topic are exact again.
    await append(await next(), [put("a")]);
    const at = clock.now() + RETENTION;
    clock.advance(RETENTION);
    assertEquals((await gone(await next(), "a"))[0], { seq: 5, at });
    await trimAll(await next());
    assertEquals(await gone(await next(), "a", "c", "d"), [
      { seq: 5, at },
      { seq: 3, at: start + 2 + RETENTION },
      { seq: 4, at: start + 3 + RETENTION },
    ]);
  },

  async "gaps are right after any puts, expiries, drops and purges, in any order"(
    { limited, clock, next },
  ) {
    for (const overflow of ["reject", "drop-oldest"] as const) {
      const random = seeded(overflow.length);
      let store = await limited({ storedBytes: 60 * SIZE, overflow });
      const exact = await next() === store;
      store = await next();
      const all: (TopicMessage & { gone?: number })[] = [];
      let reported = 0;
      for (let step = 0; step < 160; step++) {
        clock.advance([0, 1, 20, RETENTION / 100, RETENTION / 20][random(5)]!);
        for (const known of all) {
          if (known.time + RETENTION <= clock.now()) known.gone ??= known.time + RETENTION;
        }
        if (random(2) === 0) {
          const batch = Array.from(
            { length: 1 + random(random(4) === 0 ? 40 : 4) },
            () => sized(`t${random(random(5) + 1)}`, step),
          );
          for (const [i, result] of (await apply(store, batch)).entries()) {
            if (result instanceof Error) continue;
            all.push({ ...batch[i]!, seq: result.seq, time: result.time! });
          }
        }
        const { floor, time } = await store.bounds();
        const given = time + 1;
        for (const { seq, time } of all) {
          const known = all[seq - 1]!;
          if (seq <= floor) known.gone ??= Math.min(given, time + RETENTION);
        }
        if (random(6) === 0) await topicNames(store);
        if (random(6) === 0) await trim(store, 0.05);
        if (random(6) === 0) await trimAll(store);
        if (random(8) === 0) store = await next();
        const topics = ["t0", "t1", "t2", "t3", "t4", "never"];
        const expected = topics.map((topic) => {
          const newest = all.findLast((known) => known.topic === topic && known.seq <= floor);
          return newest && { seq: newest.seq, at: newest.gone!, most: newest.time + RETENTION };
        });
        for (const [i, one] of (await gone(store, ...topics)).entries()) {
          assertEquals(one?.seq, expected[i]?.seq, `${topics[i]} at step ${step}`);
          if (!one) continue;
          reported++;
          const { at, most: max } = expected[i]!;
          // A restart may forget when exactly something was dropped, and errs on the safe side.
          if (exact || at === max) assertEquals(one.at, at, `${topics[i]} at step ${step}`);
          else assert(one.at >= at && one.at <= max, `${topics[i]} at step ${step}`);
        }
      }
      assert(reported > 300, `${reported}`);
    }
  },

  async "the bounds of a topic include the end of the epoch in the query"(
    { store, another, clock },
  ) {
    await using other = await another();
    assertEquals(await store.topicBounds([]), []);
    await append(store, puts("t", "1", "2"));
    clock.advance(RETENTION);
    await append(store, [put("u")]);
    const now = await store.bounds();
    assertEquals(now, { floor: 2, last: 3, time: clock.now() });
    const bounds = { ...now, asOf: clock.now() };
    const goneAt = { seq: 2, at: clock.now() };
    assertEquals(
      await store.topicBounds([
        {},
        { topic: "t" },
        { epoch: store.epoch },
        { topic: "u", epoch: other.epoch },
        { topic: "t", epoch: store.epoch },
      ]),
      [
        { ...bounds, end: 3, gone: undefined },
        { ...bounds, end: 3, gone: goneAt },
        { ...bounds, end: 3, gone: undefined },
        { ...bounds, end: undefined, gone: undefined },
        { ...bounds, end: 3, gone: goneAt },
      ],
    );
    assertEquals(await outcomes(store, [put("t")]), [4]);
    assertEquals((await store.topicBounds([{}]))[0]!.end, 4);
  },
};
