/**
 * What a store promises about sessions: how long it remembers each, and what it knows about those that it forgot.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import {
  append,
  forgetSession,
  numbered,
  openSession,
  outcomes,
  type Promises,
  put,
  RETENTION,
  trimAll,
} from "./support.ts";

export const sessions: Promises = {
  async "a session that is not used for long is forgotten, and `dedupFloor` says so"(
    { store, clock, next },
  ) {
    const { epoch } = store;
    await append(store, [put("t"), numbered("old", 1), numbered("old", 2), put("t")]);
    await append(store, [numbered("new", 1)]);
    clock.advance(RETENTION / 2);
    await append(await next(), [numbered("new", 2)]);
    // A session in use is not forgotten; the restarts of this test count as use.
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
    // A session that comes back may have stored any number before the one with which it comes back.
    if (!forgotten) return;
    assertEquals(await again.isDedupComplete("old", { epoch, seq: 2 }), false);
    await append(again, [numbered("old", 9)]);
    await append(again, [numbered("back", 5)]);
    assertEquals(await outcomes(await next(), [numbered("old", 8), numbered("back", 4)]), [
      "superseded",
      "unknown_outcome",
    ]);
  },

  async "when sessions are forgotten to make room, each knows what it lost"(
    { limited, next },
  ) {
    const store = await limited({ dedupRuns: 6 });
    await append(store, [numbered("quiet", 1)]);
    // Taking turns: each put is a run of its own.
    for (let n = 1; n <= 5; n++) {
      await append(await next(), [numbered("a", n), numbered("b", n)]);
    }
    const again = await next();
    const { epoch } = again;
    const remembered = async (sessionId: string, ...seqs: number[]) =>
      await Promise.all(seqs.map((seq) => again.isDedupComplete(sessionId, { epoch, seq })));
    // Of eleven runs, the first five are lost: that of the quiet session, and two of each of the others.
    assertEquals(await remembered("a", 3, 4, 11), [false, true, true]);
    assertEquals(await remembered("b", 4, 5, 11), [false, true, true]);
    const batch = [2, 3].flatMap((n) => [numbered("a", n), numbered("b", n)]);
    const expected = ["unknown_outcome", "unknown_outcome", "dup 6", "dup 7"];
    assertEquals(await outcomes(again, batch), expected);
    // A session that is looked up is known from then on, which displaces one more run.
    assertEquals(await remembered("quiet", 0, 1), [false, true]);
    assertEquals(await remembered("never seen", 0, 1), [false, true], "it might be the quiet one");
    assertEquals(await outcomes(await next(), [numbered("quiet", 2), numbered("quiet", 1)]), [
      12,
      "unknown_outcome",
    ]);
  },

  async "an owner that puts too much loses its own records, before and after a restart, and others lose nothing"(
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

  async "a repetition keeps a session alive, and so does opening it again"(
    { store, clock },
  ) {
    const sessionIds = ["repeats", "is opened", "is quiet", "is looked up"];
    await append(store, sessionIds.map((sessionId) => numbered(sessionId, 1)));
    const known = { epoch: store.epoch, seq: 0 };
    for (let i = 0; i < 4; i++) {
      clock.advance(RETENTION / 2);
      await outcomes(store, [numbered("repeats", 1)]);
      await openSession(store, "is opened");
      await store.isDedupComplete("is looked up", known);
      await trimAll(store);
    }
    const remembered = await Promise.all(
      sessionIds.map((sessionId) => store.isDedupComplete(sessionId, known)),
    );
    assertEquals(remembered, [true, true, false, false]);
    const again = await outcomes(store, sessionIds.map((sessionId) => numbered(sessionId, 1)));
    assertEquals(again, ["dup 1", "dup 2", 5, 6]);
  },

  async "deduplication is complete after a position of this history, and of no other"(
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

  async "a closed session is forgotten, and nothing counts as lost"({ store, next }) {
    const known = { epoch: store.epoch, seq: 0 };
    await append(store, [numbered("s", 1), numbered("u", 1), numbered("s", 2)]);
    await forgetSession(store, "s");
    await forgetSession(store, "never seen");
    for (const sessionId of ["s", "u"]) {
      assert(await (await next()).isDedupComplete(sessionId, known), sessionId);
    }
    assertEquals(await outcomes(await next(), [numbered("u", 1), numbered("s", 1)]), ["dup 2", 4]);
  },

  async "a put from before a session was closed does not bring it back"({ store, next }) {
    const put = outcomes(store, [numbered("s", 1), numbered("u", 1)]);
    const forgotten = forgetSession(store, "s");
    assertEquals(await put, [1, 2]);
    await forgotten;
    assertEquals(await outcomes(await next(), [numbered("u", 1), numbered("s", 1)]), ["dup 2", 3]);
  },
};
