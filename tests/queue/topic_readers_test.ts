/**
 * How many readers follow a topic.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { TopicFilter } from "../../protocol/requests.ts";
import { TopicReaders } from "../../queue/topic_readers.ts";
import { seeded } from "../../testing/seeded.ts";
import { countDeletes } from "../support/count_deletes.ts";

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
  assertEquals(readers.of(NAMES), NAMES.map(() => 0));
});

Deno.test("topics and prefixes that have readers again and again are not forgotten each time", () => {
  const readers = new TopicReaders();
  for (const filter of [{ topic: "t" }, { prefix: "t" }]) {
    const deleted = countDeletes(() => {
      for (let i = 0; i < 1000; i++) {
        readers.add(filter);
        readers.remove(filter);
      }
    });
    assertEquals([deleted, readers.of(["t"])], [0, [0]]);
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
