/**
 * What a store promises about the bytes of topics, and about how many messages of each were stored.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Put, Store } from "../../stores/store.ts";
import { storedSize } from "../../stores/store_limits.ts";
import { attributed } from "./attributes.ts";
import { SIZE, sized } from "./sized.ts";
import { append, apply, outcomes, type Promises, put, RETENTION, trimAll } from "./support.ts";

/** The messages, the bytes and the count of a topic; `undefined` if it is not listed. */
async function counts(
  store: Store,
  topic = "t",
): Promise<[messages: number, bytes: number, stored: number] | undefined> {
  const [found] = await store.topics({ prefix: topic, after: "", count: 1 });
  return found?.topic === topic ? [found.messages, found.bytes, found.stored] : undefined;
}

/** So many puts of one size. */
function many(topic: string, count: number): Put[] {
  return Array.from({ length: count }, (_, i) => sized(topic, i));
}

function sizeOf(puts: readonly Put[]): number {
  return puts.reduce((sum, one) => sum + storedSize(one), 0);
}

export const countingTopics: Promises = {
  async "a topic is listed with what its messages count of the stored bytes: names, bodies, attributes and ids"(
    { store },
  ) {
    const all = [
      put("ä", "\u{1f995}"),
      put("ä", ""),
      attributed({ key: "ö", headers: { a: "\0" } }, "ä"),
      attributed({ messageId: "1" }, "ä", "x".repeat(100_000)),
      put("ä"),
    ];
    const [first] = all;
    assertEquals(storedSize(first!), 2 + 6 + 100);
    await append(store, all);
    assertEquals(await counts(store, "ä"), [5, sizeOf(all), 5]);
  },

  async "the bytes of all topics together are what the limit of stored bytes counts"({ limited }) {
    const store = await limited({ storedBytes: 100_000 });
    await append(store, [...many("t", 70), ...many("u", 3), ...many("t", 9), put("v", "\u2028")]);
    const topics = await store.topics({ prefix: "", after: "", count: 10 });
    const left = 100_000 - topics.reduce((sum, { bytes }) => sum + bytes, 0);
    const fits = put("w", "x".repeat(left - storedSize(put("w", ""))));
    assertEquals(storedSize(fits), left);
    assertEquals(await outcomes(store, [put("w", `${JSON.parse(fits.body)}x`)]), ["full"]);
    assertEquals((await outcomes(store, [fits, put("w")]))[1], "full");
    assertEquals(await counts(store, "w"), [1, left, 1]);
  },

  async "what has expired does not count as bytes, wherever the messages are and whether or not they were trimmed"(
    { store, clock },
  ) {
    // Some of them may be stored together: each time of a message is later than the one before it.
    for (let i = 0; i < 200; i++) {
      await append(store, many(i === 50 || i === 120 ? "u" : "t", 1));
      clock.advance(1);
      if (i === 80) await store.topics({ prefix: "", after: "", count: 1 });
    }
    clock.advance(RETENTION - 201);
    for (let expired = 0; expired < 198; expired++) {
      const gone = expired - (expired > 50 ? 1 : 0) - (expired > 120 ? 1 : 0);
      const left = 198 - gone;
      assertEquals(await counts(store), [left, left * SIZE, 198], `${expired} have expired`);
      if (expired % 3 === 0) await trimAll(store);
      if (expired % 3 === 1) await store.trim(0.01);
      clock.advance(1);
    }
    clock.advance(2);
    assertEquals(await counts(store), undefined);
  },

  async "what is purged does not count as bytes, and still as stored"({ store, clock }) {
    await append(store, many("t", 100));
    clock.advance(RETENTION / 2);
    await append(store, many("t", 100));
    clock.advance(RETENTION / 2);
    // Half of them have expired; of the others a part goes after the other.
    for (let left = 100; left > 30; left -= 7) {
      assertEquals(await counts(store), [left, left * SIZE, 200]);
      await apply(store, [{ type: "purge", topic: "t", max: 7 }]);
    }
    await trimAll(store);
    assertEquals(await counts(store), [30, 30 * SIZE, 200]);
    await append(store, many("t", 1));
    assertEquals(await counts(store), [31, 31 * SIZE, 201]);
  },

  async "what was dropped does not count as bytes, and still as stored"({ limited }) {
    const store = await limited({ storedBytes: 10 * SIZE, overflow: "drop-oldest" });
    await append(store, [...many("t", 7), ...many("u", 1)]);
    await append(store, many("t", 20));
    assertEquals(await counts(store), [10, 10 * SIZE, 27]);
    assertEquals(await counts(store, "u"), undefined);
    await append(store, many("u", 4));
    assertEquals(await counts(store), [6, 6 * SIZE, 27]);
    assertEquals(await counts(store, "u"), [4, 4 * SIZE, 1 + 3]);
  },

  async "how many messages of a topic were stored goes on while it holds one, wherever that is"(
    { store, clock },
  ) {
    let stored = 0;
    for (let round = 0; round < 12; round++) {
      await append(store, many("t", 1 + round % 3));
      stored += 1 + round % 3;
      clock.advance(RETENTION - 1);
      // Now the messages before these have expired: all but the last round are gone.
      if (round % 4 === 1) await trimAll(store);
      if (round % 2 === 0) assertEquals((await counts(store))?.[2], stored, `round ${round}`);
      await append(store, many("t", 1));
      stored++;
      if (round % 4 === 2) await trimAll(store);
      clock.advance(1);
      if (round % 4 === 3) await trimAll(store);
      assertEquals((await counts(store))?.[2], stored, `round ${round}`);
    }
  },

  async "how many messages of a topic were stored begins again once all are gone: expired, purged or dropped"(
    { limited, clock },
  ) {
    const store = await limited({ storedBytes: 10 * SIZE, overflow: "drop-oldest" });
    const goes: Record<string, () => Promise<unknown> | void> = {
      "expired": () => clock.advance(RETENTION),
      "expired and trimmed": async () => {
        clock.advance(RETENTION);
        await trimAll(store);
      },
      "purged": () => apply(store, [{ type: "purge", topic: "t", max: 100 }]),
      "dropped": () => append(store, many("u", 10)),
      "dropped and trimmed": async () => {
        await append(store, many("u", 10));
        await trimAll(store);
      },
    };
    for (const listed of [false, true]) {
      for (const [how, go] of Object.entries(goes)) {
        await append(store, many("t", 3));
        if (listed) assertEquals(await counts(store), [3, 3 * SIZE, 3], how);
        await go();
        if (listed) assertEquals(await counts(store), undefined, how);
        // In one batch with the first one, and in the next.
        await append(store, [...many("t", 1), ...many("u", 1), ...many("t", 1)]);
        await append(store, many("t", 1));
        assertEquals(await counts(store), [3, 3 * SIZE, 3], how);
        clock.advance(RETENTION);
      }
    }
  },

  async "a put that is refused does not count as stored, nor does a repeated one"({ limited }) {
    const store = await limited({ storedBytes: 4 * SIZE });
    const named = attributed({ messageId: "1" }, "t", "");
    assert(storedSize(named) > 2 * SIZE && storedSize(named) + SIZE <= 4 * SIZE);
    assertEquals(await outcomes(store, [named, named, sized("t", 1), sized("t", 2)]), [
      1,
      "dup 1",
      2,
      "full",
    ]);
    assertEquals(await counts(store), [2, storedSize(named) + SIZE, 2]);
  },
};
