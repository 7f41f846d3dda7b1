/**
 * The positions of a connection at their limit: which are kept, and what the others leave behind.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ReadPositions } from "../../client/read_positions.ts";
import { StreamPosition } from "../../client/stream_position.ts";
import type { Welcome } from "../../protocol/encode_replies.ts";

/** The welcome of a server with this store. */
function welcome(store: string, fields: Partial<Welcome> = {}): Welcome {
  const welcome = { store, epoch: `of ${store}`, start: 0, floor: 0, time: 1, last: 1000 };
  return { ...welcome, ...fields } as unknown as Welcome;
}

/** Positions with room for two, which a and b have taken at 1 and 2. */
function twoPositions(...[begin, since]: [Welcome, { after: number; epoch?: string }?]) {
  const positions = new ReadPositions(begin, since, 2);
  for (const [i, topic] of ["a", "b"].entries()) {
    assert(positions.reserve(topic));
    positions.advance(topic, i + 1);
  }
  return positions;
}

const NOWHERE = { after: 0, epoch: "" };

Deno.test("a topic that is read for the first time takes its room at once, and gives it back without a position", () => {
  const positions = new ReadPositions(welcome("s"), undefined, 2);
  assertEquals(["a", "b", "b", "c"].map((topic) => positions.reserve(topic)), [
    true,
    true,
    true,
    false,
  ]);
  positions.release("b");
  assert(positions.reserve("c"));
  for (const topic of ["a", "c"]) positions.advance(topic, 5);
  for (const topic of ["a", "c"]) positions.release(topic);
  assertEquals(["b", "a", "c"].map((topic) => positions.reserve(topic)), [false, true, true]);
});

Deno.test("the position of a read that was under way when the store changed is kept, also without room", () => {
  const positions = twoPositions(welcome("s"));
  positions.begin(welcome("other"));
  for (const topic of ["c", "d"]) assert(positions.reserve(topic));
  for (const topic of ["c", "d"]) positions.advance(topic, 7);
  positions.advance("a", 8);
  positions.begin(welcome("other"));
  assertEquals(["a", "c", "d"].map((topic) => positions.since(topic)?.after), [8, 7, 7]);
  assert(!positions.reserve("e"));
});

/** Subscribes to a topic at the connection's cursor; the server begins there. */
function subscribeAt(positions: ReadPositions, topic: string, through: number): void {
  const stream = new StreamPosition(positions, topic, undefined, { epoch: "e", seq: 0 });
  stream.requestFields();
  stream.onReply(through);
}

Deno.test("positions are bounded, also those of subscriptions, for which nobody checked whether there is room", () => {
  const positions = new ReadPositions(welcome("s", { floor: 1000 }), undefined, 10);
  const topics = Array.from({ length: 100 }, (_, i) => `t${i}`);
  for (const topic of topics) subscribeAt(positions, topic, 5);
  positions.begin(welcome("s"));
  const known = topics.filter((topic) => positions.since(topic)!.epoch !== NOWHERE.epoch);
  assertEquals([known.length <= 10, known.at(-1)], [true, "t99"]);
});

Deno.test("the cursor of a subscription is not kept if there is no room for it, and the topic begins at the start", () => {
  const positions = new ReadPositions(welcome("s"), undefined, 2);
  for (const topic of ["a", "b", "c"]) subscribeAt(positions, topic, 5);
  positions.begin(welcome("s"));
  assertEquals(["a", "b", "c"].map((topic) => positions.since(topic)?.after), [5, 5, undefined]);
  assertEquals(positions.base, { after: 0, epoch: "of s" });
});

Deno.test("once positions are forgotten, a topic without one begins nowhere in any store, and others where they were", () => {
  for (const since of [undefined, { after: 0 }, { after: 0, epoch: "older" }]) {
    const positions = twoPositions(welcome("s"), since);
    positions.onHeartbeat(2, 2);
    assert(positions.reserve("c"));
    positions.advance("c", 3);
    for (const store of ["s", "s", "other", "s"]) {
      positions.begin(welcome(store));
      assertEquals(positions.base, NOWHERE);
      assertEquals(["a", "never read"].map((topic) => positions.since(topic)), [NOWHERE, NOWHERE]);
      assertEquals(["b", "c"].map((topic) => positions.since(topic)?.after), [2, 3]);
    }
  }
});

Deno.test("what is forgotten on a later socket counts at once, though that socket began before", () => {
  const positions = twoPositions(welcome("s"));
  positions.begin(welcome("s", { floor: 9 }));
  assertEquals(positions.since("never read"), undefined);
  assert(positions.reserve("c"));
  assertEquals(["a", "never read"].map((topic) => positions.since(topic)), [NOWHERE, NOWHERE]);
});

Deno.test("what is forgotten at another store is not continued at the first one, either", () => {
  const positions = new ReadPositions(welcome("s"), undefined, 2);
  positions.reserve("x");
  positions.advance("x", 7);
  positions.begin(welcome("other"));
  for (const topic of ["a", "b"]) {
    assert(positions.reserve(topic));
    positions.advance(topic, 2);
  }
  positions.onHeartbeat(2, 2);
  assert(positions.reserve("c"));
  positions.begin(welcome("other"));
  assertEquals(positions.since("x"), { after: 7, epoch: "of s", asOf: 1 });
  assertEquals(positions.since("never read"), NOWHERE);
  positions.begin(welcome("s"));
  assertEquals(positions.since("x")?.after, 7);
  assertEquals(positions.since("never read"), NOWHERE);
});
