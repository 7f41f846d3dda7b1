/**
 * What a store promises to who follows it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Message, Put } from "../stores/store.ts";
import {
  append,
  assertMessages,
  Feed,
  keep,
  type Promises,
  put,
  puts,
  read,
  readUpTo,
  RETENTION,
} from "./store_contract_support.ts";

export const feeding: Promises = {
  async "a follower gets all that comes after `from`, in order, each once"({ store, clock }) {
    const before = await append(store, puts("t", "1", "2"));
    using feed = await Feed.open(store);
    assertEquals(feed.from, before[1]!.seq);
    const after: Message[] = [];
    for (let i = 0; i < 30; i++) {
      clock.advance(i);
      const batch = [put("t", `\u{1f995} ${i}`), ...puts("u", "\0", "\ud800"), put("t")];
      after.push(...await append(store, batch.slice(i % 4)));
    }
    await feed.until(after.at(-1)!);
    assertEquals(feed.messages, after);
    assertEquals(feed.errors, []);
  },

  async "`from` is the last number, also when everything is gone"({ store, clock }) {
    const [message] = await append(store, [put("t")]);
    clock.advance(RETENTION);
    using feed = await Feed.open(store);
    assertEquals(feed.from, message!.seq);
    assertEquals(feed.messages, []);
  },

  async "followers do not disturb one another, and one that left gets nothing"({ store }) {
    using stays = await Feed.open(store);
    using leaves = await Feed.open(store);
    const one = await append(store, puts("t", "1", "2"));
    using late = await Feed.open(store);
    await leaves.until(one[1]!);
    leaves[Symbol.dispose]();
    leaves[Symbol.dispose]();
    const more: Message[] = [];
    for (let i = 0; i < 10; i++) {
      more.push(...await append(store, [put("t")]));
      await stays.until(more.at(-1)!);
    }
    await late.until(more.at(-1)!);
    assertEquals(leaves.messages, one);
    assertEquals(late.messages, more);
    assertEquals(stays.messages, [...one, ...more]);
    assertEquals(leaves.errors, [], "to leave is not to lose");
  },

  async "a follower that has left gets nothing more of what was under way"({ store }) {
    using witness = await Feed.open(store);
    for (let i = 0; i < 10; i++) {
      using leaves = await Feed.open(store);
      const [message] = await append(store, [put("t")]);
      leaves[Symbol.dispose]();
      const { length } = leaves.messages;
      await witness.until(message!);
      await witness.until((await append(store, [put("t")]))[0]!);
      assertEquals(leaves.messages.length, length);
    }
  },

  async "a follower that another one sends away in the midst of the feed gets nothing more"(
    { store },
  ) {
    const feeds: Feed[] = [];
    let length = NaN;
    using sends = await Feed.open(store, () => {
      length = feeds[0]!.messages.length;
      feeds[0]![Symbol.dispose]();
    });
    using leaves = await Feed.open(store);
    feeds.push(leaves);
    await sends.until((await append(store, [put("t")]))[0]!);
    const { messages } = leaves;
    assertEquals(messages.length, length);
    sends[Symbol.dispose]();
    using witness = await Feed.open(store);
    await witness.until((await append(store, [put("t")]))[0]!);
    assertEquals(messages.length, length);
  },

  async "a follower that leaves in the midst of the feed gets nothing more"({ store }) {
    using witness = await Feed.open(store);
    using leaves = await Feed.open(store, () => leaves[Symbol.dispose]());
    for (let i = 0; i < 5; i++) {
      await witness.until((await append(store, [put("t")]))[0]!);
    }
    await leaves.until(witness.messages[0]!);
    assertEquals(leaves.portions.length, 1);
  },

  async "a read covers all that the feed has given out"({ store }) {
    const checks: Promise<void>[] = [];
    async function check({ seq, topic }: Message): Promise<void> {
      const page = await read(store, { topic, after: seq - 1 });
      assertEquals(page.messages[0]?.seq, seq);
      assert(page.through >= seq);
      assert((await store.bounds()).last >= seq);
    }
    using feed = await Feed.open(store, (messages) => keep(checks, check(messages.at(-1)!)));
    const appended = await Promise.all(
      Array.from({ length: 30 }, (_, i) => append(store, puts(`t${i % 3}`, "1", "2"))),
    );
    await feed.until(appended.flat().sort((a, b) => a.seq - b.seq).at(-1)!);
    await Promise.all(checks);
    assert(checks.length > 0);
  },

  async "following, reading up to there and the feed leave no gap and no overlap"({ store }) {
    const all: Message[] = [];
    const topics = ["t", "u"];
    const readers: Promise<Feed>[] = [];
    const histories: Message[][] = [];

    async function attach(topic: string, i: number): Promise<Feed> {
      const feed = await Feed.open(store);
      histories[i] = await readUpTo(store, feed.from, {
        topic,
        count: 1 + i % 9,
        bytes: 1 + i * 9,
      });
      return feed;
    }
    async function writeOften(writer: number): Promise<void> {
      for (let i = 0; i < 40; i++) {
        const batch: Put[] = [put(topics[i % 2]!, `${writer} ${i}`)];
        if (i % 5 === 0) batch.push(put("u", `${writer} ${i} too`), put("t"));
        all.push(...await append(store, batch));
        if (writer === 0 && i % 4 === 0) keep(readers, attach(topics[i / 4 % 2]!, readers.length));
        if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve));
      }
    }
    await Promise.all([0, 1, 2, 3].map(writeOften));
    all.sort((a, b) => a.seq - b.seq);
    const feeds = await Promise.all(readers);
    for (const [i, feed] of feeds.entries()) {
      await feed.until(all.at(-1)!);
      feed[Symbol.dispose]();
      const topic = topics[i % 2]!;
      const fed = feed.messages.filter((message) => message.topic === topic);
      const expected = all.filter((message) => message.topic === topic);
      assertMessages([...histories[i]!, ...fed], expected);
    }
    assertEquals(feeds.length, 10);
  },

  async "the feed stays in order for all when a follower appends in its midst"({ store }) {
    const answers: Promise<Message[]>[] = [];
    let left = 20;
    using first = await Feed.open(store, () => {
      if (left-- > 0) keep(answers, append(store, puts("t", "in the midst", "of it")));
    });
    using second = await Feed.open(store);
    const all = await append(store, [put("t", "from outside")]);
    for (let i = 0; i < 20; i++) {
      await first.until(all.at(-1)!);
      all.push(...await answers[i]!);
    }
    await Promise.all([first.until(all.at(-1)!), second.until(all.at(-1)!)]);
    all.sort((a, b) => a.seq - b.seq);
    assertEquals(first.messages, all);
    assertEquals(second.messages, all);
  },

  async "a follower that joins in the midst of the feed gets only what comes after"({ store }) {
    const joined: Promise<Feed>[] = [];
    const answers: Promise<Message[]>[] = [];
    let left = 5;
    using first = await Feed.open(store, () => {
      // What is appended here is still on its way when the other joins, and yet behind them.
      if (left-- > 0) keep(answers, append(store, puts("t", "in the midst")));
      keep(joined, Feed.open(store));
    });
    const all: Message[] = [];
    for (let i = 0; i < 5; i++) {
      all.push(...await append(store, puts("t", "1", "2")));
      await first.until(all.at(-1)!);
      all.push(...await answers[i]!);
    }
    all.sort((a, b) => a.seq - b.seq);
    await first.until(all.at(-1)!);
    for (const feed of await Promise.all(joined)) {
      const expected = all.filter(({ seq }) => seq > feed.from);
      if (expected.length > 0) await feed.until(expected.at(-1)!);
      assertEquals(feed.messages, expected);
      feed[Symbol.dispose]();
    }
    assert(joined.length > 0);
  },
};
