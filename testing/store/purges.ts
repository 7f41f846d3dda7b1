/**
 * What a store promises about purges.
 *
 * @module
 */

import { assertEquals } from "../assert.ts";
import { type Purge, type PurgeResult, type Store, StoreError } from "../../stores/store.ts";
import {
  append,
  apply,
  Feed,
  outcomes,
  type Promises,
  put,
  puts,
  read,
  RETENTION,
  texts,
  topicNames,
  trimAll,
} from "./support.ts";
import { SIZE, sized } from "./sized.ts";

/** Purges a topic, all at once unless `max` says otherwise. */
async function purge(
  store: Store,
  topic: string,
  before?: Purge["before"],
  max = 1_000_000,
): Promise<PurgeResult> {
  const [result] = await apply(store, [{ type: "purge", topic, before, max }]);
  if (result instanceof StoreError) throw result;
  return result!;
}

export const purging: Promises = {
  async "a purge removes the messages of its topic and of no other, and a topic without messages has none to purge"(
    { store, next },
  ) {
    await append(store, [put("t", "1"), put("u", "2"), put("t", "3")]);
    assertEquals(await purge(store, "t"), { purged: 2, end: 4, more: false });
    assertEquals(await purge(await next(), "t"), { purged: 0, end: 4, more: false });
    const now = await next();
    assertEquals([await texts(now, "t"), await texts(now, "u")], [[], ["2"]]);
    assertEquals(await topicNames(now), ["u"]);
    const prefixed = await now.read([{ prefix: "", after: 0, count: 9, bytes: 1e6 }]);
    assertEquals(prefixed[0]!.messages.map(({ seq }) => seq), [2]);
  },

  async "numbers go on after a purge, and the topic takes messages again"({ store, next }) {
    await append(store, puts("t", "1", "2"));
    await purge(store, "t");
    assertEquals(await outcomes(await next(), [put("t", "3")]), [3]);
    assertEquals(await texts(await next()), ["3"]);
    assertEquals((await (await next()).bounds()).last, 3);
  },

  async "a purge before a number or a time leaves what has that number or time, or a later one"(
    { store, clock, next },
  ) {
    await append(store, puts("t", "1", "2", "3"));
    clock.advance(5);
    const time = store.now();
    await append(store, puts("t", "4", "5"));
    assertEquals((await purge(store, "t", { seq: 3 })).purged, 2);
    assertEquals(await texts(await next()), ["3", "4", "5"]);
    assertEquals((await purge(await next(), "t", { time })).purged, 1);
    assertEquals(await texts(await next()), ["4", "5"]);
    assertEquals((await purge(await next(), "t", { seq: 1_000_000 })).purged, 2);
  },

  async "a purge of some messages at a time takes the oldest first, and says of each that it is gone once it is"(
    { store, next },
  ) {
    const gone = async (query: { topic: string } | { prefix: string }) => {
      const [page] = await (await next()).read([
        { ...query, after: 0, count: 9, bytes: 1e6, gone: true },
      ]);
      return page!.gone?.seq;
    };
    await append(store, [...puts("t", "1", "2", "3", "4"), put("u"), put("t", "6")]);
    assertEquals(await purge(store, "t", { seq: 5 }, 3), { purged: 3, end: 5, more: true });
    assertEquals(await texts(await next()), ["4", "6"]);
    assertEquals([await gone({ topic: "t" }), await gone({ prefix: "" })], [3, 3]);
    assertEquals(await purge(await next(), "t", { seq: 5 }, 3), {
      purged: 1,
      end: 5,
      more: false,
    });
    assertEquals(await texts(await next()), ["6"]);
    assertEquals([await gone({ topic: "t" }), await gone({ prefix: "t" })], [4, 4]);
  },

  async "what is gone of a prefix went when the last of it did, though that was older than what went before"(
    { store, clock, next },
  ) {
    await append(store, [put("p.a"), put("p.b"), put("q"), put("p.a")]);
    const gone = async (after: number) => {
      const [page] = await (await next()).read([
        { prefix: "p.", after, count: 9, bytes: 1e6, gone: true },
      ]);
      return page!.gone;
    };
    const isNow = (at: number) => at > clock.now() && at <= clock.now() + 1;
    await purge(await next(), "p.a");
    const first = await gone(0);
    assertEquals([first!.seq, isNow(first!.at)], [4, true]);
    clock.advance(10);
    await purge(await next(), "q");
    assertEquals(await gone(0), first);
    await purge(await next(), "p.b");
    const last = await gone(0);
    assertEquals([last!.seq, isNow(last!.at)], [4, true]);
    assertEquals(await gone(3), last);
    assertEquals(await gone(4), undefined);
  },

  async "what is gone by a moment is told from what goes later, also within the millisecond of a purge, and of each topic of a prefix"(
    { store, clock, next },
  ) {
    await append(store, [put("p.a"), put("p.b"), put("p.c"), put("q"), put("p.d"), put("p.e")]);
    const goneAfter = async (asOf: number, query: { topic: string } | { prefix: string }) => {
      const now = await next();
      const [page] = await now.read([{
        ...query,
        after: 0,
        count: 9,
        bytes: 1e6,
        gone: true,
        asOf,
      }]);
      const [bounds] = await now.topicBounds([{ ...query, asOf }]);
      assertEquals(bounds!.gone, page!.gone);
      return page!.gone?.seq;
    };
    const moment = async () => (await (await next()).topicBounds([{}]))[0]!.asOf;
    const moments = [await moment()];
    for (const [earlier, later] of [["p.d", "p.c"], ["q", "p.a"]] as const) {
      const now = await next();
      clock.advance(1);
      await purge(now, earlier);
      moments.push(await moment());
      // In the same millisecond.
      await purge(await next(), later);
      clock.advance(1);
      moments.push(await moment());
    }
    const all = [{ prefix: "p." }, { prefix: "" }, { topic: "p.a" }, { topic: "p.d" }] as const;
    const found: (number | undefined)[][] = [];
    for (const asOf of moments) {
      const row: (number | undefined)[] = [];
      for (const query of all) row.push(await goneAfter(asOf, query));
      found.push(row);
    }
    assertEquals(found, [
      [5, 5, 1, 5],
      [3, 4, 1, undefined],
      [1, 4, 1, undefined],
      [1, 1, 1, undefined],
      [undefined, undefined, undefined, undefined],
    ]);
    clock.advance(RETENTION);
    assertEquals(await goneAfter(moments.at(-1)!, { prefix: "p." }), 6);
    await trimAll(await next());
    assertEquals(await goneAfter(moments.at(-1)!, { prefix: "p." }), 6);
    assertEquals(await goneAfter(await moment(), { prefix: "p." }), undefined);
  },

  async "what was purged is gone of its topic, and of no other; of a prefix, too"(
    { store, clock, next },
  ) {
    await append(store, [put("t"), put("u"), put("t")]);
    clock.advance(7);
    await purge(store, "t");
    const now = await next();
    const gone = async (query: { topic: string } | { prefix: string }) => {
      const [page] = await now.read([{ ...query, after: 0, count: 1, bytes: 1, gone: true }]);
      return page!.gone?.seq;
    };
    assertEquals([await gone({ topic: "t" }), await gone({ topic: "u" })], [3, undefined]);
    assertEquals([await gone({ prefix: "" }), await gone({ prefix: "u" })], [3, undefined]);
    const [bounds] = await now.topicBounds([{ topic: "t" }]);
    assertEquals([bounds!.floor, bounds!.gone?.seq], [0, 3]);
  },

  async "of a topic that is not known any more, nothing counts as gone from its oldest message on"(
    { limited, next },
  ) {
    const store = await limited({ goneTopics: 1 });
    await append(store, ["first", "a", "third", "b", "c", "d"].map((topic) => put(topic)));
    for (const topic of ["a", "b", "c", "d"]) await purge(await next(), topic);
    const topics = ["first", "third", "d", "unknown"];
    for (let moved = 0; moved < 2; moved++) {
      const bounds = await (await next()).topicBounds(topics.map((topic) => ({ topic })));
      assertEquals(bounds.map(({ gone }) => gone?.seq), [undefined, 2, 6, 5]);
      await topicNames(await next());
    }
  },

  async "a purge makes room for messages and topics"({ limited, next }) {
    const store = await limited({ storedBytes: 4 * SIZE, topics: 2, overflow: "reject" });
    await append(store, [sized("a", 2), sized("b", 3), sized("a", 4), sized("b", 5)]);
    assertEquals(await outcomes(store, [sized("a", 6), sized("c", 7)]), ["full", "limit_exceeded"]);
    await purge(store, "a");
    assertEquals(await outcomes(await next(), [sized("c", 8), sized("c", 9), sized("c", 1)]), [
      5,
      6,
      "full",
    ]);
  },

  async "what was purged expires in its place, and what is around it is not affected"(
    { store, clock, next },
  ) {
    await append(store, [...puts("t", "1", "2"), put("u", "3")]);
    clock.advance(10);
    await append(await next(), [put("t", "4"), put("u", "5")]);
    await purge(await next(), "t");
    clock.advance(RETENTION - 10);
    assertEquals(await texts(await next(), "u"), ["5"]);
    await trimAll(await next());
    assertEquals((await (await next()).bounds()).floor, 3);
    clock.advance(10);
    await trimAll(await next());
    assertEquals((await (await next()).bounds()).floor, 5);
    assertEquals(await topicNames(await next()), []);
  },

  async "messages that were purged together expire one after the other, and take no room"(
    { limited, clock, next },
  ) {
    const store = await limited({ storedBytes: 4 * SIZE, topics: 9, overflow: "reject" });
    await append(store, [sized("a", 1), sized("a", 2)]);
    clock.advance(10);
    await append(store, [sized("a", 3), sized("a", 4)]);
    await purge(store, "a");
    clock.advance(RETENTION - 10);
    const puts = [5, 6, 7, 8, 9].map((n) => sized("b", n));
    assertEquals(await outcomes(await next(), puts), [5, 6, 7, 8, "full"]);
    await trimAll(await next());
    assertEquals(await outcomes(await next(), [sized("b", 1)]), ["full"]);
    assertEquals((await (await next()).bounds()).floor, 2);
  },

  async "what has expired does not count as purged"({ store, clock }) {
    await append(store, puts("t", "1", "2"));
    clock.advance(RETENTION / 2);
    await append(store, puts("t", "3"));
    clock.advance(RETENTION / 2);
    assertEquals((await purge(store, "t")).purged, 1);
  },

  async "a purge of what has expired changes no count of messages"({ store, clock, next }) {
    for (let i = 0; i < 10; i++) {
      await append(store, [put("t", `${i}`)]);
      clock.advance(10);
    }
    clock.advance(RETENTION - 60);
    const count = async () => {
      const [info] = await (await next()).topics({ prefix: "", after: "", count: 1 });
      return info?.messages;
    };
    assertEquals(await count(), 5);
    // In the middle of those that have expired, and of a row.
    assertEquals((await purge(await next(), "t", { seq: 3 })).purged, 0);
    assertEquals(await count(), 5);
    assertEquals((await purge(await next(), "t", { seq: 8 })).purged, 2);
    assertEquals(await count(), 3);
  },

  async "in a batch a purge takes the puts before it, and not those behind it; the feed brings all"(
    { store },
  ) {
    using feed = await Feed.open(store);
    const all = await apply(store, [
      put("t", "1"),
      { type: "purge", topic: "t", max: 9 } as const,
      put("t", "2"),
    ]);
    assertEquals(all.map((result) => Object.keys(result).includes("purged")), [false, true, false]);
    await feed.until({ seq: 2 });
    assertEquals(await texts(store), ["2"]);
    const page = await read(store, { topic: "t", newest: true });
    assertEquals(page.messages.map(({ seq }) => seq), [2]);
  },
};
