/**
 * What a store promises about a put with a number of its session that repeats a `messageId`: the session has its answer.
 *
 * @module
 */

import { assertEquals } from "../assert.ts";
import type { Put } from "../../stores/store.ts";
import { identified } from "./message_ids.ts";
import {
  append,
  apply,
  forgetSession,
  numbered,
  openSession,
  outcomes,
  type Promises,
  put,
  RETENTION,
  texts,
  trimAll,
} from "./support.ts";

const ID_SIZE = 200;
const PURGE = { type: "purge", topic: "t", max: 1e6 } as const;

/** A put of a session with an id. */
function again(messageId: string, n: number, session = "s"): Put {
  return identified(messageId, { session, n, text: "again" });
}

export const repeatedIds: Promises = {
  async "a put that repeats an id has the same answer when its session repeats it, though the message was purged or has expired, and whatever its session has put since"(
    { store, next, clock },
  ) {
    await append(store, [identified("m"), identified("n"), put("u")]);
    const first = [again("m", 1), numbered("s", 2, "u"), again("n", 4), again("m", 5)];
    const answers = ["dup 1", 4, "dup 2", "dup 1"];
    assertEquals(await outcomes(await next(), first), answers);
    await apply(await next(), [PURGE]);
    const repeated = ["dup 1", "dup 4", "dup 2", "dup 1"];
    assertEquals(await outcomes(await next(), first), repeated);
    assertEquals(await outcomes(await next(), [numbered("s", 6), numbered("s", 3)]), [
      ...[5, "superseded"],
    ]);
    clock.advance(RETENTION / 2);
    await openSession(await next(), "s");
    clock.advance(RETENTION / 2);
    await trimAll(await next());
    assertEquals(await outcomes(await next(), first), repeated);
    assertEquals(await texts(await next()), []);
  },

  async "others who repeat the id of a message that is gone store theirs"({ store, next }) {
    await append(store, [identified("m")]);
    assertEquals(await outcomes(await next(), [again("m", 1)]), ["dup 1"]);
    await apply(await next(), [PURGE]);
    assertEquals(await outcomes(await next(), [again("m", 1, "q"), again("m", 2), again("m", 1)]), [
      ...[2, "dup 2", "dup 1"],
    ]);
    await forgetSession(await next(), "s");
    await apply(await next(), [PURGE]);
    assertEquals(await outcomes(await next(), [again("m", 1)]), [3]);
  },

  async "a list in which some are repetitions has the same answers when it is repeated"(
    { store, next },
  ) {
    await append(store, ["a", "b", "c", "d"].map((id) => identified(id)));
    const ids = ["a", "b", "new", "c", "new", "other", "d", "a", "a"];
    const list = ids.map((id, i) => again(id, 10 + i));
    const seqs = [1, 2, 5, 3, 5, 6, 4, 1, 1];
    const isNew = (i: number) => seqs.indexOf(seqs[i]!) === i && seqs[i]! > 4;
    const answers = seqs.map((seq, i) => isNew(i) ? seq : `dup ${seq}`);
    assertEquals(await outcomes(await next(), list), answers);
    for (let i = 0; i < 2; i++) {
      assertEquals(await outcomes(await next(), list), seqs.map((seq) => `dup ${seq}`));
      await apply(await next(), [PURGE]);
    }
  },

  async "a session that has only repeated ids is known after a restart, and belongs to its owner"(
    { limited, next },
  ) {
    const store = await limited({ dedupRuns: 4 });
    await append(store, [identified("m")]);
    const mine = { ...again("m", 1, "mine"), owner: "me" };
    assertEquals(await outcomes(await next(), [mine]), ["dup 1"]);
    // Each of these is a run of its own, and the one who has most of them loses the oldest.
    const others = [1, 2, 3, 4, 5].map((n) => ({ ...again("m", n, "other"), owner: "other" }));
    for (const other of others) assertEquals(await outcomes(await next(), [other]), ["dup 1"]);
    await apply(await next(), [PURGE]);
    assertEquals(await outcomes(await next(), [mine, ...others]), [
      ...["dup 1", "unknown_outcome", "unknown_outcome", "dup 1", "dup 1", "dup 1"],
    ]);
  },

  async "a session that may have forgotten such an answer does not say that it remembers all"(
    { limited, next },
  ) {
    const store = await limited({ dedupRuns: 2 });
    await append(store, [identified("m"), put("u")]);
    assertEquals(await outcomes(await next(), [again("m", 1), again("m", 2)]), ["dup 1", "dup 1"]);
    const isCompleteAfter = async (seq: number) => {
      const store = await next();
      return await store.isDedupComplete("s", { epoch: store.epoch, seq });
    };
    assertEquals(await isCompleteAfter(2), true);
    assertEquals(await outcomes(await next(), [again("m", 3)]), ["dup 1"]);
    // A client that knows 2 may wait for the answer to its put 1.
    assertEquals(await isCompleteAfter(2), false);
    await append(await next(), [put("u")]);
    assertEquals(await isCompleteAfter(3), true);
    await apply(await next(), [PURGE]);
    assertEquals(await outcomes(await next(), [again("m", 1), again("m", 2)]), [
      ...["unknown_outcome", "dup 1"],
    ]);
  },

  async "an unused session that repeated an id is forgotten as others are"(
    { store, clock },
  ) {
    await append(store, [identified("m")]);
    assertEquals(await outcomes(store, [again("m", 1), put("u")]), ["dup 1", 2]);
    await apply(store, [PURGE]);
    clock.advance(RETENTION);
    assertEquals(await outcomes(store, [again("m", 1)]), [3]);
  },

  async "a repetition behind a put that the full store refused keeps that from being superseded"(
    { limited, next },
  ) {
    const one = identified("m", { text: "" });
    const store = await limited({ storedBytes: one.bytes + 101 + ID_SIZE });
    assertEquals(await outcomes(store, [one]), [1]);
    const batch = [numbered("s", 1), again("m", 2)];
    assertEquals(await outcomes(await next(), batch), ["full", "dup 1"]);
    await apply(await next(), [PURGE]);
    assertEquals(await outcomes(await next(), [numbered("s", 1)]), [2]);
  },
};
