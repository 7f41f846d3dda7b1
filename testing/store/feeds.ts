/**
 * What a store promises about its feed.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Put, TopicMessage } from "../../stores/store.ts";
import {
  append,
  assertMessages,
  Feed,
  type Promises,
  put,
  puts,
  read,
  readUpTo,
  RETENTION,
  track,
} from "./support.ts";

export const feeding: Promises = {
  async "a follower gets everything after `from`, in order, each message once"({ store, clock }) {
    const before = await append(store, puts("t", "1", "2"));
    using feed = await Feed.open(store);
    assertEquals(feed.from, before[1]!.seq);
    const after: TopicMessage[] = [];
    for (let i = 0; i < 30; i++) {
      clock.advance(i);
      const batch = [put("t", `\u{1f995} ${i}`), ...puts("u", "\0", "\ud800"), put("t")];
      after.push(...await append(store, batch.slice(i % 4)));
    }
    await feed.until(after.at(-1)!);
    assertEquals(feed.messages, after);
    assertEquals(feed.errors, []);
  },

  async "`from` is the last number, even when everything is gone"({ store, clock }) {
    const [message] = await append(store, [put("t")]);
    clock.advance(RETENTION);
    using feed = await Feed.open(store);
    assertEquals(feed.from, message!.seq);
    assertEquals(feed.messages, []);
  },

  async "followers do not affect one another, and one that stopped gets nothing"({ store }) {
    using first = await Feed.open(store);
    using second = await Feed.open(store);
    const one = await append(store, puts("t", "1", "2"));
    using late = await Feed.open(store);
    await second.until(one[1]!);
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    const more: TopicMessage[] = [];
    for (let i = 0; i < 10; i++) {
      more.push(...await append(store, [put("t")]));
      await first.until(more.at(-1)!);
    }
    await late.until(more.at(-1)!);
    assertEquals(second.messages, one);
    assertEquals(late.messages, more);
    assertEquals(first.messages, [...one, ...more]);
    assertEquals(second.errors, [], "stopping is not an error");
  },

  async "a follower that has stopped gets nothing that was still pending"({ store }) {
    using observer = await Feed.open(store);
    for (let i = 0; i < 10; i++) {
      using second = await Feed.open(store);
      const [message] = await append(store, [put("t")]);
      second[Symbol.dispose]();
      const { length } = second.messages;
      await observer.until(message!);
      await observer.until((await append(store, [put("t")]))[0]!);
      assertEquals(second.messages.length, length);
    }
  },

  async "a follower that another one stops in the middle of a feed gets nothing more"(
    { store },
  ) {
    const feeds: Feed[] = [];
    let length = NaN;
    using sends = await Feed.open(store, () => {
      length = feeds[0]!.messages.length;
      feeds[0]![Symbol.dispose]();
    });
    using second = await Feed.open(store);
    feeds.push(second);
    await sends.until((await append(store, [put("t")]))[0]!);
    const { messages } = second;
    assertEquals(messages.length, length);
    sends[Symbol.dispose]();
    using observer = await Feed.open(store);
    await observer.until((await append(store, [put("t")]))[0]!);
    assertEquals(messages.length, length);
  },

  async "a follower that stops itself in the middle of a feed gets nothing more"({ store }) {
    using observer = await Feed.open(store);
    using second = await Feed.open(store, () => second[Symbol.dispose]());
    for (let i = 0; i < 5; i++) {
      await observer.until((await append(store, [put("t")]))[0]!);
    }
    await second.until(observer.messages[0]!);
    assertEquals(second.portions.length, 1);
  },

  async "a read covers everything that the feed has delivered"({ store }) {
    const checks: Promise<void>[] = [];
    async function check({ seq, topic }: TopicMessage): Promise<void> {
      const page = await read(store, { topic, after: seq - 1 });
      assertEquals(page.messages[0]?.seq, seq);
      assert(page.through >= seq);
      assert((await store.bounds()).last >= seq);
    }
    using feed = await Feed.open(store, (messages) => track(checks, check(messages.at(-1)!)));
    const appended = await Promise.all(
      Array.from({ length: 30 }, (_, i) => append(store, puts(`t${i % 3}`, "1", "2"))),
    );
    await feed.until(appended.flat().sort((a, b) => a.seq - b.seq).at(-1)!);
    await Promise.all(checks);
    assert(checks.length > 0);
  },

  async "following, then reading up to that point, leaves no gap and no overlap"({ store }) {
    const all: TopicMessage[] = [];
    const topics = ["t", "u"];
    const readers: Promise<Feed>[] = [];
    const histories: TopicMessage[][] = [];

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
        if (writer === 0 && i % 4 === 0) track(readers, attach(topics[i / 4 % 2]!, readers.length));
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

  async "the feed stays in order for all when a follower appends during it"({ store }) {
    const replies: Promise<TopicMessage[]>[] = [];
    let remaining = 20;
    using first = await Feed.open(store, () => {
      if (remaining-- > 0) track(replies, append(store, puts("t", "during it", "of it")));
    });
    using second = await Feed.open(store);
    const all = await append(store, [put("t", "from outside")]);
    for (let i = 0; i < 20; i++) {
      await first.until(all.at(-1)!);
      all.push(...await replies[i]!);
    }
    await Promise.all([first.until(all.at(-1)!), second.until(all.at(-1)!)]);
    all.sort((a, b) => a.seq - b.seq);
    assertEquals(first.messages, all);
    assertEquals(second.messages, all);
  },

  async "a follower that joins during the feed gets only what comes after"({ store }) {
    const late: Promise<Feed>[] = [];
    const replies: Promise<TopicMessage[]>[] = [];
    let remaining = 5;
    using first = await Feed.open(store, () => {
      // What is appended here is still pending when the other follower joins, but comes before its start.
      if (remaining-- > 0) track(replies, append(store, puts("t", "during it")));
      track(late, Feed.open(store));
    });
    const all: TopicMessage[] = [];
    for (let i = 0; i < 5; i++) {
      all.push(...await append(store, puts("t", "1", "2")));
      await first.until(all.at(-1)!);
      all.push(...await replies[i]!);
    }
    all.sort((a, b) => a.seq - b.seq);
    await first.until(all.at(-1)!);
    for (const feed of await Promise.all(late)) {
      const expected = all.filter(({ seq }) => seq > feed.from);
      if (expected.length > 0) await feed.until(expected.at(-1)!);
      assertEquals(feed.messages, expected);
      feed[Symbol.dispose]();
    }
    assert(late.length > 0);
  },
};
