/**
 * What a store promises about reads.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { TopicMessage } from "../../stores/store.ts";
import {
  append,
  assertMessages,
  type Promises,
  put,
  puts,
  read,
  readUpTo,
  RETENTION,
} from "./support.ts";

export const reading: Promises = {
  async "a page has the messages after its number, oldest first"({ store }) {
    const a = await append(store, puts("t", "1", "2", "3"));
    await append(store, puts("u", "other", "other"));
    const b = await append(store, puts("t", "4", "5"));
    const all = [...a, ...b];
    assertEquals((await read(store, { topic: "t" })).messages, all);
    for (const [i, { seq }] of all.entries()) {
      assertEquals((await read(store, { topic: "t", after: seq })).messages, all.slice(i + 1));
      assertEquals((await read(store, { topic: "t", after: seq - 1 })).messages, all.slice(i));
    }
  },

  async "a page has no more messages than asked for"({ store }) {
    const all = await append(store, puts("t", "1", "2", "3", "4"));
    for (const count of [1, 2, 3]) {
      assertEquals((await read(store, { topic: "t", count })).messages, all.slice(0, count));
    }
    for (const count of [4, 5, 1000]) {
      assertEquals((await read(store, { topic: "t", count })).messages, all);
    }
  },

  async "a page has no more bytes than asked for, counted in UTF-8"({ store }) {
    // Two quotes and two emoji: ten bytes each, but six units of UTF-16.
    const all = await append(store, puts("t", ...Array(9).fill("\u{1f995}\u{1f995}")));
    for (const bytes of [10, 19, 20, 29, 30, 55, 89]) {
      const { messages } = await read(store, { topic: "t", bytes });
      const some = messages.length;
      assert(some >= 1 && some * 10 <= bytes, `${some} messages in ${bytes} bytes`);
      assertEquals(messages, all.slice(0, some));
    }
    assertEquals((await read(store, { topic: "t", bytes: 10_000 })).messages, all);
  },

  async "one message is always returned, however large, and nothing with it"({ store }) {
    const small = await append(store, puts("t", "1", "2"));
    const large = await append(store, [put("t", "x".repeat(100_000)), put("t", "3")]);
    const page = (after: number, count: number) =>
      read(store, { topic: "t", after, bytes: 1000, count });
    for (const count of [1, 2, 3, 100]) {
      const position = small[1]!.seq;
      assertMessages((await page(position, count)).messages, [large[0]!]);
    }
    const before = (await page(0, 100)).messages;
    assertEquals(before, small.slice(0, before.length));
    assertEquals((await read(store, { topic: "t", bytes: 1, count: 9 })).messages, [small[0]!]);
  },

  async "paging by count and bytes visits each message once, in order"({ store }) {
    const all: TopicMessage[] = [];
    for (let i = 0; i < 60; i++) {
      const batch = Array.from(
        { length: 1 + i % 4 },
        (_, j) => put((i + j) % 3 === 0 ? "t" : "u", "\u00e9".repeat((i * 7 + j * 13) % 40)),
      );
      all.push(...await append(store, batch));
    }
    const { last } = await store.bounds();
    for (const topic of ["t", "u"]) {
      const expected = all.filter((message) => message.topic === topic);
      for (
        const [count, bytes] of [[1, 1], [2, 1e9], [1000, 1], [1000, 60], [3, 100], [1e6, 1e9]]
      ) {
        const query = { topic, count: count!, bytes: bytes! };
        assertMessages(await readUpTo(store, last, query), expected);
      }
    }
  },

  async "`through` skips no message, and never goes back"({ store }) {
    const all: TopicMessage[] = [];
    for (let i = 0; i < 20; i++) {
      all.push(...await append(store, [put("u"), ...puts("t", "1", "22", "333"), put("v")]));
    }
    const { last } = await store.bounds();
    for (const topic of ["t", "u", "unknown"]) {
      for (const after of [0, 1, 17, last - 3, last - 1, last]) {
        for (const [count, bytes] of [[1, 1e9], [7, 1e9], [100, 9], [1000, 1e9]]) {
          const page = await read(store, { topic, after, count: count!, bytes: bytes! });
          const covered = all.filter(({ seq, topic: of }) =>
            of === topic && seq > after && seq <= page.through
          );
          assertEquals(page.messages, covered, `${topic} after ${after}, ${count}, ${bytes}`);
          assert(page.through >= after);
          if (page.messages.length === 0) assert(page.through >= last, "an empty page is the end");
        }
      }
    }
  },

  async "an empty page moves past everything that was stored in other topics"({ store, clock }) {
    const [t] = await append(store, [put("t")]);
    const others = await append(store, puts("u", "1", "2"));
    for (const query of [{ topic: "t", after: t!.seq }, { topic: "unknown" }]) {
      for (const newest of [false, true]) {
        const page = await read(store, { ...query, newest });
        assertEquals(page.messages, []);
        assertEquals(page.through, others[1]!.seq);
      }
    }
    clock.advance(RETENTION);
    assertEquals((await read(store, { topic: "t" })).through, others[1]!.seq);
  },

  async "a number beyond the last message stays where it is"({ store }) {
    const [message] = await append(store, [put("t")]);
    for (const newest of [false, true]) {
      const page = await read(store, { topic: "t", after: message!.seq + 10, newest });
      assertEquals(page.messages, []);
      assertEquals(page.through, message!.seq + 10);
    }
  },

  async "the newest message is returned alone, and `through` moves past all before it"({ store }) {
    const all = await append(store, puts("t", "1", "2", "x".repeat(100), "\u{1f995}"));
    await append(store, [put("u")]);
    const { last } = await store.bounds();
    for (const after of [0, all[0]!.seq, all[2]!.seq]) {
      for (const [count, bytes] of [[1, 1], [1000, 1e9]]) {
        const query = { topic: "t", after, count: count!, bytes: bytes!, newest: true };
        const page = await read(store, query);
        assertEquals(page.messages, [all[3]!]);
        assert(page.through >= all[3]!.seq && page.through <= last);
      }
    }
    const page = await read(store, { topic: "t", after: all[3]!.seq, newest: true });
    assertEquals(page.messages, []);
  },

  async "each of several queries gets its own answer, in their order"({ store }) {
    const t = await append(store, puts("t", "1", "2", "3"));
    const u = await append(store, puts("u", "4"));
    const all = { after: 0, count: 100, bytes: 1e9 };
    const pages = await store.read([
      { ...all, topic: "u" },
      { ...all, topic: "t", count: 1 },
      { ...all, topic: "unknown" },
      { ...all, topic: "t", newest: true },
      { ...all, topic: "t", after: t[0]!.seq },
    ]);
    const seqs = pages.map(({ messages }) => messages.map(({ seq }) => seq));
    const [first, second, third] = t.map(({ seq }) => seq);
    assertEquals(seqs, [[u[0]!.seq], [first!], [], [third!], [second!, third!]]);
    assertEquals(await store.read([]), []);
  },

  async "reading removes nothing"({ store }) {
    const all = await append(store, puts("t", "1", "2"));
    for (let time = 0; time < 3; time++) {
      assertEquals((await read(store, { topic: "t" })).messages, all);
      assertEquals((await read(store, { topic: "t", newest: true })).messages, [all[1]!]);
    }
  },
};
