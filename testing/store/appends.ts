/**
 * What a store promises about appends.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "../assert.ts";
import { type Command, StoreError } from "../../stores/store.ts";
import {
  append,
  apply,
  assertIncreasing,
  assertMessages,
  Feed,
  type Promises,
  put,
  puts,
  read,
  RETENTION,
  topicNames,
  trim,
  trimAll,
} from "./support.ts";

/** Texts that something between a client and a disk might damage. */
const TEXTS = [
  "",
  " ",
  "\0",
  "before\0after",
  "\ud800",
  "\udc00 a tail without a head",
  "\u{1f995}",
  "e\u0301 and \u00e9",
  `"quotes" and 'quotes'`,
  "back\\slash, \\u0000, \\\\",
  "\r\n\t\b\f\u007f\u0080\u2028\u2029",
  "\ufeffmark, \ufffd, \uffff, \u{10ffff}",
  "123",
  "1e999",
  "null",
  "x'00'",
  "[1,2]",
];

export const appending: Promises = {
  async "numbers strictly increase over all topics"({ store }) {
    const seqs: number[] = [];
    for (const topic of ["a", "b", "a", "c"]) {
      seqs.push(...(await append(store, [put(topic)])).map(({ seq }) => seq));
      seqs.push(...(await append(store, puts(topic, "1", "2"))).map(({ seq }) => seq));
      const mixed = [put("a"), put("b"), put("b"), put(topic)];
      seqs.push(...(await append(store, mixed)).map(({ seq }) => seq));
    }
    assertEquals(seqs.length, 28);
    assertIncreasing(seqs);
  },

  async "a number is never used again, even after everything was purged"({ store, clock }) {
    const seqs: number[] = [];
    for (let round = 0; round < 3; round++) {
      seqs.push(...(await append(store, puts("t", "1", "2", "3"))).map(({ seq }) => seq));
      clock.advance(RETENTION);
      await trimAll(store);
      assertEquals((await read(store, { topic: "t" })).messages, []);
      assertEquals((await store.bounds()).last, seqs.at(-1));
    }
    assertIncreasing(seqs);
  },

  async "the results of an append match its batch in length and order"({ store }) {
    const batches = [
      puts("t", "alone"),
      puts("t", "1", "2", "3"),
      [put("u", "1"), put("t", "4"), put("u", "2"), put("u", "3"), put("t", "5")],
      Array.from({ length: 5000 }, (_, i) => put("t", `many ${i}`)),
      Array.from({ length: 5000 }, (_, i) => put(`of ${i % 7 % 3}`, `mixed ${i}`)),
    ];
    const expected = [];
    for (const batch of batches) expected.push(...await append(store, batch));
    for (const [topic, messages] of Map.groupBy(expected, ({ topic }) => topic)) {
      assertMessages((await read(store, { topic })).messages, messages);
    }
  },

  async "an empty batch stores nothing and feeds nothing"({ store }) {
    await append(store, [put("t")]);
    const before = await store.bounds();
    using feed = await Feed.open(store);
    assertEquals(await apply(store, []), []);
    assertEquals(await store.bounds(), before);
    await feed.until((await append(store, [put("t")]))[0]!);
    assertEquals(feed.portions, [1]);
  },

  async "simultaneous appends are all stored, each in order"({ store }) {
    const batches = await Promise.all(
      Array.from({ length: 50 }, (_, i) => append(store, puts("t", `${i} a`, `${i} b`, `${i} c`))),
    );
    for (const batch of batches) assertIncreasing(batch.map(({ seq }) => seq));
    const expected = batches.flat().sort((a, b) => a.seq - b.seq);
    assertIncreasing(expected.map(({ seq }) => seq));
    assertMessages((await read(store, { topic: "t" })).messages, expected);
  },

  async "a body is read exactly as it was put, alone or in a batch"({ store }) {
    for (const text of TEXTS) await append(store, [put("alone", text)]);
    await append(store, puts("together", ...TEXTS));
    for (const topic of ["alone", "together"]) {
      const { messages } = await read(store, { topic });
      assertEquals(messages.map(({ body }) => body), TEXTS.map((text) => JSON.stringify(text)));
      assertEquals(messages.map(({ body }) => JSON.parse(body)), TEXTS);
      assertEquals(messages.map(({ bytes }) => bytes), TEXTS.map((text) => put("", text).bytes));
    }
  },

  async "a body keeps its encoding, even one that is not ours"({ store }) {
    const bodies = [String.raw`"\/\u0041\u00E9\ud83e\udd95\u000a"`, '"\u007f\u{1f995}/"'];
    const batch = bodies.map((body) => {
      return {
        type: "put" as const,
        topic: "t",
        body,
        bytes: new TextEncoder().encode(body).length,
      };
    });
    const one = await append(store, batch.slice(0, 1));
    const many = await append(store, batch);
    assertEquals((await read(store, { topic: "t" })).messages, [...one, ...many]);
  },

  async "a very large body is read exactly as it was put"({ store }) {
    const large = ["\0".repeat(1_000_000), '\u{1f995}\\"'.repeat(300_000), "x".repeat(4_000_000)];
    const messages = await append(store, [put("t", large[0]), ...puts("u", ...large)]);
    assertMessages((await read(store, { topic: "t" })).messages, messages.slice(0, 1));
    assertMessages((await read(store, { topic: "u" })).messages, messages.slice(1));
  },

  async "topics are distinguished by their exact names, however odd"({ store }) {
    const names = [
      ...["__proto__", "constructor", "toString", "a", "A", "a ", " a", "\u00e9", "e\u0301"],
      ...["'", '"', "`", "\\", "'; DROP TABLE messages; --", "%", "_", "?", "?1", ":a", "*", ">"],
      ...["a.b", "a/b", "..", "0", "00", "1e3", "null", "\ufeffa", "\u{1f995}", "\uffee"],
      ...["x".repeat(256), "x".repeat(255), "\u{1f995}".repeat(64)],
    ];
    const one = await append(store, names.map((name) => put(name, `first of ${name}`)));
    const two = [];
    for (const name of names) two.push(...await append(store, [put(name, `second of ${name}`)]));
    for (const [i, topic] of names.entries()) {
      assertEquals((await read(store, { topic })).messages, [one[i]!, two[i]!]);
      assertEquals((await read(store, { topic, newest: true })).messages, [two[i]!]);
    }
    assertEquals((await topicNames(store)).toSorted(), names.toSorted());
  },

  async "each store has its own name and epoch, and states its durability"(
    { store, another },
  ) {
    await using other = await another();
    assertNotEquals(store.epoch, other.epoch);
    assertNotEquals(store.id, other.id);
    assert(store.epoch.length >= 22 && store.id.length >= 22, "nobody can guess it");
    assert(["memory", "process", "disk", "quorum"].includes(store.durability), store.durability);
    assert(store.description.length > 0);
  },

  async "a closed store rejects every call with a StoreError"({ another }) {
    const store = await another();
    await append(store, [put("t")]);
    await store[Symbol.asyncDispose]();
    const commands = [put("t"), put("u"), { type: "forget_session", session: "s" } as const];
    const refused = await apply<Command>(store, commands).catch((error) => Array(3).fill(error));
    assertEquals(refused.map((result) => result instanceof StoreError), [true, true, true]);
    const query = { topic: "t", after: 0, count: 1, bytes: 1 };
    await assertRejects(() => store.read([query]), StoreError);
    await assertRejects(() => store.bounds(), StoreError);
    await assertRejects(() => store.topicBounds([{ topic: "t" }]), StoreError);
    const known = { epoch: store.epoch, seq: 0 };
    await assertRejects(() => store.isDedupComplete("s", known), StoreError);
    await assertRejects(() => store.seqBefore(0), StoreError);
    await assertRejects(() => store.topics({ prefix: "", after: "", count: 1 }), StoreError);
    await assertRejects(() => trim(store, 1), StoreError);
    await assertRejects(() => store.follow({ stored() {}, lost() {} }), StoreError);
  },

  async "a store may be closed twice"({ another }) {
    const store = await another();
    await append(store, [put("t")]);
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  },
};
