/**
 * A gap that readers were told of stays gone, whatever happens to the process and its options.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Store } from "../../stores/store.ts";
import { outcomes, put, texts } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { QueueFile } from "../support/queue_file.ts";

const [SHORT, LONG] = [1000, 60_000];

/** A file in which one message has expired and another has not. Nothing was put since, and readers were told. */
async function expired(file: QueueFile, clock: ManualClock): Promise<Store> {
  const store = file.open(clock, SHORT);
  assertEquals(await outcomes(store, [put("t", "expired")]), [1]);
  clock.advance(SHORT / 2);
  assertEquals(await outcomes(store, [put("t", "fresh")]), [2]);
  clock.advance(SHORT / 2);
  assertEquals((await store.bounds()).floor, 1);
  return store;
}

for (const how of ["a crash", "a restart"]) {
  Deno.test(`expired messages do not come back with a longer retention, after ${how}`, async () => {
    await using file = new QueueFile();
    const clock = new ManualClock();
    const store = await expired(file, clock);
    // What is on the disk while the process runs is what a crash leaves.
    file.copy("crash");
    await store[Symbol.asyncDispose]();
    if (how === "a crash") file.bringBack("crash");
    await using again = file.open(clock, LONG);
    assertEquals(await texts(again, "t"), ["fresh"]);
    assertEquals((await again.bounds()).floor, 1);
    const [page] = await again.read([{ topic: "t", after: 0, count: 9, bytes: 999, gone: true }]);
    assertEquals(page!.gone?.seq, 1);
    // Messages that had not expired have the longer retention from now on.
    clock.advance(LONG - SHORT / 2 - 1);
    assertEquals(await texts(again, "t"), ["fresh"]);
    clock.advance(1);
    assertEquals(await texts(again, "t"), []);
  });
}

Deno.test("with a shorter retention, old messages are gone at once, as of the opening of the store", async () => {
  await using file = new QueueFile();
  const clock = new ManualClock();
  const store = file.open(clock, LONG);
  await outcomes(store, [put("t", "old")]);
  clock.advance(LONG / 2);
  await outcomes(store, [put("t", "fresh")]);
  const { time: readAt } = await store.bounds();
  await store[Symbol.asyncDispose]();
  await using again = file.open(clock, SHORT);
  assertEquals(await texts(again, "t"), ["fresh"]);
  assertEquals((await again.bounds()).floor, 1);
  // A reader that used the store until then was not told before.
  const [standing] = await again.topicBounds([{ topic: "t" }]);
  assertEquals([standing!.gone!.seq, standing!.gone!.at > readAt], [1, true]);
});
