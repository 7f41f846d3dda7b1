/**
 * What a store promises to who puts a message again, not knowing whether it was stored.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { StoreError } from "../stores/store.ts";
import {
  append,
  Feed,
  numbered,
  outcomes,
  type Promises,
  put,
  puts,
  RETENTION,
  texts,
  trimAll,
} from "./store_contract_support.ts";

const HOUR = 3_600_000;

export const once: Promises = {
  async "a put that is repeated is answered as the first time, and stored once"({ store, next }) {
    const [first] = await append(store, [put("t", "before"), numbered("s", 1)].slice(1));
    let again = await next();
    assertEquals(await again.append([numbered("s", 1)]), [{ seq: first!.seq, dup: true }]);
    again = await next();
    await append(again, [numbered("s", 2)]);
    again = await next();
    assertEquals(await outcomes(again, [numbered("s", 1)]), [`dup ${first!.seq}`]);
    assertEquals(await texts(again), ["s 1", "s 2"]);
  },

  async "a put that is repeated within a batch is stored once"({ store, next }) {
    const batch = [numbered("s", 1), numbered("s", 1), numbered("s", 2), numbered("s", 1)];
    assertEquals(await outcomes(store, batch), [1, "dup 1", 2, "dup 1"]);
    assertEquals(await outcomes(await next(), batch), ["dup 1", "dup 1", "dup 2", "dup 1"]);
    assertEquals(await texts(await next()), ["s 1", "s 2"]);
  },

  async "a put that is repeated while the first is under way is stored once"({ store, next }) {
    const batch = [numbered("s", 1), numbered("s", 2)];
    const answers = await Promise.all([1, 2, 3].map(() => outcomes(store, batch)));
    assertEquals(answers, [[1, 2], ["dup 1", "dup 2"], ["dup 1", "dup 2"]]);
    assertEquals(await texts(await next()), ["s 1", "s 2"]);
  },

  async "a repetition is not fed, nor does it move the last number"({ store }) {
    await append(store, [numbered("s", 1)]);
    using feed = await Feed.open(store);
    assertEquals(await outcomes(store, [numbered("s", 1)]), ["dup 1"]);
    assertEquals((await store.bounds()).last, 1);
    await feed.until((await append(store, [put("t", "new")]))[0]!);
    assertEquals(feed.messages.map(({ seq }) => seq), [2]);
  },

  async "repetitions may be mixed with new puts, in any order"({ store, next }) {
    await append(store, [1, 2, 3].map((n) => numbered("s", n)));
    await append(store, puts("t", "x", "y"));
    await append(await next(), [4, 5].map((n) => numbered("s", n)));
    const batch = [3, 6, 1, 5, 7, 4].map((n) => numbered("s", n));
    const expected = ["dup 3", 8, "dup 1", "dup 7", 9, "dup 6"];
    assertEquals(await outcomes(await next(), batch), expected);
  },

  async "sessions with the same numbers are apart, and those without a session are not recognised"(
    { store, next },
  ) {
    const batch = [numbered("a", 1), numbered("b", 1), put("t"), { ...put("t"), n: 1 }];
    assertEquals(await outcomes(store, batch), [1, 2, 3, 4]);
    assertEquals(await outcomes(await next(), batch), ["dup 1", "dup 2", 5, 6]);
    assertEquals(await outcomes(await next(), [numbered("__proto__", 1)]), [7]);
  },

  async "numbers may be skipped, and a number that was skipped may come later"({ store, next }) {
    assertEquals(await outcomes(store, [1, 2, 5, 9].map((n) => numbered("s", n))), [1, 2, 3, 4]);
    let again = await next();
    assertEquals(await outcomes(again, [7, 3, 6].map((n) => numbered("s", n))), [5, 6, 7]);
    again = await next();
    const all = [1, 2, 3, 5, 6, 7, 9].map((n) => numbered("s", n));
    const expected = ["dup 1", "dup 2", "dup 6", "dup 3", "dup 7", "dup 5", "dup 4"];
    assertEquals(await outcomes(again, all), expected);
    assertEquals(await outcomes(again, [4, 8, 10].map((n) => numbered("s", n))), [8, 9, 10]);
  },

  async "the last numbers of a session are recognised, an older one is never stored again in silence"(
    { limited, next },
  ) {
    let store = await limited({ window: 10 });
    // Somebody else puts in between, so that no two numbers of the session are in one run.
    for (let n = 1; n <= 30; n++) await append(store, [numbered("s", n), put("u")]);
    store = await next();
    for (let n = 21; n <= 30; n++) {
      assertEquals(await outcomes(store, [numbered("s", n)]), [`dup ${2 * n - 1}`]);
    }
    for (const n of [1, 2, 19]) {
      const [error] = await store.append([numbered("s", n)]);
      assert(error instanceof StoreError, `${n}`);
      assertEquals(error.code, "unknown_outcome");
      store = await next();
    }
    assertEquals((await texts(store)).length, 30);
    assertEquals((await store.bounds()).recalls, 0, "no client leaves so many unanswered");
  },

  async "what was purged is recognised all the same"({ store, clock, next }) {
    await append(store, [numbered("s", 1), numbered("s", 2)]);
    clock.advance(RETENTION - 1);
    await append(store, [numbered("s", 3)]);
    clock.advance(1);
    await trimAll(store);
    const again = await next();
    assertEquals(await texts(again), ["s 3"]);
    assertEquals(await outcomes(again, [1, 2, 3].map((n) => numbered("s", n))), [
      "dup 1",
      "dup 2",
      "dup 3",
    ]);
  },

  async "a session that puts nothing for long is forgotten, and `recalls` tells"(
    { store, clock, next },
  ) {
    await append(store, [put("t"), numbered("old", 1), numbered("old", 2), put("t")]);
    await append(store, [numbered("new", 1)]);
    clock.advance(HOUR / 2);
    await append(await next(), [numbered("new", 2)]);
    // What is still used is not forgotten; the restarts of this test count as use.
    for (let i = 0; i < 4; i++) {
      clock.advance(RETENTION / 2);
      await append(await next(), [numbered("new", 3 + i)]);
      await trimAll(await next());
    }
    const again = await next();
    const { recalls } = await again.bounds();
    assert([0, 3].includes(recalls), `${recalls}`);
    const old = recalls === 0 ? "dup 2" : 11;
    assertEquals(await outcomes(again, [numbered("new", 1), numbered("old", 1)]), ["dup 5", old]);
  },
};
