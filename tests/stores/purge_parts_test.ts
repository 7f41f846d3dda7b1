/**
 * How much a purge removes at a time: what takes long would block the server.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import type { PurgeResult, Store } from "../../stores/store.ts";
import { apply, put, texts } from "../../testing/store/support.ts";
import { open } from "../support/memory_stores.ts";
import { openFile, TempFolder } from "../support/queue_files.ts";

const SIZE = 100_000;
const COUNT = 40;

/** Purges a topic with large messages, and counts what goes at a time. */
async function purgeInParts(store: Store): Promise<number[]> {
  const large = (i: number) => `${i}`.padEnd(SIZE, "x");
  const all = Array.from({ length: COUNT }, (_, i) => large(i));
  // Between those of another topic, so that each is in a row of its own.
  for (const text of all) await apply(store, [put("t", text), put("u", "small")]);
  const parts: number[] = [];
  let left = COUNT;
  for (let more = true; more;) {
    const [result] = await apply(store, [{ type: "purge", topic: "t", max: 1000 }]);
    ({ more } = result as PurgeResult);
    const { purged } = result as PurgeResult;
    parts.push(purged);
    left -= purged;
    assertEquals(await texts(store), all.slice(COUNT - left));
  }
  assertEquals((await texts(store, "u")).length, COUNT);
  return parts;
}

Deno.test("about a megabyte of large messages is purged at a time, the oldest first", async () => {
  using folder = new TempFolder();
  for (const make of [() => open(nodeSqlite), () => openFile(folder.file)]) {
    await using store = make();
    const parts = await purgeInParts(store);
    assertEquals(parts.reduce((sum, part) => sum + part), COUNT);
    for (const part of parts) assert(part * SIZE <= 1.2 * 2 ** 20, `${part} messages`);
    assert(parts.length < COUNT / 5, `${parts.length} parts`);
  }
});

Deno.test("a message that is larger than what is purged at a time is purged alone", async () => {
  await using store = open(nodeSqlite);
  for (const size of [3_000_000, 2_000_000]) {
    await apply(store, [put("t", "x".repeat(size)), put("u", "small")]);
  }
  const purge = { type: "purge", topic: "t", max: 1000 } as const;
  assertEquals(await apply(store, [purge]), [{ purged: 1, end: 5, more: true }]);
  assertEquals(await apply(store, [purge]), [{ purged: 1, end: 5, more: false }]);
  assertEquals(await apply(store, [purge]), [{ purged: 0, end: 5, more: false }]);
});
