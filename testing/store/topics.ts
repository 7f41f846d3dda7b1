/**
 * What a store promises about its list of topics.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Store, TopicMessage } from "../../stores/store.ts";
import { storedSize } from "../../stores/store_limits.ts";
import {
  append,
  type Promises,
  put,
  puts,
  read,
  RETENTION,
  topicNames,
  trimAll,
} from "./support.ts";

async function list(store: Store, prefix: string, after: string, count: number): Promise<string[]> {
  return (await store.topics({ prefix, after, count })).map(({ topic }) => topic);
}

export const topics: Promises = {
  async "topics are listed in order of their code points"({ store }) {
    assertEquals(await topicNames(store), []);
    // In the order of UTF-16 units, the emoji would come before U+FFEE.
    const ordered = ["10", "9", "A", "Z", "a", "ab", "b", "\u00e9", "\uffee", "\u{1f995}"];
    await append(store, ordered.toReversed().map((name) => put(name)));
    assertEquals(await topicNames(store), ordered);
  },

  async "topics are listed by prefix"({ store }) {
    const names = [
      "a",
      "a%",
      "a%b",
      "a_",
      "ab",
      "abc",
      "b",
      "\u{1f995}",
      "\u{1f995}a",
      "\u{1f996}",
    ];
    await append(store, names.map((name) => put(name)));
    const cases: Record<string, string[]> = {
      "": names,
      "a": ["a", "a%", "a%b", "a_", "ab", "abc"],
      "a%": ["a%", "a%b"],
      "a_": ["a_"],
      "ab": ["ab", "abc"],
      "abc": ["abc"],
      "abcd": [],
      "A": [],
      "B": [],
      "\u{1f995}": ["\u{1f995}", "\u{1f995}a"],
      "\uffee": [],
    };
    for (const [prefix, expected] of Object.entries(cases)) {
      assertEquals(await list(store, prefix, "", 100), expected, `with the prefix ${prefix}`);
    }
  },

  async "topics are listed page by page"({ store }) {
    const names = ["a", "b", "ba", "bb", "bc", "bd", "c", "\u{1f995}"];
    await append(store, names.map((name) => put(name)));
    assertEquals(await list(store, "", "b", 2), ["ba", "bb"]);
    assertEquals(await list(store, "", "bbb", 2), ["bc", "bd"]);
    assertEquals(await list(store, "", "\u{1f995}", 2), []);
    assertEquals(await list(store, "b", "a", 3), ["b", "ba", "bb"]);
    assertEquals(await list(store, "b", "bb", 3), ["bc", "bd"]);
    assertEquals(await list(store, "b", "c", 3), []);
    for (const count of [1, 2, 3, 7, 8, 9]) {
      const visited: string[] = [];
      for (let page = [""]; page.length > 0;) {
        page = await list(store, "", page.at(-1)!, count);
        visited.push(...page);
        assert(visited.length <= names.length, `no topic twice: ${visited}`);
      }
      assertEquals(visited, names, `${count} at a time`);
    }
  },

  async "a topic is listed with its count and its newest message"({ store, clock }) {
    const a = await append(store, puts("a", "1", "2"));
    clock.advance(7);
    const mixed = await append(store, [put("b"), put("a"), put("a"), put("b"), put("c")]);
    const entry = (
      topic: string,
      messages: number,
      { seq, time }: Pick<TopicMessage, "seq" | "time"> = mixed[0]!,
      stored = messages,
    ) => ({ topic, messages, bytes: messages * storedSize(put(topic)), stored, seq, time });
    const all = { prefix: "", after: "", count: 100 };
    const others = [entry("b", 2, mixed[3]), entry("c", 1, mixed[4])];
    assertEquals(await store.topics(all), [entry("a", 4, mixed[2]), ...others]);

    clock.advance(RETENTION - 7);
    const remaining = [entry("a", 2, mixed[2], 4), ...others];
    assertEquals(await store.topics(all), remaining, "expired messages do not count");
    await trimAll(store);
    assertEquals(await store.topics(all), remaining, "nor do purged ones");
    const [late] = await append(store, [put("a")]);
    assertEquals((await store.topics(all))[0], entry("a", 3, late, 5));
    assertEquals(a.length, 2);
  },

  async "an expired topic is not listed, and takes no room on a page"({ store, clock }) {
    await append(store, ["a", "b", "c", "d", "e", "f", "g"].map((name) => put(name)));
    clock.advance(1);
    await append(store, ["c", "f", "h"].map((name) => put(name)));
    clock.advance(RETENTION - 1);
    for (const purged of [false, true]) {
      if (purged) await trimAll(store);
      assertEquals(await topicNames(store), ["c", "f", "h"]);
      assertEquals(await list(store, "", "", 1), ["c"]);
      assertEquals(await list(store, "", "", 2), ["c", "f"]);
      assertEquals(await list(store, "", "c", 2), ["f", "h"]);
      assertEquals(await list(store, "a", "", 2), []);
    }
  },

  async "a topic that was purged can come back"({ store, clock }) {
    const all = { prefix: "", after: "", count: 100 };
    for (const purged of [true, false, true, true]) {
      await append(store, puts("t", "1", "2"));
      clock.advance(RETENTION);
      if (purged) await trimAll(store);
      assertEquals(await topicNames(store), []);
      const [back] = await append(store, [put("t", "3")]);
      const { seq, time } = back!;
      const bytes = storedSize(put("t"));
      assertEquals(await store.topics(all), [
        { topic: "t", messages: 1, bytes, stored: 1, seq, time },
      ]);
      assertEquals((await read(store, { topic: "t" })).messages, [back!]);
      clock.advance(RETENTION);
    }
  },
};
