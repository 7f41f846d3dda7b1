import { assert, assertEquals } from "@std/assert";
import { Turns } from "../../budgets/turns.ts";
import { FanOut } from "../../queue/fan_out.ts";
import { PrefixListeners } from "../../queue/prefix_listeners.ts";
import type { TopicBatch, TopicListener } from "../../queue/topic_batch.ts";
import type { TopicMessage } from "../../stores/store.ts";
import { seeded } from "../../testing/seeded.ts";

/** Collects batches. */
class Collector implements TopicListener {
  readonly batches: TopicBatch[] = [];

  get seqs(): number[] {
    return this.batches.flatMap(({ messages }) => messages.map(({ seq }) => seq));
  }

  onMessages(batch: TopicBatch): void {
    this.batches.push(batch);
  }

  resync(): void {}
}

function messages(from: number, topics: readonly string[]): TopicMessage[] {
  return topics.map((topic, i) => ({ seq: from + i, time: 0, topic, body: '"m"', bytes: 3 }));
}

function setup() {
  const listeners = new PrefixListeners();
  const fanOut = new FanOut((error) => {
    throw error;
  }, new Turns());
  const store = (from: number, ...topics: string[]) => {
    const one = topics.every((topic) => topic === topics[0]) ? topics[0] : undefined;
    fanOut.beginSlice();
    listeners.notify(messages(from, topics), one, fanOut);
    fanOut.finish();
  };
  return { listeners, store };
}

Deno.test("each listener of a prefix gets the messages of its topics once, in order, in one batch", () => {
  const { listeners, store } = setup();
  const random = seeded(4);
  const texts = ["", "a", "a.", "a.b", "ab", "b", "\u{1f995}", "\ud83e"];
  const names = ["a", "a.b", "a.b.c", "ab", "b", "c", "\u{1f995}x", "9"];
  const collectors = texts.map(() => new Collector());
  texts.forEach((prefix, i) => listeners.add(prefix, collectors[i]!));
  const expected = texts.map((): number[] => []);
  let seq = 1;
  for (let round = 0; round < 200; round++) {
    const topics = Array.from(
      { length: 1 + random(5) },
      () => names[random(random(3) === 0 ? 1 : names.length)]!,
    );
    store(seq, ...topics);
    for (const topic of topics) {
      texts.forEach((prefix, i) => topic.startsWith(prefix) && expected[i]!.push(seq));
      seq++;
    }
  }
  assertEquals(collectors.map(({ seqs }) => seqs), expected);
  for (const { batches } of collectors) {
    for (const { messages, topics } of batches) {
      assertEquals(topics, `"topics":${JSON.stringify(messages.map(({ topic }) => topic))},`);
    }
  }
});

Deno.test("subscribers of a prefix share one batch, and so do nested prefixes that get the same messages", () => {
  const { listeners, store } = setup();
  const collectors = ["a.", "a.", "a", ""].map((prefix) => {
    const collector = new Collector();
    listeners.add(prefix, collector);
    return collector;
  });
  store(1, "a.b", "a.b");
  store(3, "a.b", "a.c");
  store(5, "a.b", "b");
  const [one, ...others] = collectors.map(({ batches }) => batches);
  for (const [i, batches] of others.entries()) {
    assert(batches[0] === one![0]);
    assert(batches[1] === one![1]);
    // The last prefix gets one more message.
    assertEquals(batches[2]!.messages.map(({ seq }) => seq), i < 2 ? [5] : [5, 6]);
  }
  assert(others[0]![2] === one![2]);
});

Deno.test("a listener that is removed gets nothing more; one that is added twice gets each message once", () => {
  const { listeners, store } = setup();
  const [one, other] = [new Collector(), new Collector()];
  for (let i = 0; i < 2; i++) listeners.add("a", one);
  listeners.add("ab", other);
  store(1, "ab");
  for (let i = 0; i < 2; i++) listeners.remove("a", one);
  listeners.remove("never added", one);
  assertEquals(listeners.size, 1);
  store(2, "ab");
  listeners.add("", one);
  store(3, "ab", "b");
  listeners.remove("", one);
  listeners.remove("ab", other);
  assertEquals(listeners.size, 0);
  store(5, "ab");
  listeners.add("a", one);
  store(6, "ab");
  assertEquals([one.seqs, other.seqs], [[1, 3, 4, 6], [1, 2, 3]]);
  assertEquals([...listeners], [one]);
});

Deno.test("prefixes are found for topics that were seen before, and are found again after they have changed", () => {
  const { listeners, store } = setup();
  const [one, other] = [new Collector(), new Collector()];
  listeners.add("t1", one);
  // More topics than are remembered.
  for (let i = 0; i < 5000; i++) store(i + 1, `t${i % 2500}`);
  listeners.add("t10", other);
  for (let i = 0; i < 2500; i++) store(i + 5001, `t${i}`);
  const starting = (prefix: string) =>
    Array.from({ length: 7500 }, (_, i) => i + 1)
      .filter((seq) => `t${(seq - 1) % 2500}`.startsWith(prefix));
  assertEquals(one.seqs, starting("t1"));
  assertEquals(other.seqs, starting("t10").filter((seq) => seq > 5000));
});

Deno.test("a listener that ends those of another prefix while it is notified is no reason that a third gets nothing", () => {
  for (const topics of [["a.b"], ["a.b", "c"]]) {
    const { listeners, store } = setup();
    const [ended, last] = [new Collector(), new Collector()];
    const ending = { onMessages: () => listeners.remove("a", ended), resync: () => {} };
    listeners.add("", ending);
    listeners.add("a", ended);
    listeners.add("a.b", last);
    store(1, ...topics);
    assertEquals([ended.seqs, last.seqs], [[], [1]]);
  }
});
