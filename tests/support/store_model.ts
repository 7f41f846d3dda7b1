/**
 * A model of a store: everything that was ever stored, as a list.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import type { MessagePage, Purge, Put, Store } from "../../stores/store.ts";
import { read } from "../../testing/store/support.ts";
import type { ManualClock } from "../../testing/manual_clock.ts";
import type { Random } from "../../testing/seeded.ts";

/** The topics of a run. */
export const TOPICS: readonly string[] = ["a", "ab", "b", "dé", "déf"];
const PREFIXES = ["", "a", "ab", "d", "dé", "x"];

/** A message of the model. */
export interface ModelMessage {
  readonly seq: number;
  readonly topic: string;
  readonly time: number;
  readonly size: number;
  /** Its `messageId`, with its identity. */
  readonly id: string | undefined;
  /** When it stopped being readable. */
  removedAt: number | undefined;
  /** It was purged, and has not expired yet: messages before it may be left. */
  isPurged: boolean;
}

/** What a session has put: the answer to each number. */
interface Numbers {
  last: number;
  readonly answers: Map<number, number>;
}

/** How a run is set up. */
export interface Setting {
  readonly retention: number;
  readonly limits: Pick<StoreLimits, "topics" | "storedBytes" | "overflow" | "goneTopics">;
}

/** Everything that was ever stored, as a list. */
export class Model {
  readonly #setting: Setting;
  readonly #clock: ManualClock;
  readonly #all: ModelMessage[] = [];
  readonly #sessions = new Map<string, Numbers>();
  /** How many messages of each topic were stored since the store was opened, or since it had none. */
  readonly #stored = new Map<string, number>();
  /** Moments, by what the store calls them, and how far each topic was gone then. */
  readonly #moments: { readonly asOf: number; readonly gone: ReadonlyMap<string, number> }[] = [];
  /** The sessions of which a put of this batch found no room. */
  readonly #refused = new Set<string>();

  constructor(setting: Setting, clock: ManualClock) {
    this.#setting = setting;
    this.#clock = clock;
  }

  get last(): number {
    return this.#all.at(-1)?.seq ?? 0;
  }

  /** The store knows of each topic what is gone. */
  get knowsGone(): boolean {
    return this.#setting.limits.goneTopics >= TOPICS.length;
  }

  /** Everything up to there is gone: the oldest goes first. */
  get floor(): number {
    const gone = this.#all.findLast(({ removedAt, isPurged }) =>
      removedAt !== undefined && !isPurged
    );
    return gone?.seq ?? 0;
  }

  /** The readable messages of a topic, or of all. */
  live(topic?: string): ModelMessage[] {
    return this.liveOf((other) => topic === undefined || other === topic);
  }

  /** The readable messages of some topics. */
  liveOf(isMeant: (topic: string) => boolean): ModelMessage[] {
    return this.#all.filter((one) => one.removedAt === undefined && isMeant(one.topic));
  }

  /** The newest message that is gone of each topic, in order. */
  gone(isMeant: (topic: string) => boolean): readonly ModelMessage[] {
    const newest = TOPICS.filter(isMeant).map((topic) =>
      this.#all.findLast((one) => one.removedAt !== undefined && one.topic === topic)
    );
    return newest.filter((one) => one !== undefined).sort((a, b) => a.seq - b.seq);
  }

  /** Remembers the present moment; returns one of those that were remembered. */
  moment(asOf: number, random: Random): { readonly asOf: number; newest(prefix: string): number } {
    const gone = this.gone(() => true).map(({ topic, seq }) => [topic, seq] as const);
    this.#moments.push({ asOf, gone: new Map(gone) });
    const then = this.#moments[random(this.#moments.length)]!;
    const isLater = ({ topic, seq }: ModelMessage) => seq > (then.gone.get(topic) ?? 0);
    return {
      asOf: then.asOf,
      newest: (prefix) =>
        this.gone((topic) => topic.startsWith(prefix)).findLast(isLater)?.seq ?? 0,
    };
  }

  expire(): void {
    const { retention } = this.#setting;
    for (const one of this.#all) {
      if (one.time + retention > this.#clock.now()) continue;
      one.removedAt ??= one.time + retention;
      one.isPurged = false;
    }
  }

  /** Purges a topic, at most so many messages: how many, and whether there are more. */
  purge({ topic, before, max }: Purge): [purged: number, more: boolean] {
    this.expire();
    const stays = ({ seq, time }: ModelMessage) =>
      before !== undefined && ("seq" in before ? seq >= before.seq : time >= before.time);
    const going = this.live(topic).filter((one) => !stays(one));
    for (const one of going.slice(0, max)) {
      one.removedAt = this.#clock.now();
      one.isPurged = true;
    }
    return [Math.min(max, going.length), going.length > max];
  }

  /** How many messages of a topic were stored since the store was opened, or since the topic had none. */
  stored(topic: string): number {
    return this.#stored.get(topic) ?? 0;
  }

  /** The store was closed and opened again. */
  reopened(): void {
    this.#stored.clear();
  }

  /** A batch begins. */
  begin(): void {
    this.#refused.clear();
  }

  /** Stores a message, or says why not. */
  put(put: Put): number | string {
    this.expire();
    const { session, n } = put;
    const numbers = session === undefined ? undefined : this.#numbersOf(session);
    if (numbers === undefined || n === undefined) return this.#put(put);
    const answer = numbers.answers.get(n);
    if (answer !== undefined) return `dup ${answer}`;
    const isPassed = n <= numbers.last;
    const first = this.#named(put);
    if (first !== undefined && (isPassed || this.#refused.has(session!))) return `dup ${first.seq}`;
    if (isPassed) return "superseded";
    if (this.#refused.has(session!)) return "full";
    const outcome = this.#put(put);
    if (outcome === "full") this.#refused.add(session!);
    const seq = first?.seq ?? outcome;
    if (typeof seq !== "number") return outcome;
    numbers.answers.set(n, seq);
    numbers.last = n;
    return outcome;
  }

  /** Where the numbers of a session are. */
  #numbersOf(session: string): Numbers {
    const known = this.#sessions.get(session);
    if (known) return known;
    const numbers = { last: 0, answers: new Map<number, number>() };
    this.#sessions.set(session, numbers);
    return numbers;
  }

  /** The message that has the `messageId` of a put. */
  #named({ topic, attributes, identity }: Put): ModelMessage | undefined {
    const id = idOf(attributes, identity);
    return id === undefined
      ? undefined
      : this.live().find((one) => one.topic === topic && one.id === id);
  }

  #put(put: Put): number | string {
    const { topic, bytes, attributes, identity } = put;
    const { topics, storedBytes, overflow } = this.#setting.limits;
    const first = this.#named(put);
    if (first) return `dup ${first.seq}`;
    const live = this.live();
    const before = live.some((one) => one.topic === topic) ? this.stored(topic) : 0;
    const holding = new Set(live.map((one) => one.topic));
    if (!holding.has(topic) && holding.size >= topics) return "limit_exceeded";
    const bytesOf = (text: string) => new TextEncoder().encode(text).length;
    const id = idOf(attributes, identity);
    const size = bytes + bytesOf(topic) + MESSAGE_OVERHEAD + (id === undefined ? 0 : 200);
    let surplus = live.reduce((sum, one) => sum + one.size, size) - storedBytes;
    if (size > storedBytes || (overflow === "reject" && surplus > 0)) return "full";
    for (const one of live) {
      if (surplus <= 0) break;
      one.removedAt = this.#clock.now();
      surplus -= one.size;
    }
    const seq = this.last + 1;
    const [time, removedAt] = [this.#clock.now(), undefined];
    this.#all.push({ seq, topic, time, size, id, removedAt, isPurged: false });
    this.#stored.set(topic, before + 1);
    return seq;
  }
}

/** The `messageId` of attributes, with whose it is. */
function idOf(attributes: string | undefined, identity: string | undefined): string | undefined {
  const { messageId } = JSON.parse(attributes ?? "{}") as { readonly messageId?: string };
  return messageId === undefined ? undefined : `${identity} ${messageId}`;
}

/**
 * Checks what a page says to be gone: the newest message, and when the last one went. Of a topic that is the same one; of
 * a prefix it need not be, since a purge may remove older messages of one topic later than newer ones of another.
 *
 * @param removed the newest message that is gone of each topic that is meant
 * @param after what was asked for; when messages up to there went may count, too
 * @param isExact the store knows it exactly; else it may say more
 */
function checkGone(
  { gone }: MessagePage,
  removed: readonly ModelMessage[],
  after: number,
  isExact: boolean,
): void {
  const asked = removed.filter(({ seq }) => seq > after);
  if (!isExact) {
    return assert((gone?.seq ?? 0) >= (asked.at(-1)?.seq ?? 0), "what is gone at least");
  }
  assertEquals(gone?.seq, asked.at(-1)?.seq, "what is gone");
  if (!gone) return;
  const lastOf = (messages: readonly ModelMessage[]) =>
    messages.reduce((last, { removedAt }) => Math.max(last, removedAt!), 0);
  const [early, late] = [lastOf(asked) - gone.at, gone.at - lastOf(removed)];
  assert(early <= 0, `something went ${early} ms after the reported time`);
  // The store's time advances by a millisecond if a message is dropped before it expires.
  assert(late <= 2, `all was gone ${late} ms before the reported time`);
}

/** Checks one random page, and what is said about the whole. */
export async function check(store: Store, model: Model, random: Random): Promise<void> {
  model.expire();
  const topic = TOPICS[random(TOPICS.length)]!;
  const after = random(2) === 0 ? 0 : random(model.last + 2);
  const [newest, count] = [random(10) < 3, 1 + random(5)];
  const page = await read(store, { topic, after, count, newest, gone: true });
  const live = model.live(topic).filter(({ seq }) => seq > after);
  const expected = newest ? live.slice(-1) : live.slice(0, count);
  const numbered = (messages: readonly { seq: number; time: number }[]) =>
    messages.map(({ seq, time }) => [seq, time]);
  assertEquals(numbered(page.messages), numbered(expected), "the page");
  checkGone(page, model.gone((other) => other === topic), 0, model.knowsGone);
  const oldest = model.live(topic)[0]?.seq ?? Infinity;
  assert((page.gone?.seq ?? 0) < oldest, `${oldest} is left, and said to be gone`);
  const prefix = PREFIXES[random(PREFIXES.length)]!;
  const isMeant = (other: string) => other.startsWith(prefix);
  const [across] = await store.read([{ prefix, after, count, bytes: 2 ** 40, gone: true }]);
  const all = model.liveOf(isMeant).filter(({ seq }) => seq > after);
  assertEquals(numbered(across!.messages), numbered(all.slice(0, count)), "the page of a prefix");
  checkGone(across!, model.gone(isMeant), after, model.knowsGone);
  const [bounds] = await store.topicBounds([{}]);
  const { asOf, newest: newestSince } = model.moment(bounds!.asOf, random);
  const [since] = await store.topicBounds([{ prefix, asOf }]);
  const told = since!.gone?.seq ?? 0;
  // It may say more where messages were dropped, or the file was opened, in that very millisecond.
  assert(told >= newestSince(prefix), `${newestSince(prefix)} went since, not ${told}`);
  const { floor, last } = await store.bounds();
  assertEquals([floor, last], [model.floor, model.last], "the bounds");
  if (random(10) > 2) return;
  const topics = await store.topics({ prefix: "", after: "", count: 10 });
  const expectedTopics = TOPICS.map((topic) => {
    const messages = model.live(topic);
    const { seq, time } = messages.at(-1) ?? { seq: 0, time: 0 };
    const bytes = messages.reduce((sum, { size }) => sum + size, 0);
    return { topic, messages: messages.length, bytes, stored: model.stored(topic), seq, time };
  });
  assertEquals(topics, expectedTopics.filter(({ messages }) => messages > 0), "the topics");
}
