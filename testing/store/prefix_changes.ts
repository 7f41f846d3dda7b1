/**
 * What a store promises a reader of a prefix while topics come, are purged and expire between its pages.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { Put, Store, TopicMessage } from "../../stores/store.ts";
import type { ManualClock } from "../manual_clock.ts";
import { type Random, seeded } from "../seeded.ts";
import {
  append,
  apply,
  assertMessages,
  type Promises,
  put,
  RETENTION,
  topicNames,
  trimAll,
} from "./support.ts";

/** How many topics of the prefix there are, and how many of a hundred messages are of these. */
interface Mixture {
  readonly topics: number;
  readonly share: number;
}

const PREFIX = 'p"\\.';
const OTHERS = ["other", 'p"', 'p"/', '"'];
const TEXTS = ["", "a", "\u00e9\ud83d\ude00", "\n\x1e \0", "\ud800", "x".repeat(300)];

/** What a store must have, and how far a reader of the prefix is. */
class Model {
  readonly #random: Random;
  readonly #clock: ManualClock;
  readonly #mixture: Mixture;
  /** All that was stored, and those numbers that were purged. */
  readonly #all: TopicMessage[] = [];
  readonly #purged = new Set<number>();
  #after = 0;

  constructor(seed: number, clock: ManualClock, mixture: Mixture) {
    this.#random = seeded(seed);
    this.#clock = clock;
    this.#mixture = mixture;
  }

  /** Changes something, or nothing. */
  async change(store: Store): Promise<void> {
    const random = this.#random;
    switch (random(8)) {
      case 0:
        return await this.#purge(store);
      case 1:
        return this.#clock.advance(random(RETENTION / 12));
      case 2:
        return await trimAll(store);
      case 3:
        return void await topicNames(store);
      case 4:
        // It reads again from somewhere.
        this.#after = random(this.#all.length + 1);
        return;
      default: {
        const attributed = random(3) === 0;
        const puts = Array.from({ length: 1 + random(90) }, () => this.#put(attributed));
        this.#all.push(...await append(store, puts));
      }
    }
  }

  /** Reads a page, and checks all of it. */
  async readPage(store: Store): Promise<void> {
    const random = this.#random;
    const count = [1, 7, 100, 1024][random(4)]!;
    const bytes = [1, 500, 20_000, 200_000][random(4)]!;
    const after = this.#after;
    const [page] = await store.read([{ prefix: PREFIX, after, count, bytes, gone: true }]);
    const { messages, through, gone, more } = page!;
    const live = this.#all.filter((message) =>
      message.seq > after && message.topic.startsWith(PREFIX) && !this.#isGone(message)
    );
    assertMessages(messages, live.slice(0, messages.length));
    const total = messages.reduce((sum, message) => sum + message.bytes, 0);
    assert(messages.length <= count && (total <= bytes || messages.length === 1));
    const next = live[messages.length];
    assert(next === undefined || next.seq > through, `${next?.seq} is left out, up to ${through}`);
    const isFull = messages.length === count || (next && total + next.bytes > bytes);
    if (!isFull && !more) assertEquals(through, Math.max(after, this.#all.length));
    const newest = this.#all.findLast((message) =>
      message.topic.startsWith(PREFIX) && this.#isGone(message)
    );
    assertEquals(gone?.seq, newest && newest.seq > after ? newest.seq : undefined);
    this.#after = through;
  }

  #put(attributed: boolean): Put {
    const random = this.#random;
    const { topics, share } = this.#mixture;
    const topic = random(100) >= share
      ? OTHERS[random(OTHERS.length)]!
      : `${PREFIX}${random(topics)}`;
    const text = random(60) === 0 ? "\u00e9".repeat(9000) : TEXTS[random(TEXTS.length)]!;
    const command = put(topic, text);
    if (!attributed || random(4) > 0) return command;
    const attributes = JSON.stringify({ key: `\u00e9${random(9)}` });
    const bytes = command.bytes + new TextEncoder().encode(attributes).length;
    return { ...command, attributes, bytes };
  }

  async #purge(store: Store): Promise<void> {
    const live = this.#all.filter((message) => !this.#isGone(message));
    if (live.length === 0) return;
    const { topic } = live[this.#random(live.length)]!;
    const seq = this.#all.length + 1 - this.#random(60);
    await apply(store, [{ type: "purge", topic, before: { seq }, max: 1_000_000 }]);
    for (const message of live) {
      if (message.topic === topic && message.seq < seq) this.#purged.add(message.seq);
    }
  }

  #isGone({ seq, time }: TopicMessage): boolean {
    return time <= this.#clock.now() - RETENTION || this.#purged.has(seq);
  }
}

async function prove(mixture: Mixture, clock: ManualClock, next: () => Promise<Store>) {
  const model = new Model(mixture.topics, clock, mixture);
  for (let step = 0; step < 150; step++) {
    const store = await next();
    await model.change(store);
    await model.readPage(store);
  }
}

export const changingPrefixes: Promises = {
  async "pages of a prefix are exact while its topics come, are purged and expire between them, if there are no others"(
    { clock, next },
  ) {
    await prove({ topics: 7, share: 100 }, clock, next);
  },

  async "pages of a prefix are exact if few messages between its own are of other topics"(
    { clock, next },
  ) {
    await prove({ topics: 3, share: 92 }, clock, next);
  },

  async "pages of a prefix are exact if half of the messages are of other topics"(
    { clock, next },
  ) {
    await prove({ topics: 5, share: 50 }, clock, next);
  },

  async "pages of a prefix are exact if most messages are of other topics"({ clock, next }) {
    await prove({ topics: 4, share: 4 }, clock, next);
  },

  async "pages of a prefix are exact if it has very many topics"({ clock, next }) {
    await prove({ topics: 90, share: 90 }, clock, next);
  },

  async "a prefix of which all topics are leaves out those that appear between its pages and do not begin with it"(
    { store, clock },
  ) {
    const all = await append(store, Array.from({ length: 400 }, (_, i) => put(`p.${i % 10}`)));
    await topicNames(store);
    const pageAfter = async (after: number) => {
      const [page] = await store.read([{ prefix: "p.", after, count: 150, bytes: 1e6 }]);
      return page!;
    };
    assertMessages((await pageAfter(0)).messages, all.slice(0, 150));
    const more = await append(store, [put("q"), put("p.1"), put("o"), put("p"), put("p.new")]);
    await apply(store, [{ type: "purge", topic: "p.3", max: 1000 }]);
    clock.advance(1);
    await topicNames(store);
    const expected = [...all, ...more].filter(({ topic }) =>
      topic.startsWith("p.") && topic !== "p.3"
    );
    for (let after = 150; after < 405;) {
      const { messages, through } = await pageAfter(after);
      const rest = expected.filter(({ seq }) => seq > after);
      assertMessages(messages, rest.slice(0, 150));
      after = through;
    }
  },

  async "messages of a prefix keep their times beside those of a topic that was purged"(
    { store, clock, next },
  ) {
    const all: TopicMessage[] = [];
    const add = async (...topics: string[]) => {
      clock.advance(5);
      all.push(...await append(store, topics.map((topic) => put(topic))));
    };
    await add("p.a", "p.b", "p.c");
    for (let i = 0; i < 5; i++) await add("p.b");
    for (let i = 0; i < 70; i++) await add("p.a", "p.c");
    await topicNames(store);
    await apply(store, [{ type: "purge", topic: "p.b", max: 1000 }]);
    const expected = all.filter(({ topic }) => topic !== "p.b");
    const reopened = await next();
    for (const count of [1, 10, 1000]) {
      for (let after = 0; after < all.length; after++) {
        const [page] = await reopened.read([{ prefix: "p.", after, count, bytes: 1e6 }]);
        const rest = expected.filter(({ seq }) => seq > after);
        assertMessages(page!.messages, rest.slice(0, count));
      }
    }
  },
};
