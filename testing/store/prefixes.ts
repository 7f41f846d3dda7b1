/**
 * What a store promises about prefixes: the messages of all topics that begin with a text, in the order of the store.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Gone, PrefixPageQuery, Store, TopicMessage } from "../../stores/store.ts";
import {
  append,
  assertMessages,
  type Promises,
  put,
  RETENTION,
  topicNames,
  trimAll,
} from "./support.ts";
import { SIZE, sized } from "./sized.ts";
import { seeded } from "../seeded.ts";

/** Reads page after page to the end, and checks that each is within its limits. */
async function readAll(
  store: Store,
  prefix: string,
  query: Partial<PrefixPageQuery> = {},
): Promise<TopicMessage[]> {
  const { count = 1_000_000, bytes = 2 ** 40 } = query;
  const { last } = await store.bounds();
  const messages: TopicMessage[] = [];
  for (let after = query.after ?? 0; after < last;) {
    const [page] = await store.read([{ ...query, prefix, after, count, bytes }]);
    const total = page!.messages.reduce((sum, message) => sum + message.bytes, 0);
    assert(page!.messages.length <= count, `at most ${count} messages`);
    assert(total <= bytes || page!.messages.length === 1, `at most ${bytes} bytes, got ${total}`);
    assert(page!.through > after, `a page continues after ${after}`);
    assert(page!.messages.every(({ seq }) => seq > after && seq <= page!.through));
    // A page that is neither full nor the last one says that there may be more.
    if (page!.messages.length === 0 && page!.through < last) assertEquals(page!.more, true);
    messages.push(...page!.messages);
    after = page!.through;
  }
  return messages;
}

/** What is gone of prefixes, as both queries report it. */
async function gone(store: Store, ...prefixes: string[]): Promise<(Gone | undefined)[]> {
  const pages = await store.read(prefixes.map((prefix) => {
    return { prefix, after: 0, count: 1, bytes: 1, gone: true };
  }));
  const standings = await store.topicBounds(prefixes.map((prefix) => ({ prefix })));
  const reported = pages.map((page) => page.gone);
  assertEquals(standings.map((standing) => standing.gone), reported);
  for (const page of pages) assertEquals("gone" in page, page.gone !== undefined);
  return reported;
}

export const prefixed: Promises = {
  async "a prefix reads all topics that begin with it, in the order in which their messages were stored"(
    { store },
  ) {
    const names = [
      "a",
      "a.b",
      "b",
      "a.c",
      "ab",
      "A",
      "a.b",
      "\u00e9",
      "a",
      "a.b.c",
      "a.b",
      "9",
      "a9",
    ];
    const all = await append(store, names.map((name, i) => put(name, `${i}`)));
    for (let moved = 0; moved < 2; moved++) {
      for (const prefix of ["", "a", "a.", "a.b", "a.b.", "a.b.c", "ab", "b", "c", "9", "\u00e9"]) {
        const expected = all.filter(({ topic }) => topic.startsWith(prefix));
        assertMessages(await readAll(store, prefix), expected);
        for (const count of [1, 2, 3]) {
          assertMessages(await readAll(store, prefix, { count }), expected);
        }
      }
      await topicNames(store);
    }
  },

  async "a name begins with a prefix as it does in UTF-8, also at the ends of ranges of characters"(
    { store },
  ) {
    const edges = [
      "\ud7ff",
      "\ue000",
      "\uffff",
      "\u{10000}",
      "\u{10ffff}",
      "\u{1f995}",
      "\u007e",
      "\u00a0",
    ];
    const names = edges.flatMap((edge) => [edge, `${edge}a`, `${edge}${edge}`, `a${edge}`]);
    const all = await append(store, names.map((name) => put(name)));
    await topicNames(store);
    for (const prefix of [...edges, ...edges.map((edge) => `${edge}${edge}`), "a", ""]) {
      const expected = all.filter(({ topic }) => topic.startsWith(prefix));
      assertMessages(await readAll(store, prefix), expected);
    }
  },

  async "what looks like a pattern is an ordinary character of a prefix"({ store }) {
    const names = ["a%b", "a_b", "a*b", "axb", "a.b", "a?b", "a[b", "%", "_", "*"];
    const all = await append(store, names.map((name) => put(name)));
    for (const name of names) {
      for (const prefix of [name, name.slice(0, -1)]) {
        const expected = all.filter(({ topic }) => topic.startsWith(prefix));
        assertMessages(await readAll(store, prefix), expected);
      }
    }
  },

  async "a page of a prefix continues after any number, and ends at its limits"({ store }) {
    const all: TopicMessage[] = [];
    const random = seeded(7);
    const names = ["p.a", "p.b", "q", "p.c", "pq"];
    for (let i = 0; i < 40; i++) {
      const run = 1 + random(5) ** 3;
      const topic = names[random(names.length)]!;
      const size = random(10) === 0 ? 20_000 : random(300);
      all.push(
        ...await append(store, Array.from({ length: run }, () => put(topic, "x".repeat(size)))),
      );
      if (i % 7 === 0) await topicNames(store);
    }
    for (const prefix of ["p.", "p", "q", ""]) {
      const expected = all.filter(({ topic }) => topic.startsWith(prefix));
      for (const bytes of [1, 1000, 50_000, 2 ** 40]) {
        assertMessages(await readAll(store, prefix, { bytes }), expected);
      }
      assertMessages(await readAll(store, prefix, { count: 17, bytes: 3000 }), expected);
      for (let after = 0; after <= all.length + 1; after += 13) {
        const [page] = await store.read([{ prefix, after, count: 9, bytes: 2 ** 40 }]);
        assertMessages(page!.messages, expected.filter(({ seq }) => seq > after).slice(0, 9));
      }
    }
  },

  async "a page of a prefix has the newest messages, also those of topics that are new"({ store }) {
    const all = await append(store, [put("p.1"), put("q")]);
    for (let i = 0; i < 20; i++) {
      if (i % 3 === 0) await topicNames(store);
      all.push(...await append(store, [put(`p.${i}`), put("q"), put(`p.new ${i}`)]));
      const [{ last }, after] = [await store.bounds(), all.at(-3)!.seq];
      // Those before it may have moved, and these not.
      const [page] = await store.read([{ prefix: "p.", after, count: 100, bytes: 2 ** 40 }]);
      assertMessages(page!.messages, all.slice(-1));
      assert(page!.through === last || page!.through === all.at(-1)!.seq);
      const [end] = await store.read([{ prefix: "p.", after: last, count: 1, bytes: 1 }]);
      assertEquals([end!.messages, end!.through, end!.more], [[], last, undefined]);
      const expected = all.filter(({ topic }) => topic.startsWith("p."));
      assertMessages(await readAll(store, "p."), expected);
    }
  },

  async "few topics among very many, and very many, are read to the end, page by page"({ store }) {
    const all: TopicMessage[] = [];
    // More rows than one page looks through, and more topics than one page looks up.
    for (let i = 0; i < 40; i++) {
      const batch = Array.from({ length: 1000 }, (_, j) => {
        if (j % 2 === 0) return put("other");
        return put(i === 37 && j === 501 ? "few.b" : i < 3 ? `many.${i}.${j}` : `another ${j % 7}`);
      });
      all.push(...await append(store, batch));
    }
    all.push(...await append(store, [put("few.a"), put("few.b"), put("many.last"), put("other")]));
    for (const prefix of ["few.", "many.", "none"]) {
      const expected = all.filter(({ topic }) => topic.startsWith(prefix));
      assertMessages(await readAll(store, prefix), expected);
      assertMessages(await readAll(store, prefix, { count: 1024, bytes: 200_000 }), expected);
    }
    const [page] = await store.read([{ prefix: "few.", after: 0, count: 10, bytes: 2 ** 40 }]);
    assertEquals(page!.messages.map(({ topic }) => topic), ["few.b", "few.a", "few.b"]);
  },

  async "expired messages of a prefix are not returned, to the millisecond, purged or not"(
    { store, clock },
  ) {
    const all: TopicMessage[] = [];
    for (let i = 0; i < 30; i++) {
      all.push(...await append(store, [put(`p.${i % 4}`), put("q"), put(`p.${i % 4}`)]));
      clock.advance(1);
    }
    clock.advance(RETENTION - 30);
    for (let i = 0; i <= 30; i++) {
      const expected = all.filter(({ topic, time }) =>
        topic.startsWith("p.") && time > clock.now() - RETENTION
      );
      assertMessages(await readAll(store, "p."), expected);
      if (i % 5 === 0) await trimAll(store);
      clock.advance(1);
    }
  },

  async "the gap of a prefix is the newest message that is gone of any of its topics"(
    { store, clock, next },
  ) {
    const start = clock.now();
    assertEquals(await gone(store, "p.", "", "r"), [undefined, undefined, undefined]);
    await append(store, [put("p.a"), put("q"), put("p.b"), put("p.a"), put("q")]);
    clock.advance(3);
    await append(store, [put("p.b"), put("r"), put("q")]);
    assertEquals(await gone(await next(), "p.", "", "r"), [undefined, undefined, undefined]);
    clock.advance(RETENTION - 3);
    const at = start + RETENTION;
    const gaps = async () => await gone(await next(), "p.", "p.b", "q", "", "r", "unknown");
    for (let step = 0; step < 3; step++) {
      const [p, b, q] = [4, 3, 5].map((seq) => ({ seq, at }));
      assertEquals(await gaps(), [p, b, q, q, undefined, undefined]);
      if (step === 0) await topicNames(await next());
      if (step === 1) await trimAll(await next());
    }
    clock.advance(3);
    for (let step = 0; step < 3; step++) {
      const [p, b, q, r] = [6, 6, 8, 7].map((seq) => ({ seq, at: at + 3 }));
      assertEquals(await gaps(), [p, b, q, q, r, undefined], "also of topics that are empty now");
      if (step === 0) await trimAll(await next());
      if (step === 1) await append(await next(), [put("p.a"), put("unknown")]);
    }
  },

  async "what is gone of a prefix is reported only after the number from which it is read"(
    { store, clock },
  ) {
    await append(store, [put("p.a"), put("p.b"), put("q"), put("q")]);
    clock.advance(RETENTION);
    const at = clock.now();
    const [later] = await append(store, [put("p.a")]);
    for (let purged = 0; purged < 2; purged++) {
      for (const [after, seq] of [[0, 2], [1, 2], [2, undefined], [3, undefined], [5, undefined]]) {
        const expected = seq === undefined ? undefined : { seq, at };
        const query = { prefix: "p.", after: after!, count: 9, bytes: 100, gone: true };
        const [page] = await store.read([query]);
        assertEquals(page!.gone, expected);
        assertMessages(page!.messages, after! < 5 ? [later!] : []);
        assertEquals("gone" in (await store.read([{ ...query, gone: false }]))[0]!, false);
      }
      await trimAll(store);
    }
  },

  async "never less than the truth is said of what is gone of a prefix, however many topics are"(
    { clock, limited },
  ) {
    const store = await limited({ goneTopics: 8 });
    const random = seeded(3);
    const newest = new Map<string, number>();
    for (let round = 0; round < 12; round++) {
      const batch = Array.from({ length: 20 }, () => put(`${"pq"[random(2)]}.${random(30)}`));
      const stored = await append(store, batch);
      clock.advance(RETENTION);
      for (const { topic, seq } of stored) {
        for (const prefix of ["", topic[0]!, topic]) newest.set(prefix, seq);
      }
      if (round % 2 === 0) await trimAll(store);
      for (const [prefix, seq] of newest) {
        const [found] = await gone(store, prefix);
        assert(found!.seq >= seq, `${seq} of ${prefix} is gone, the store says ${found!.seq}`);
        assert(found!.seq <= stored.at(-1)!.seq);
      }
    }
  },

  async "what was evicted of a prefix is gone"({ limited }) {
    const store = await limited({ storedBytes: 10 * SIZE, overflow: "drop-oldest" });
    const all: TopicMessage[] = [];
    for (let i = 0; i < 30; i++) all.push(...await append(store, [sized("pq"[i % 2]!, i)]));
    for (let moved = 0; moved < 2; moved++) {
      const { floor } = await store.bounds();
      assertEquals((await gone(store, "p", "q", "")).map((one) => one?.seq), [19, 20, 20]);
      assertMessages(
        await readAll(store, "p"),
        all.filter(({ seq, topic }) => seq > floor && topic === "p"),
      );
      await trimAll(store);
    }
  },
};
