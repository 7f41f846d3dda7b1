/**
 * What a store promises about its limits: how much is stored, and in how many topics.
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
  openSession,
  outcomes,
  type Promises,
  put,
  puts,
  read,
  RETENTION,
  texts,
  topicNames,
} from "./support.ts";
import { SIZE, sized } from "./sized.ts";

const message = (n: number) => sized("t", n);
const some = (from: number, to: number) => {
  return Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
};
const numbers = (found: readonly string[]) => found.map(Number);

export const limited: Promises = {
  async "exactly as many messages of a known size fit as the limit says"({ limited, next }) {
    for (const [bytes, fit] of [[10 * SIZE, 10], [10 * SIZE - 1, 9], [10 * SIZE + 110, 10]]) {
      const store = await limited({ storedBytes: bytes! });
      const results = await outcomes(store, some(1, 12));
      assertEquals(results.filter((seq) => typeof seq === "number").length, fit);
      assertEquals(results.slice(fit), Array(12 - fit!).fill("full"));
      assertEquals(await outcomes(await next(), [message(99)]), ["full"]);
      assertEquals((await texts(await next())).length, fit);
    }
  },

  async "deduplication records that outlive their messages take room, but most room is for messages"(
    { limited, next, clock },
  ) {
    const large = put("t", "x".repeat(998));
    for (const [records, fit] of [[100, 15], [10, 20]]) {
      const store = await limited({ storedBytes: 20 * (1000 + 101) });
      // Each is a run of its own.
      await append(store, Array.from({ length: records! }, (_, i) => numbered("s", 2 * i)));
      clock.advance(RETENTION - 1);
      await openSession(await next(), "s");
      clock.advance(1);
      const found = await outcomes(await next(), Array(21).fill(large));
      assertEquals(found.filter((seq) => seq !== "full").length, fit, `${records} records`);
    }
  },

  async "a message counts its body and its topic in bytes of UTF-8"({ limited, next }) {
    const odd = put("\u{1f995}\u00e9", "\u{1f995}");
    const size = odd.bytes + 6 + 100;
    let store = await limited({ storedBytes: 2 * size + 1 });
    assertEquals(await outcomes(store, [odd]), [1]);
    store = await next();
    assertEquals(await outcomes(store, [put("\u{1f995}\u00e9", "\u{1f995}.."), odd]), ["full", 2]);
  },

  async "the error names the size of the message, the stored size and the limit, and readers continue"(
    { limited, next },
  ) {
    const store = await limited({ storedBytes: 3 * SIZE });
    await append(store, some(1, 3));
    const [error] = await apply(await next(), [message(4)]);
    assert(error instanceof StoreError);
    assertEquals([error.code, error.limit, error.message], [
      "full",
      333,
      "Cannot put message: there is no room for 111 bytes: 333 bytes are stored, the limit is 333",
    ]);
    assertEquals(numbers(await texts(await next())), [1, 2, 3]);
  },

  async "a smaller message may fit where a larger one does not"({ limited }) {
    const store = await limited({ storedBytes: 3 * SIZE });
    const large = put("t", "x".repeat(3 * SIZE));
    assertEquals(await outcomes(store, [message(1), large, message(2)]), [1, "full", 2]);
    assertEquals(numbers(await texts(store)), [1, 2]);
  },

  async "expired messages make room, purged or not"({ limited, clock, next }) {
    const store = await limited({ storedBytes: 10 * SIZE });
    await append(store, some(1, 4));
    clock.advance(1);
    await append(store, some(5, 10));
    clock.advance(RETENTION - 2);
    assertEquals(await outcomes(await next(), [message(11)]), ["full"]);
    clock.advance(1);
    const expected = [11, 12, 13, 14, "full", "full"];
    assertEquals(await outcomes(await next(), some(11, 16)), expected);
    clock.advance(1);
    assertEquals(await outcomes(await next(), some(17, 23)), [15, 16, 17, 18, 19, 20, "full"]);
    assertEquals(numbers(await texts(await next())).length, 10);
  },

  async "filling and expiring many times leaves the same room"({ limited, clock, next }) {
    await limited({ storedBytes: 500 * SIZE });
    for (let round = 0; round < 5; round++) {
      const store = await next();
      const results = await outcomes(store, some(1, 600));
      assertEquals(results.filter((result) => result === "full").length, 100);
      if (round % 2 === 0) await topicNames(store);
      clock.advance(RETENTION / 2);
      assertEquals(await outcomes(await next(), [message(0)]), ["full"]);
      clock.advance(RETENTION / 2);
    }
  },

  async "after a refused put of a session, all its later puts in the batch are refused"(
    { limited, next },
  ) {
    const store = await limited({ storedBytes: 4 * SIZE });
    const large = (n: number) => numbered("s", n, "t", "x".repeat(3 * SIZE));
    const small = (sessionId: string, n: number) => numbered(sessionId, n, "t", "12345678");
    const batch = [small("s", 1), large(2), small("s", 3), small("u", 1), small("s", 4)];
    assertEquals(await outcomes(store, batch), [1, "full", "full", 2, "full"]);
    // Refused puts are not stored: each may be repeated.
    assertEquals(await outcomes(await next(), [small("s", 1), small("s", 3), small("s", 4)]), [
      "dup 1",
      3,
      4,
    ]);
  },

  async "drop-oldest drops the oldest messages, and no more than it must"(
    { limited, next },
  ) {
    let store = await limited({ storedBytes: 10 * SIZE, overflow: "drop-oldest" });
    assertEquals((await outcomes(store, some(1, 12))).at(-1), 12);
    store = await next();
    assertEquals(numbers(await texts(store)), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assertEquals((await store.bounds()).floor, 2);
    // Two messages have to go for one that is a byte longer than another.
    await append(store, [put("t", "123456789")]);
    store = await next();
    assertEquals(numbers(await texts(store)).slice(0, 2), [5, 6]);
    assertEquals((await store.bounds()).floor, 4);
    await append(store, [put("t", "1234567")]);
    assertEquals(numbers(await texts(await next())).slice(0, 2), [5, 6], "that much was left over");
  },

  async "drop-oldest works for long, with single puts and with batches"({ limited, next }) {
    let store = await limited({ storedBytes: 300 * SIZE, overflow: "drop-oldest" });
    let last = 0;
    for (let i = 0; i < 40; i++) {
      for (const count of [1, 1, 1, i, 7 * i]) {
        if (count === 0) continue;
        await append(store, some(last + 1, last + count));
        last += count;
      }
      if (i % 8 === 0) store = await next();
      const remainingSeqs = numbers(await texts(store));
      assertEquals([remainingSeqs.length, remainingSeqs.at(-1)], [Math.min(300, last), last]);
      assertEquals((await store.bounds()).floor, Math.max(0, last - 300));
      if (i % 3 === 0) {
        const [entry] = await store.topics({ prefix: "", after: "", count: 1 });
        assertEquals(entry?.messages, Math.min(300, last));
      }
    }
  },

  async "drop-oldest drops nothing for a message that is larger than the limit"(
    { limited, next },
  ) {
    let store = await limited({ storedBytes: 4 * SIZE, overflow: "drop-oldest" });
    await append(store, some(1, 4));
    assertEquals(await outcomes(store, [put("t", "x".repeat(4 * SIZE))]), ["full"]);
    store = await next();
    assertEquals(numbers(await texts(store)), [1, 2, 3, 4]);
    const all = put("t", "x".repeat(4 * SIZE - 103));
    assertEquals(await outcomes(store, [all]), [5]);
    assertEquals((await read(await next(), { topic: "t" })).messages.map(({ seq }) => seq), [5]);
  },

  async "drop-oldest feeds all messages, and a reader learns its gap from the floor"({ limited }) {
    const store = await limited({ storedBytes: 3 * SIZE, overflow: "drop-oldest" });
    using feed = await Feed.open(store);
    const all = await append(store, some(1, 8));
    await feed.until(all.at(-1)!);
    assertEquals(feed.messages, all);
    const page = await read(store, { topic: "t", after: 2 });
    assertEquals([page.messages.map(({ seq }) => seq), page.floor], [[6, 7, 8], 5]);
  },

  async "as many topics may hold messages as the limit says, and those accept more"(
    { limited, next },
  ) {
    let store = await limited({ topics: 3 });
    const batch = ["a", "b", "a", "c", "d", "b", "e"].map((topic) => put(topic));
    assertEquals(await outcomes(store, batch), [1, 2, 3, 4, "limit_exceeded", 5, "limit_exceeded"]);
    store = await next();
    const [refused, stored] = await apply(store, [put("d"), put("c")]);
    assert(refused instanceof StoreError && !(stored instanceof StoreError));
    assertEquals([refused.limit, refused.message], [
      3,
      "Cannot put message: 3 topics hold messages, the limit is 3",
    ]);
    assertEquals(await topicNames(await next()), ["a", "b", "c"]);
  },

  async "a topic whose messages have all expired makes room for another"({ limited, clock, next }) {
    const store = await limited({ topics: 2 });
    await append(store, [put("a")]);
    clock.advance(1);
    await append(store, [put("b")]);
    clock.advance(RETENTION - 2);
    assertEquals(await outcomes(await next(), [put("c")]), ["limit_exceeded"]);
    clock.advance(1);
    assertEquals(await outcomes(await next(), [put("c"), put("d"), put("a")]), [
      3,
      "limit_exceeded",
      "limit_exceeded",
    ]);
    assertEquals(await topicNames(await next()), ["b", "c"]);
    await append(await next(), puts("b", "1", "2"));
  },
};
