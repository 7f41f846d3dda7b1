/**
 * What a store promises about puts that are repeated because their outcome is not known.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import { StoreError } from "../../stores/store.ts";
import {
  append,
  apply,
  Feed,
  numbered,
  outcomes,
  type Promises,
  put,
  puts,
  RETENTION,
  texts,
  trimAll,
} from "./support.ts";

export const once: Promises = {
  async "a repeated put gets the first answer, and is stored once"({ store, next }) {
    const [first] = await append(store, [numbered("s", 1)]);
    let again = await next();
    assertEquals(await apply(again, [numbered("s", 1)]), [{ seq: first!.seq, dup: true }]);
    again = await next();
    await append(again, [numbered("s", 2)]);
    again = await next();
    assertEquals(await outcomes(again, [numbered("s", 1)]), [`dup ${first!.seq}`]);
    assertEquals(await texts(again), ["s 1", "s 2"]);
  },

  async "a put that is repeated in a batch is stored once"({ store, next }) {
    const batch = [numbered("s", 1), numbered("s", 1), numbered("s", 2), numbered("s", 1)];
    assertEquals(await outcomes(store, batch), [1, "dup 1", 2, "dup 1"]);
    assertEquals(await outcomes(await next(), batch), ["dup 1", "dup 1", "dup 2", "dup 1"]);
    assertEquals(await texts(await next()), ["s 1", "s 2"]);
  },

  async "a put that is repeated while the first is in flight is stored once"({ store, next }) {
    const batch = [numbered("s", 1), numbered("s", 2)];
    const replies = await Promise.all([1, 2, 3].map(() => outcomes(store, batch)));
    assertEquals(replies, [[1, 2], ["dup 1", "dup 2"], ["dup 1", "dup 2"]]);
    assertEquals(await texts(await next()), ["s 1", "s 2"]);
  },

  async "a repetition is not fed, and does not move the last number"({ store }) {
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

  async "sessions with the same numbers are separate, and puts without a session are not deduplicated"(
    { store, next },
  ) {
    const batch = [numbered("a", 1), numbered("b", 1), put("t"), { ...put("t"), n: 1 }];
    assertEquals(await outcomes(store, batch), [1, 2, 3, 4]);
    assertEquals(await outcomes(await next(), batch), ["dup 1", "dup 2", 5, 6]);
    assertEquals(await outcomes(await next(), [numbered("__proto__", 1)]), [7]);
  },

  async "numbers may be skipped; a number that its session has passed is refused as superseded, and never stored"(
    { store, next },
  ) {
    assertEquals(await outcomes(store, [1, 2, 5, 9].map((n) => numbered("s", n))), [1, 2, 3, 4]);
    for (const n of [8, 3, 4, 7, 3]) {
      const [error] = await apply(await next(), [numbered("s", n)]);
      assert(error instanceof StoreError, `${n}`);
      assertEquals([error.code, error.message], [
        "superseded",
        "Cannot put message: it was not stored before, and a later one of its session was",
      ]);
    }
    const all = [1, 3, 9, 8, 10, 5, 12, 11].map((n) => numbered("s", n));
    const expected = ["dup 1", "superseded", "dup 4", "superseded", 5, "dup 3", 6, "superseded"];
    assertEquals(await outcomes(await next(), all), expected);
    assertEquals(await texts(await next()), ["s 1", "s 2", "s 5", "s 9", "s 10", "s 12"]);
  },

  async "a number is also superseded within a batch, and by a batch that comes with it"(
    { store, next },
  ) {
    const replies = await Promise.all([
      outcomes(store, [numbered("s", 2), numbered("s", 1), numbered("u", 1)]),
      outcomes(store, [numbered("s", 1), numbered("s", 3), numbered("u", 1)]),
    ]);
    assertEquals(replies, [[1, "superseded", 2], ["superseded", 3, "dup 2"]]);
    assertEquals(await texts(await next()), ["s 2", "u 1", "s 3"]);
  },

  async "a refused put is superseded once its session has continued"({ limited, next }) {
    const store = await limited({ topics: 1 });
    const batch = [numbered("s", 1), numbered("s", 2, "u"), numbered("s", 3)];
    assertEquals(await outcomes(store, batch), [1, "limit_exceeded", 2]);
    assertEquals(await outcomes(await next(), [numbered("s", 2)]), ["superseded"]);
    // Until something follows it, it may be put again.
    assertEquals(await outcomes(await next(), [numbered("s", 4, "u")]), ["limit_exceeded"]);
    assertEquals(await outcomes(await next(), [numbered("s", 4)]), [3]);
  },

  async "the last numbers of a session are recognized, and an older one is never silently stored again"(
    { limited, next },
  ) {
    let store = await limited({ dedupWindow: 10 });
    // Another session puts in between, so that no two numbers of this one share a run.
    for (let n = 1; n <= 30; n++) await append(store, [numbered("s", n), put("u")]);
    store = await next();
    for (let n = 21; n <= 30; n++) {
      assertEquals(await outcomes(store, [numbered("s", n)]), [`dup ${2 * n - 1}`]);
    }
    for (const n of [1, 2, 19]) {
      const [error] = await apply(store, [numbered("s", n)]);
      assert(error instanceof StoreError, `${n}`);
      assertEquals(error.code, "unknown_outcome");
      store = await next();
    }
    assertEquals((await texts(store)).length, 30);
    // Its client has the answers to all numbers before them: so no put that it may repeat is lost.
    for (const seq of [0, 2 * 20 - 2, 2 * 20 - 1]) {
      assert(await store.isDedupComplete("s", { epoch: store.epoch, seq }), `${seq}`);
    }
  },

  async "a repetition of a purged message is still recognized"({ store, clock, next }) {
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
};
