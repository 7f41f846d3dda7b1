/**
 * Stores compared with a model: puts, ids of messages, reads, dropped messages and gaps, in any order.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { MESSAGE_OVERHEAD } from "../../protocol/limits.ts";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  type MessagePage,
  type Purge,
  type Put,
  type Store,
  StoreError,
} from "../../stores/store.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { identified } from "../../testing/store/message_ids.ts";
import { apply, outcomes, put, read, trim } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type Random, seeded } from "../../testing/seeded.ts";

/** A file takes longer. */
const RUNS = { "in memory": 40, "in a file": 6 };
const STEPS = 100;
const TOPICS = ["a", "ab", "b", "dé", "déf"];
const PREFIXES = ["", "a", "ab", "d", "dé", "x"];

/** A message of the model. */
interface ModelMessage {
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

/** How a run is set up. */
interface Setting {
  readonly retention: number;
  readonly limits: Pick<StoreLimits, "topics" | "storedBytes" | "overflow">;
}

/** Everything that was ever stored, as a list. */
class Model {
  readonly #setting: Setting;
  readonly #clock: ManualClock;
  readonly #all: ModelMessage[] = [];

  constructor(setting: Setting, clock: ManualClock) {
    this.#setting = setting;
    this.#clock = clock;
  }

  get last(): number {
    return this.#all.at(-1)?.seq ?? 0;
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

  /** Stores a message, or says why not. */
  put({ topic, bytes, attributes, identity }: Put): number | string {
    const { topics, storedBytes, overflow } = this.#setting.limits;
    this.expire();
    const live = this.live();
    const { messageId } = JSON.parse(attributes ?? "{}") as { readonly messageId?: string };
    const id = messageId === undefined ? undefined : `${identity} ${messageId}`;
    const first = id && live.find((one) => one.topic === topic && one.id === id);
    if (first) return `dup ${first.seq}`;
    const holding = new Set(live.map((one) => one.topic));
    if (!holding.has(topic) && holding.size >= topics) return "limit_exceeded";
    const bytesOf = (text: string) => new TextEncoder().encode(text).length;
    const idSize = messageId === undefined ? 0 : 200;
    const size = bytes + bytesOf(topic) + MESSAGE_OVERHEAD + idSize;
    let surplus = live.reduce((sum, one) => sum + one.size, size) - storedBytes;
    if (size > storedBytes || (overflow === "reject" && surplus > 0)) return "full";
    for (const one of live) {
      if (surplus <= 0) break;
      one.removedAt = this.#clock.now();
      surplus -= one.size;
    }
    const seq = this.last + 1;
    this.#all.push({
      seq,
      topic,
      time: this.#clock.now(),
      size,
      id,
      removedAt: undefined,
      isPurged: false,
    });
    return seq;
  }
}

/**
 * Checks what a page says to be gone: the newest message, and when the last one went. Of a topic that is the same one; of
 * a prefix it need not be, since a purge may remove older messages of one topic later than newer ones of another.
 *
 * @param removed the newest message that is gone of each topic that is meant
 * @param after what was asked for; when messages up to there went may count, too
 */
function checkGone({ gone }: MessagePage, removed: readonly ModelMessage[], after: number): void {
  const asked = removed.filter(({ seq }) => seq > after);
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
async function check(store: Store, model: Model, random: Random): Promise<void> {
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
  checkGone(page, model.gone((other) => other === topic), 0);
  const prefix = PREFIXES[random(PREFIXES.length)]!;
  const isMeant = (other: string) => other.startsWith(prefix);
  const [across] = await store.read([{ prefix, after, count, bytes: 2 ** 40, gone: true }]);
  const all = model.liveOf(isMeant).filter(({ seq }) => seq > after);
  assertEquals(numbered(across!.messages), numbered(all.slice(0, count)), "the page of a prefix");
  checkGone(across!, model.gone(isMeant), after);
  const { floor, last } = await store.bounds();
  assertEquals([floor, last], [model.floor, model.last], "the bounds");
  if (random(10) > 2) return;
  const topics = await store.topics({ prefix: "", after: "", count: 10 });
  assertEquals(
    topics.map(({ topic, messages, seq }) => [topic, messages, seq]),
    TOPICS.map((topic) => [topic, model.live(topic).length, model.live(topic).at(-1)?.seq])
      .filter(([, messages]) => messages),
    "the topics",
  );
}

/** A batch: mostly of a few messages, sometimes of many, and a few of them large. */
function draw(random: Random): Put[] {
  return Array.from(
    { length: 1 + random(random(5) === 0 ? 90 : 4) },
    () => {
      const topic = TOPICS[random(TOPICS.length)]!;
      const text = "x".repeat(random(random(10) === 0 ? 400 : 20));
      if (random(4) > 0) return put(topic, text);
      if (random(3) === 0) return attributed({ key: "ä".repeat(1 + random(9)) }, topic, text);
      return identified(`ä${random(9)}`, { topic, text, identity: `${random(2)}` });
    },
  );
}

/** A purge: of all, before a number, or before a time; at once or in parts. */
function drawPurge(random: Random, last: number, now: number): Purge {
  const [topic, max] = [TOPICS[random(TOPICS.length)]!, random(3) === 0 ? 1 + random(5) : 1e6];
  const kinds = [undefined, { seq: random(last + 3) }, { time: now - random(200) + 3 }];
  return { type: "purge", topic, before: kinds[random(3)], max };
}

/** One run of random steps from a seed; `restart` closes and opens the store again, if that keeps anything. */
async function run(
  random: Random,
  setting: Setting,
  clock: ManualClock,
  open: () => Store,
  restarts: boolean,
): Promise<void> {
  let store = open();
  const model = new Model(setting, clock);
  try {
    for (let step = 0; step < STEPS; step++) {
      const chance = random(100);
      if (chance < 60) {
        const batch = draw(random);
        const results = await outcomes(store, batch);
        assertEquals(results, batch.map((one) => model.put(one)), `step ${step}: the outcomes`);
      } else if (chance < 66) {
        const purge = drawPurge(random, model.last, clock.now());
        // In parts: each is what the model says, and readers are told at the first one how far it goes.
        for (let more = true, { before } = purge; more;) {
          const [result] = await apply(store, [{ ...purge, before }]);
          if (result instanceof StoreError) throw result;
          assertEquals(
            [result!.purged, result!.more],
            model.purge({ ...purge, before }),
            `step ${step}: the purge`,
          );
          more = result!.more;
          before = { seq: result!.end };
        }
      } else if (chance < 80) {
        clock.advance(random(random(10) < 3 ? 1.5 * setting.retention : 30));
      } else if (chance < 92) await trim(store, random(2) === 0 ? 0.01 : 50);
      else if (restarts) {
        await store[Symbol.asyncDispose]();
        store = open();
      }
      await check(store, model, random);
    }
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

for (
  const [where, topics] of [["", [100]], [" with a limit of few topics", [2, 4]]] as const
) {
  for (const kind of ["in memory", "in a file"] as const) {
    Deno.test(`a store ${kind} behaves as its model${where}`, async () => {
      for (let seed = 1; seed <= RUNS[kind]; seed++) {
        const random = seeded(seed);
        const setting: Setting = {
          retention: [50, 200, 1000][random(3)]!,
          limits: {
            topics: topics[random(topics.length)]!,
            storedBytes: [600, 3000, 40_000][random(3)]!,
            overflow: random(5) < 3 ? "drop-oldest" : "reject",
          },
        };
        const clock = new ManualClock();
        const options = { engine: nodeSqlite, clock, ...setting };
        const folder = Deno.makeTempDirSync();
        const path = `${folder}/queue.db`;
        const open = (): Store =>
          kind === "in memory"
            ? new MemoryStore(options)
            : new FileStore({ ...options, path, durability: "process" });
        try {
          await run(random, setting, clock, open, kind === "in a file");
        } catch (error) {
          throw new Error(`seed ${seed}: ${JSON.stringify(setting)}`, { cause: error });
        } finally {
          Deno.removeSync(folder, { recursive: true });
        }
      }
    });
  }
}
