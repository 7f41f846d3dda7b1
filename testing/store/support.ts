/**
 * Helpers for the tests of a store's promises.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import {
  type Command,
  type Follower,
  type MessagePage,
  type MessageQuery,
  type Put,
  type Result,
  type Store,
  StoreError,
  type TopicMessage,
} from "../../stores/store.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import type { ManualClock } from "../manual_clock.ts";

/** How long the stores of these tests keep a message, in milliseconds. */
export const RETENTION = 600_000;

/** What a test gets. */
export interface Bench {
  /** A new and empty store, closed after the test. */
  readonly store: Store;
  /** The store's clock. */
  readonly clock: ManualClock;
  /** Opens another new store, perhaps with limits or its own clock. The test closes it. */
  another(limits?: Partial<StoreLimits>, clock?: ManualClock): Promise<Store>;
  /** Continues with a new store that has limits, instead of the one before. */
  limited(limits: Partial<StoreLimits>): Promise<Store>;
  /** The store for the next step: closed and opened again, if restarts must change nothing. */
  next(): Promise<Store>;
}

/** Promises, each with its test. */
export type Promises = Readonly<Record<string, (bench: Bench) => Promise<void>>>;

/** A put of a text. */
export function put(topic: string, text = "x"): Put {
  const body = JSON.stringify(text);
  return { type: "put", topic, body, bytes: new TextEncoder().encode(body).length };
}

/** A put that its session may repeat. */
export function numbered(
  sessionId: string,
  n: number,
  topic = "t",
  text = `${sessionId} ${n}`,
): Put {
  return { ...put(topic, text), session: sessionId, n };
}

/** Applies commands to a store now. */
export async function apply<C extends Command>(
  store: Store,
  commands: readonly C[],
): Promise<readonly (Result<C> | StoreError)[]> {
  const results = await store.apply({ time: store.now(), commands });
  assertEquals(results.length, commands.length);
  return results;
}

/** Opens or resumes a session. */
export async function openSession(store: Store, sessionId: string, owner?: string): Promise<void> {
  assertEquals(await apply(store, [{ type: "open_session", session: sessionId, owner }]), [{}]);
}

/** Forgets a session. */
export async function forgetSession(store: Store, sessionId: string): Promise<void> {
  assertEquals(await apply(store, [{ type: "forget_session", session: sessionId }]), [{}]);
}

/** The outcomes of puts, in short: the sequence number, after `dup` if it was stored before; or the code of the error. */
export async function outcomes(store: Store, batch: readonly Put[]): Promise<(number | string)[]> {
  const results = await apply(store, batch);
  return results.map((result) => {
    if (result instanceof StoreError) return result.code;
    return result.dup ? `dup ${result.seq}` : result.seq;
  });
}

/** The bodies of a topic, as texts. */
export async function texts(store: Store, topic = "t"): Promise<string[]> {
  return (await read(store, { topic })).messages.map(({ body }) => JSON.parse(body) as string);
}

/** Puts of texts into one topic. */
export function puts(topic: string, ...texts: string[]): Put[] {
  return texts.map((text) => put(topic, text));
}

/** Appends messages, which must succeed, and returns those that the store must have now. */
export async function append(store: Store, batch: readonly Put[]): Promise<TopicMessage[]> {
  const results = await apply(store, batch);
  return results.map((result, i) => {
    if (result instanceof StoreError) throw result;
    return plain({ ...batch[i]!, seq: result.seq, time: result.time! });
  });
}

/** Reads one page: all of the topic, unless the query says otherwise. */
export async function read(
  store: Store,
  query: Partial<MessageQuery> & { readonly topic: string },
): Promise<MessagePage> {
  const pages = await store.read([{ after: 0, count: 1_000_000, bytes: 2 ** 40, ...query }]);
  assertEquals(pages.length, 1);
  return { ...pages[0]!, messages: pages[0]!.messages.map(plain) };
}

/** Reads page after page up to a number, and checks that each is within its limits. */
export async function readUpTo(
  store: Store,
  upTo: number,
  query: Partial<MessageQuery> & { readonly topic: string },
): Promise<TopicMessage[]> {
  const { count = 1_000_000, bytes = 2 ** 40 } = query;
  const messages: TopicMessage[] = [];
  for (let after = query.after ?? 0; after < upTo;) {
    const page = await read(store, { ...query, after });
    assert(page.messages.length <= count, `at most ${count} messages`);
    const total = page.messages.reduce((sum, message) => sum + message.bytes, 0);
    assert(total <= bytes || page.messages.length === 1, `at most ${bytes} bytes, got ${total}`);
    assert(page.through > after, `a page continues after ${after}`);
    messages.push(...page.messages);
    after = page.through;
  }
  return messages.filter(({ seq }) => seq <= upTo);
}

/** All topics, by name. */
export async function topicNames(store: Store): Promise<string[]> {
  const entries = await store.topics({ prefix: "", after: "", count: 1_000_000 });
  return entries.map(({ topic }) => topic);
}

/** Purges expired messages for about this many milliseconds; resolves to whether there are more. */
export async function trim(store: Store, budgetMs = 1000): Promise<boolean> {
  await apply(store, []);
  return await store.trim(budgetMs);
}

/** Purges all expired messages. */
export async function trimAll(store: Store, budgetMs = 1000): Promise<void> {
  for (let calls = 1; await trim(store, budgetMs); calls++) assert(calls < 10_000, "trimming ends");
}

/** Collects the feed of a store. */
export class Feed implements Follower, Disposable {
  /** All messages that arrived. */
  readonly messages: TopicMessage[] = [];
  /** The errors that ended the feed. */
  readonly errors: Error[] = [];
  /** How many messages arrived at a time. */
  readonly portions: number[] = [];
  /** The feed has the messages after this number. */
  from = NaN;
  #following: Disposable | undefined;
  #highest = 0;
  #onStored: () => void = () => {};
  readonly #also: (messages: readonly TopicMessage[]) => void;

  private constructor(also: (messages: readonly TopicMessage[]) => void) {
    this.#also = also;
  }

  /** Follows a store; `also` is called during the feed. */
  static async open(
    store: Store,
    also: (messages: readonly TopicMessage[]) => void = () => {},
  ): Promise<Feed> {
    const feed = new Feed(also);
    const following = await store.follow(feed);
    feed.from = following.from;
    feed.#following = following;
    return feed;
  }

  stored(messages: readonly TopicMessage[]): void {
    this.portions.push(messages.length);
    for (const message of messages) {
      this.messages.push(plain(message));
      this.#highest = Math.max(this.#highest, message.seq);
    }
    this.#also(messages);
    this.#onStored();
  }

  lost(error: Error): void {
    this.errors.push(error);
  }

  /** Resolves once a message with this number or a later one has arrived. */
  async until({ seq }: { readonly seq: number }): Promise<void> {
    const received = Promise.withResolvers<void>();
    const check = () => {
      if (this.#highest >= seq) received.resolve();
    };
    const limit = setTimeout(() => received.reject(new Error(`message ${seq} was not fed`)), 5000);
    this.#onStored = check;
    check();
    try {
      await received.promise;
    } finally {
      clearTimeout(limit);
    }
  }

  [Symbol.dispose](): void {
    this.#following?.[Symbol.dispose]();
  }
}

/** Asserts that numbers are safe integers above 0, each larger than the one before. */
export function assertIncreasing(seqs: readonly number[]): void {
  let before = 0;
  for (const seq of seqs) {
    assert(Number.isSafeInteger(seq) && seq > before, `${seq} does not come after ${before}`);
    before = seq;
  }
}

/** Asserts that messages are equal, one by one: a diff of two long lists is slow and says little. */
export function assertMessages(
  actual: readonly TopicMessage[],
  expected: readonly TopicMessage[],
): void {
  for (const [i, message] of actual.entries()) {
    const { seq, time, topic, body } = expected[i] ?? {};
    assertEquals([message.seq, message.time, message.topic], [seq, time, topic], `message ${i}`);
    assert(message.body === body, `the body of message ${i}`);
    assertEquals(message.bytes, expected[i]!.bytes);
    assertEquals(message.attributes, expected[i]!.attributes);
  }
  assertEquals(actual.length, expected.length);
}

/** Keeps a promise for later. A rejection before anyone awaits it is not an unhandled one. */
export function track<T>(promises: Promise<T>[], promise: Promise<T>): void {
  promise.catch(() => {});
  promises.push(promise);
}

function plain({ seq, time, topic, body, bytes, attributes }: TopicMessage): TopicMessage {
  const message = { seq, time, topic, body, bytes };
  return attributes === undefined ? message : { ...message, attributes };
}
