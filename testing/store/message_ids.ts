/**
 * What a store promises about a `messageId`: while a message with it is there, it is not stored again.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import { attributed } from "./attributes.ts";
import type { Put, Store } from "../../stores/store.ts";
import {
  append,
  apply,
  numbered,
  outcomes,
  type Promises,
  put,
  read,
  RETENTION,
  texts,
  trim,
} from "./support.ts";
import { SIZE, sized } from "./sized.ts";

/** A put with an id, perhaps of somebody, perhaps with the number of a session. */
export function identified(
  messageId: string,
  more: { topic?: string; text?: string; identity?: string; session?: string; n?: number } = {},
): Put {
  const { topic = "t", text = "x", ...rest } = more;
  return { ...attributed({ messageId }, topic, text), ...rest };
}

/** What an id takes besides its message. */
const ID_SIZE = 200;

/** The seqs of what is in a topic. */
const seqs = async (store: Store, topic = "t") =>
  (await read(store, { topic })).messages.map(({ seq }) => seq);

export const messageIds: Promises = {
  async "a repeated id has the number of its message, whatever its text and its attributes, and is not stored"(
    { store, next },
  ) {
    assertEquals(await outcomes(store, [identified("m", { text: "first" })]), [1]);
    const other = attributed({ messageId: "m", key: "k", delay: 5 }, "t", "other");
    assertEquals(await outcomes(await next(), [identified("m"), other, put("t", "second")]), [
      ...["dup 1", "dup 1", 2],
    ]);
    assertEquals(await outcomes(await next(), [other]), ["dup 1"]);
    await trim(await next());
    assertEquals(await outcomes(await next(), [other]), ["dup 1"]);
    assertEquals(await texts(await next()), ["first", "second"]);
  },

  async "the second of two equal ids in one batch, and in one turn, is a repetition"({ store }) {
    const one = identified("m");
    const together = [outcomes(store, [one, put("t"), one]), outcomes(store, [one, one])];
    assertEquals(await Promise.all(together), [[1, 2, "dup 1"], ["dup 1", "dup 1"]]);
    assertEquals(await seqs(store), [1, 2]);
  },

  async "an id is one of its topic and its identity: others have it for themselves"(
    { store, next },
  ) {
    const all = ["", "me", "you"].flatMap((identity) =>
      ["t", "u"].map((topic) => identified("m", { identity, topic }))
    );
    assertEquals(await outcomes(store, all), [1, 2, 3, 4, 5, 6]);
    assertEquals(
      await outcomes(await next(), all.toReversed()),
      [6, 5, 4, 3, 2, 1].map((seq) => `dup ${seq}`),
    );
    const { identity: _, ...nobody } = identified("m", { identity: "" });
    assertEquals(await outcomes(await next(), [nobody]), ["dup 1"]);
  },

  async "a page says whose each id is if that is asked for, and else does not"({ store, next }) {
    const all = [
      identified("m", { identity: "me" }),
      put("t", "without"),
      identified("m", { topic: "u", identity: "" }),
      attributed({ key: "k" }, "t", "of no id"),
      identified("m", { identity: "you" }),
    ];
    await append(store, all);
    // Not stored: the first one's is the first one's.
    await apply(await next(), [identified("m", { identity: "me", text: "again" })]);
    const everything = { prefix: "", after: 0, count: 10, bytes: 1e6, identities: true };
    const whose = async (after = 0) => {
      const [page] = await (await next()).read([{ ...everything, after }]);
      return page!.messages.map(({ seq, identity }) => [seq, identity]);
    };
    for (const trims of [false, true]) {
      if (trims) await trim(await next());
      assertEquals(await whose(), [
        [1, "me"],
        [2, undefined],
        [3, ""],
        [4, undefined],
        [5, "you"],
      ]);
      assertEquals(await whose(4), [[5, "you"]]);
      const [page] = await (await next()).read([{ ...everything, identities: false }]);
      assertEquals(page!.messages.length, 5);
      assert(page!.messages.every((message) => !("identity" in message)));
    }
    await apply(await next(), [{ type: "purge", topic: "t", before: { seq: 5 }, max: 9 }]);
    assertEquals(await whose(), [[3, ""], [5, "you"]]);
    await append(await next(), [identified("m", { identity: "me" })]);
    assertEquals(await whose(), [[3, ""], [5, "you"], [6, "me"]]);
  },

  async "ids are compared exactly: case, forms of one letter, lone surrogates, zeros"(
    { store, next },
  ) {
    const ids = [
      "a",
      "A",
      "\u00e9",
      "e\u0301",
      "\ud800",
      "\udfff",
      "\ufffd",
      "a\0",
      "a\0b",
      '"',
      "\\",
      "__proto__",
      " ",
      "1",
    ];
    const all = ids.map((id) => identified(id));
    assertEquals(await outcomes(store, all), ids.map((_, i) => i + 1));
    assertEquals(await outcomes(await next(), all), ids.map((_, i) => `dup ${i + 1}`));
  },

  async "an id is free once its message has expired, to the millisecond, whether or not it was purged"(
    { store, next, clock },
  ) {
    await append(store, [identified("a"), identified("b")]);
    clock.advance(RETENTION - 1);
    assertEquals(await outcomes(await next(), [identified("a")]), ["dup 1"]);
    clock.advance(1);
    assertEquals(await outcomes(await next(), [identified("a"), identified("a")]), [3, "dup 3"]);
    await trim(await next());
    assertEquals(await outcomes(await next(), [identified("b"), identified("a")]), [4, "dup 3"]);
  },

  async "an id is free once its message was dropped for others, also within one batch"(
    { limited, next },
  ) {
    const one = identified("m", { text: "" });
    const size = one.bytes + 101 + ID_SIZE;
    const store = await limited({ storedBytes: size + SIZE, overflow: "drop-oldest" });
    assertEquals(await outcomes(store, [one, sized("t", 1), one]), [1, 2, "dup 1"]);
    assertEquals(await outcomes(await next(), [sized("t", 2), one, sized("t", 3), one]), [
      ...[3, 4, 5, "dup 4"],
    ]);
    assertEquals(await seqs(await next()), [4, 5]);
  },

  async "a message with an id counts what the id takes, exactly, however it is stored"(
    { limited, next },
  ) {
    const ids = ["a", "ä\ud800"];
    const all = ids.map((id) => identified(id, { text: "" }));
    const total = all[0]!.bytes + all[1]!.bytes + 2 * (101 + ID_SIZE);
    let store = await limited({ storedBytes: total - 1 });
    assertEquals(await outcomes(store, all), [1, "full"]);
    store = await limited({ storedBytes: total });
    assertEquals(await outcomes(store, all), [1, 2]);
    await trim(store);
    assertEquals(await outcomes(await next(), [put("t", "")]), ["full"]);
    store = await limited({ storedBytes: total + 103, overflow: "drop-oldest" });
    await append(store, [...all, put("t", "")]);
    await trim(store);
    // Room for the first and no more.
    const large = put("t", "x".repeat(all[0]!.bytes - 2 + ID_SIZE));
    assertEquals(await outcomes(await next(), [large]), [4]);
    assertEquals(await seqs(await next()), [2, 3, 4]);
  },

  async "a repetition is answered though the store is full, though its session was refused, and though there are too many topics"(
    { limited, next },
  ) {
    const one = identified("m", { text: "" });
    const size = one.bytes + 101 + ID_SIZE;
    let store = await limited({ storedBytes: size });
    assertEquals(await outcomes(store, [one]), [1]);
    const again = identified("m", { session: "s", n: 2 });
    const batch = [numbered("s", 1), again, numbered("s", 3)];
    assertEquals(await outcomes(await next(), batch), ["full", "dup 1", "full"]);
    store = await limited({ topics: 1 });
    await append(store, [one]);
    assertEquals(await outcomes(await next(), [put("u"), one]), ["limit_exceeded", "dup 1"]);
  },

  async "a refused message leaves no id behind"({ limited, next }) {
    const store = await limited({ storedBytes: 4 * SIZE + 1000, overflow: "reject" });
    const large = identified("m", { text: "x".repeat(2000) });
    assertEquals(await outcomes(store, [large, large]), ["full", "full"]);
    assertEquals(await outcomes(await next(), [identified("m")]), [1]);
  },

  async "a put that its session repeats has the same answer as the first time, also when later numbers were stored meanwhile"(
    { store, next },
  ) {
    assertEquals(await outcomes(store, [identified("m", { text: "of another session" })]), [1]);
    const repeated = identified("m", { session: "s", n: 5 });
    const first = [numbered("s", 4), repeated, numbered("s", 6)];
    assertEquals(await outcomes(await next(), first), [2, "dup 1", 3]);
    assertEquals(await outcomes(await next(), first), ["dup 2", "dup 1", "dup 3"]);
    // The number counts first: it is that of another message.
    assertEquals(await outcomes(await next(), [numbered("s", 5)]), ["dup 1"]);
    assertEquals(await outcomes(await next(), [identified("m", { session: "s", n: 6 })]), [
      "dup 3",
    ]);
  },

  async "what a session has forgotten is known by its id"({ limited, next }) {
    const store = await limited({ dedupWindow: 2 });
    const all = [1, 2, 3, 4, 5, 6].map((n) => identified(`${n}`, { session: "s", n: 2 * n }));
    assertEquals(await outcomes(store, all), [1, 2, 3, 4, 5, 6]);
    assertEquals(await outcomes(await next(), all), [1, 2, 3, 4, 5, 6].map((seq) => `dup ${seq}`));
    assertEquals(await outcomes(await next(), [numbered("s", 2)]), ["unknown_outcome"]);
    assertEquals(await outcomes(await next(), [identified("other", { session: "s", n: 2 })]), [
      "unknown_outcome",
    ]);
  },

  async "whether all repetitions of a session would be recognised does not depend on ids"(
    { store, next, clock },
  ) {
    await append(store, [identified("m")]);
    const repeated = identified("m", { session: "s", n: 1 });
    assertEquals(await outcomes(store, [repeated, identified("n", { session: "s", n: 2 })]), [
      "dup 1",
      2,
    ]);
    const { epoch } = store;
    for (const seq of [0, 1, 2]) {
      assertEquals(await (await next()).isDedupComplete("s", { epoch, seq }), true);
    }
    assertEquals(await outcomes(await next(), [identified("n", { session: "s", n: 2 })]), [
      "dup 2",
    ]);
    clock.advance(RETENTION);
    assertEquals(await outcomes(await next(), [identified("n")]), [3]);
  },

  async "an id is free once its message was purged, and those that stay are not"({ store, next }) {
    const all = ["a", "b", "c", "d"].map((id) => identified(id));
    await append(store, [...all, identified("a", { topic: "u" })]);
    const [purged] = await apply(await next(), [
      { type: "purge", topic: "t", before: { seq: 3 }, max: 9 },
    ]);
    assertEquals(purged, { purged: 2, end: 3, more: false });
    assertEquals(await outcomes(await next(), [...all, identified("a", { topic: "u" })]), [
      ...[6, 7, "dup 3", "dup 4", "dup 5"],
    ]);
    await trim(await next());
    await apply(await next(), [{ type: "purge", topic: "t", max: 3 }]);
    // The oldest three went: 3, 4 and 6, which are "c", "d" and "a".
    assertEquals(await outcomes(await next(), all), [8, "dup 7", 9, 10]);
  },

  async "an id that is used again and again names its last message"({ next, clock }) {
    for (let seq = 1; seq <= 5; seq++) {
      assertEquals(await outcomes(await next(), [identified("m"), identified("m")]), [
        seq,
        `dup ${seq}`,
      ]);
      clock.advance(RETENTION);
      if (seq % 2 === 0) await trim(await next());
    }
  },
};
