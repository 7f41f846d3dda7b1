/**
 * The delayed store does what other tests rely on.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { systemClock } from "../../queue/clock.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { append, Feed, put, RETENTION } from "../../testing/store/support.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { VirtualTime } from "../support/fuzz_time.ts";

function open(): DelayedStore {
  const clock = new ManualClock();
  return new DelayedStore(new MemoryStore({ engine: nodeSqlite, retention: RETENTION, clock }));
}

Deno.test("a delayed store drops its feeds on demand, and can be followed again", async () => {
  await using store = open();
  using one = await Feed.open(store);
  using two = await Feed.open(store);
  const before = await append(store, [put("t")]);
  await Promise.all([one.until(before[0]!), two.until(before[0]!)]);
  store.loseFeeds(new Error("the cable is cut"));
  using again = await Feed.open(store);
  const after = [];
  for (let i = 0; i < 10; i++) after.push(...await append(store, [put("t")]));
  await again.until(after.at(-1)!);
  assertEquals(again.messages, after);
  for (const feed of [one, two]) {
    assertEquals(feed.errors.map(({ message }) => message), ["the cable is cut"]);
    assertEquals(feed.messages, before);
  }
});

Deno.test("a delayed store appends in order, answers out of order, and feeds late", async () => {
  await using store = open();
  using feed = await Feed.open(store);
  const answered: number[] = [];
  let fedLater = 0;
  const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
  await Promise.all(texts.map(async (text) => {
    const [message] = await append(store, [put("t", text)]);
    answered.push(message!.seq);
    if (!feed.messages.some(({ seq }) => seq === message!.seq)) fedLater++;
  }));
  const ordered = answered.toSorted((a, b) => a - b);
  assertNotEquals(answered, ordered);
  assert(fedLater > 0);
  await feed.until({ seq: ordered.at(-1)! });
  assertEquals(feed.messages.map(({ seq }) => seq), ordered);
  assertEquals(feed.messages.map(({ body }) => JSON.parse(body)), texts);
});

Deno.test("a delayed store tells all that its store tells of its history and its file", async () => {
  using time = new VirtualTime(1);
  const inner = new MemoryStore({ engine: nodeSqlite, retention: RETENTION, clock: systemClock });
  let erased = 0;
  const epochEnds = [["before", 3] as const];
  const facts = { openedAt: 7, largestBytes: 9, epochEnds };
  const findFault = (): string => "the disk is full";
  const erase = () => Promise.resolve(void erased++);
  for (
    const [name, value] of Object.entries({ ...facts, erase, findFault })
  ) {
    Object.defineProperty(inner, name, { value });
  }
  await using store = new DelayedStore(inner);
  const { openedAt, largestBytes } = store;
  assertEquals({ openedAt, largestBytes, epochEnds: store.epochEnds }, facts);
  assertEquals(store.findFault(), "the disk is full");
  await time.of(store.erase(), "erasing");
  assertEquals(erased, 1);
});
