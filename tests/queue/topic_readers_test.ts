/**
 * How many readers follow a topic.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { TopicFilter } from "../../protocol/requests.ts";
import { NameMap } from "../../protocol/name_map.ts";
import { TopicReaders } from "../../queue/topic_readers.ts";
import { seeded } from "../../testing/seeded.ts";

const NAMES = ["a", "a.b", "a.b.c", "ab", "b", "\u{1f995}x", "9", "#9"];
const PREFIXES = ["", "a", "a.", "a.b", "ab", "b", "\u{1f995}", "\ud83e", "9", "#"];

Deno.test("each topic has the readers that follow it and its prefixes now, whatever else begins and ends", () => {
  const random = seeded(7);
  const readers = new TopicReaders();
  const open: TopicFilter[] = [];
  for (let step = 0; step < 5000; step++) {
    if (open.length > 0 && random(2) === 0) {
      readers.remove(open.splice(random(open.length), 1)[0]!);
    } else {
      const filter: TopicFilter = random(2) === 0
        ? { topic: NAMES[random(NAMES.length)]! }
        : { prefix: PREFIXES[random(PREFIXES.length)]! };
      open.push(filter);
      readers.add(filter);
    }
    assertEquals(readers.total, open.length);
    const names = Array.from({ length: random(8) }, () => NAMES[random(NAMES.length)]!);
    const expected = names.map((name) =>
      open.filter(({ topic, prefix }) =>
        prefix === undefined ? topic === name : name.startsWith(prefix)
      ).length
    );
    assertEquals(readers.of(names), expected);
    assertEquals(
      readers.of(names.sort()).join(),
      names.flatMap((name) => readers.of([name])).join(),
    );
  }
  for (const filter of open) readers.remove(filter);
  assertEquals(readers.total, 0);
});

Deno.test("topics that have readers again and again are not forgotten each time, and those that have none any more are", () => {
  const original = NameMap.prototype.delete;
  let deleted = 0;
  NameMap.prototype.delete = function (name) {
    deleted++;
    return original.call(this, name);
  };
  try {
    const readers = new TopicReaders();
    const wait = (topic: string) => {
      readers.add({ topic });
      readers.remove({ topic });
    };
    for (let i = 0; i < 10_000; i++) wait(`t${i % 200}`);
    assertEquals(deleted, 0);
    for (let i = 0; i < 10_000; i++) wait(`u${i}`);
    assertEquals(deleted, 10_200 - 256);
    // Those that have a reader when they would be forgotten are not.
    readers.add({ topic: "kept" });
    readers.remove({ topic: "kept" });
    readers.add({ topic: "kept" });
    for (let i = 0; i < 1000; i++) wait(`v${i}`);
    assertEquals([readers.of(["kept", "v1"]), readers.total], [[1, 0], 1]);
    readers.remove({ topic: "kept" });
    assertEquals([readers.of(["kept"]), readers.total], [[0], 0]);
  } finally {
    NameMap.prototype.delete = original;
  }
});

Deno.test("to count the readers of topics in order, no beginning that they share is looked up twice", () => {
  const readers = new TopicReaders();
  for (let length = 0; length < 200; length++) readers.add({ prefix: "x".repeat(length) });
  const original = Map.prototype.get;
  let lookUps = 0;
  Map.prototype.get = function (key) {
    lookUps++;
    return original.call(this, key);
  };
  try {
    const topics = Array.from({ length: 100 }, (_, i) => `${"x".repeat(200)}${100 + i}`);
    assertEquals(readers.of(topics), topics.map(() => 200));
    // One for each prefix, and for each topic.
    assertEquals(lookUps, 200 + 100);
  } finally {
    Map.prototype.get = original;
  }
});
