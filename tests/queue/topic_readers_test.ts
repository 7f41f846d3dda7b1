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
/** The counts alone. */
const counts = (readers: TopicReaders, topics: readonly string[]) =>
  Array.from(readers.of(topics), ({ readers }) => readers);

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
    assertEquals(counts(readers, names), expected);
    assertEquals(
      counts(readers, names.sort()).join(),
      names.flatMap((name) => counts(readers, [name])).join(),
    );
  }
  for (const filter of open) readers.remove(filter);
  assertEquals(counts(readers, NAMES), NAMES.map(() => 0));
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
    assertEquals([deleted, counts(readers, ["t"])], [0, [0]]);
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
    const found = [...readers.of(topics)];
    assertEquals(found.map(({ readers }) => readers), topics.map(() => 200));
    // One for each prefix, and for each topic.
    assertEquals(lookUps, 200 + 100);
    assertEquals(found.reduce((sum, { lookUps }) => sum + lookUps, 0), lookUps);
  } finally {
    Map.prototype.get = original;
  }
});
