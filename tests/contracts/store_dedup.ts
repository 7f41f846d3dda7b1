/**
 * What a store promises to who puts a message again, not knowing whether it was stored.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { StoreError } from "../../stores/store.ts";
import {
  append,
  apply,
  Feed,
  forgetSession,
  numbered,
  openSession,
  outcomes,
  type Promises,
  put,
  puts,
  RETENTION,
  texts,
  trimAll,
} from "./store_support.ts";

export const once: Promises = {
  async "a put that is repeated is answered as the first time, and stored once"({ store, next }) {
    const [first] = await append(store, [put("t", "before"), numbered("s", 1)].slice(1));
    let again = await next();
    assertEquals(await apply(again, [numbered("s", 1)]), [{ seq: first!.seq, dup: true }]);
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
    const replies = await Promise.all([1, 2, 3].map(() => outcomes(store, batch)));
    assertEquals(replies, [[1, 2], ["dup 1", "dup 2"], ["dup 1", "dup 2"]]);
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

  async "numbers may be skipped; one that its session has passed is refused as superseded, and never stored"(
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

  async "a number is superseded within a batch as well, and in one that comes with it"(
    { store, next },
  ) {
    const replies = await Promise.all([
      outcomes(store, [numbered("s", 2), numbered("s", 1), numbered("u", 1)]),
      outcomes(store, [numbered("s", 1), numbered("s", 3), numbered("u", 1)]),
    ]);
    assertEquals(replies, [[1, "superseded", 2], ["superseded", 3, "dup 2"]]);
    assertEquals(await texts(await next()), ["s 2", "u 1", "s 3"]);
  },

  async "a put that was refused and whose session went on is superseded"({ limited, next }) {
    const store = await limited({ topics: 1 });
    const batch = [numbered("s", 1), numbered("s", 2, "u"), numbered("s", 3)];
    assertEquals(await outcomes(store, batch), [1, "limit_exceeded", 2]);
    assertEquals(await outcomes(await next(), [numbered("s", 2)]), ["superseded"]);
    // As long as nothing came after it, it may be put again.
    assertEquals(await outcomes(await next(), [numbered("s", 4, "u")]), ["limit_exceeded"]);
    assertEquals(await outcomes(await next(), [numbered("s", 4)]), [3]);
  },

  async "the last numbers of a session are recognised, an older one is never stored again in silence"(
    { limited, next },
  ) {
    let store = await limited({ dedupWindow: 10 });
    // Somebody else puts in between, so that no two numbers of the session are in one run.
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
    const remembers = (seq: number) => store.isDedupComplete("s", { epoch: store.epoch, seq });
    assertEquals([await remembers(0), await remembers(2 * 20 - 2), await remembers(2 * 20 - 1)], [
      false,
      false,
      true,
    ]);
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

  async "a session that is not heard of for long is forgotten, and `recalls` tells"(
    { store, clock, next },
  ) {
    const { epoch } = store;
    await append(store, [put("t"), numbered("old", 1), numbered("old", 2), put("t")]);
    await append(store, [numbered("new", 1)]);
    clock.advance(RETENTION / 2);
    await append(await next(), [numbered("new", 2)]);
    // What is still used is not forgotten; the restarts of this test count as use.
    for (let i = 0; i < 4; i++) {
      clock.advance(RETENTION / 2);
      await append(await next(), [numbered("new", 3 + i)]);
      await trimAll(await next());
    }
    const again = await next();
    const forgotten = !await again.isDedupComplete("old", { epoch, seq: 0 });
    assertEquals(await again.isDedupComplete("new", { epoch, seq: 0 }), true);
    assertEquals(
      await again.isDedupComplete("old", { epoch, seq: 3 }),
      true,
      "it stored nothing after it",
    );
    assertEquals(await again.isDedupComplete("old", { epoch, seq: 2 }), !forgotten);
    const old = forgotten ? 11 : "dup 2";
    assertEquals(await outcomes(again, [numbered("new", 1), numbered("old", 1)]), ["dup 5", old]);
    // One that comes back may have stored anything before the number with which it comes back.
    if (!forgotten) return;
    assertEquals(await again.isDedupComplete("old", { epoch, seq: 2 }), false);
    await append(again, [numbered("old", 9)]);
    await append(again, [numbered("back", 5)]);
    assertEquals(await outcomes(await next(), [numbered("old", 8), numbered("back", 4)]), [
      "superseded",
      "unknown_outcome",
    ]);
  },

  async "where sessions have to be forgotten for want of room, each knows what it lost"(
    { limited, next },
  ) {
    const store = await limited({ dedupRuns: 6 });
    await append(store, [numbered("quiet", 1)]);
    // In turns: each put is a run of its own.
    for (let n = 1; n <= 5; n++) {
      await append(await next(), [numbered("a", n), numbered("b", n)]);
    }
    const again = await next();
    const { epoch } = again;
    const remembered = async (sessionId: string, ...seqs: number[]) =>
      await Promise.all(seqs.map((seq) => again.isDedupComplete(sessionId, { epoch, seq })));
    // Of eleven runs the first five are lost: that of the quiet one, and two each of the others.
    assertEquals(await remembered("a", 3, 4, 11), [false, true, true]);
    assertEquals(await remembered("b", 4, 5, 11), [false, true, true]);
    const batch = [2, 3].flatMap((n) => [numbered("a", n), numbered("b", n)]);
    const expected = ["unknown_outcome", "unknown_outcome", "dup 6", "dup 7"];
    assertEquals(await outcomes(again, batch), expected);
    // Who is asked for is known from then on, which takes the place of one more run.
    assertEquals(await remembered("quiet", 0, 1), [false, true]);
    assertEquals(await remembered("never seen", 0, 1), [false, true], "it might be the quiet one");
    assertEquals(await outcomes(await next(), [numbered("quiet", 2), numbered("quiet", 1)]), [
      12,
      "unknown_outcome",
    ]);
  },

  async "one owner who puts too much forgets his own, before and after a restart, and others nothing"(
    { limited, next },
  ) {
    const store = await limited({ dedupRuns: 30 });
    const own = (owner: string, sessionId: string, n: number) => ({
      ...numbered(sessionId, n),
      owner,
    });
    const honest = ["h 1", "h 2"].map((sessionId) => own("honest", sessionId, 1));
    await append(store, honest);
    await openSession(store, "opened", "honest");
    for (let i = 0; i < 10; i++) {
      await append(
        await next(),
        [2, 4, 6, 8, 10].map((n) => own("weak", `w ${i}`, n)),
      );
    }
    const again = await next();
    assertEquals(await outcomes(again, honest), ["dup 1", "dup 2"]);
    assertEquals(await outcomes(again, [own("weak", "w 9", 2)]), ["dup 48"]);
    const known = { epoch: again.epoch, seq: 0 };
    assertEquals(await again.isDedupComplete("h 1", known), true);
    assertEquals(await again.isDedupComplete("w 0", known), false);
  },

  async "a repetition, and that it is opened again, keep a session alive"(
    { store, clock },
  ) {
    const sessionIds = ["repeats", "is opened", "is quiet", "is asked for"];
    await append(store, sessionIds.map((sessionId) => numbered(sessionId, 1)));
    const known = { epoch: store.epoch, seq: 0 };
    for (let i = 0; i < 4; i++) {
      clock.advance(RETENTION / 2);
      await outcomes(store, [numbered("repeats", 1)]);
      await openSession(store, "is opened");
      await store.isDedupComplete("is asked for", known);
      await trimAll(store);
    }
    const remembered = await Promise.all(
      sessionIds.map((sessionId) => store.isDedupComplete(sessionId, known)),
    );
    assertEquals(remembered, [true, true, false, false]);
    const again = await outcomes(store, sessionIds.map((sessionId) => numbered(sessionId, 1)));
    assertEquals(again, ["dup 1", "dup 2", 5, 6]);
  },

  async "a session is recalled after a position of this history, and of no other"(
    { store, another, next },
  ) {
    const { epoch } = store;
    await append(store, [numbered("s", 1), put("t"), numbered("s", 2)]);
    await using other = await another();
    const again = await next();
    for (const sessionId of ["s", "never seen"]) {
      for (const seq of [0, 1, 3]) {
        assert(await again.isDedupComplete(sessionId, { epoch, seq }), `${seq}`);
      }
      for (const known of [{ epoch, seq: 4 }, { epoch: other.epoch, seq: 0 }]) {
        assertEquals(await again.isDedupComplete(sessionId, known), false, `${known.seq}`);
      }
    }
    assertEquals(await again.isDedupComplete("s", { epoch: again.epoch, seq: 3 }), true);
  },

  async "a session that is closed is forgotten, and nothing counts as lost"({ store, next }) {
    const known = { epoch: store.epoch, seq: 0 };
    await append(store, [numbered("s", 1), numbered("u", 1), numbered("s", 2)]);
    await forgetSession(store, "s");
    await forgetSession(store, "never seen");
    for (const sessionId of ["s", "u"]) {
      assert(await (await next()).isDedupComplete(sessionId, known), sessionId);
    }
    assertEquals(await outcomes(await next(), [numbered("u", 1), numbered("s", 1)]), ["dup 2", 4]);
  },

  async "what a session put before it was closed does not bring it back"({ store, next }) {
    const put = outcomes(store, [numbered("s", 1), numbered("u", 1)]);
    const forgotten = forgetSession(store, "s");
    assertEquals(await put, [1, 2]);
    await forgotten;
    assertEquals(await outcomes(await next(), [numbered("u", 1), numbered("s", 1)]), ["dup 2", 3]);
  },
};
