/**
 * The contract of a log: records, fences, state, trimming.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { LogError } from "../../stores/replicated/record_log.ts";
import { appendAll, Follower, record, take, texts } from "../support/log_records.ts";
import type { ProveLog } from "./record_log.ts";

/** Promises of what is appended. */
export const recordLogRecords: Readonly<Record<string, ProveLog>> = {
  "records come out in the order in which they were acknowledged, at positions without gaps":
    async (open, name) => {
      await using log = await open(name);
      const begin = Date.now();
      await appendAll(log, "a", "b", "c");
      const entries = await take(log, 0, 3);
      assertEquals(texts(entries), ["a", "b", "c"]);
      assertEquals(entries.map(({ position }) => position), [1, 2, 3]);
      for (const { time } of entries) {
        assert(Number.isSafeInteger(time) && Math.abs(time - begin) < 60_000);
      }
    },

  "records of several writers have one order for all readers": async (open, name) => {
    await using one = await open(name);
    await using other = await open(name);
    await Promise.all(
      [one, other].map((log, writer) =>
        appendAll(log, ...Array.from({ length: 20 }, (_, i) => `${writer}:${i}`))
      ),
    );
    const seen = await take(one, 0, 40);
    assertEquals(await take(other, 0, 40), seen);
    for (const writer of [0, 1]) {
      const own = texts(seen).filter((text) => text.startsWith(`${writer}:`));
      assertEquals(own, Array.from({ length: 20 }, (_, i) => `${writer}:${i}`));
    }
  },

  "each record of many under way at once is there once": async (open, name) => {
    await using log = await open(name);
    const all = Array.from({ length: 500 }, (_, i) => `${i}`);
    await Promise.all(all.map((text) => log.append(record(text))));
    assertEquals(texts(await take(log, 0, 500)).sort(), all.sort());
    assertEquals((await log.state()).last, 500);
  },

  "a record of any bytes, and up to the largest size, comes out as it went in": async (
    open,
    name,
  ) => {
    await using log = await open(name);
    assert(log.maxRecord >= 64 * 1024);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const largest = new Uint8Array(log.maxRecord);
    for (let i = 0; i < largest.length; i++) largest[i] = i % 251;
    const all = [bytes, new Uint8Array(0), largest, new Uint8Array([13, 10]), largest.slice()];
    await Promise.all(all.map((each) => log.append(each)));
    const found = await take(log, 0, all.length);
    const sizes = (list: readonly Uint8Array[]) => list.map(({ length }) => length).sort();
    assertEquals(sizes(found.map(({ record }) => record)), sizes(all));
    for (const each of all) {
      const same = found.find(({ record }) => record.length === each.length)!.record;
      assertEquals(same.findIndex((byte, i) => byte !== each[i]), -1);
    }
  },

  "a log outlives those who opened it": async (open, name) => {
    let state;
    {
      await using log = await open(name);
      await appendAll(log, "a", "b");
      state = await log.state();
    }
    await using log = await open(name);
    assertEquals(await log.state(), state);
    assertEquals(texts(await take(log, 1, 1)), ["b"]);
  },

  "a new log is empty, its state counts, and its id is that of no other": async (open, name) => {
    await using log = await open(name);
    await using again = await open(name);
    await using other = await open(`${name}other`);
    const { id, ...empty } = await log.state();
    assertEquals(empty, { first: 1, last: 0 });
    await appendAll(log, "a", "b");
    assertEquals(await again.state(), { id, first: 1, last: 2 });
    assertNotEquals((await other.state()).id, id);
  },

  "a fence is behind all that anybody had acknowledged, and in the tail": async (open, name) => {
    await using log = await open(name);
    await using other = await open(name);
    await using follower = new Follower(log, 0);
    let last = 0;
    for (let round = 1; round <= 20; round++) {
      await Promise.all([log, other].map((each) => each.append(record("x"))));
      const fence = await (round % 2 === 0 ? log : other).fence();
      assert(fence > last, "no fence goes back");
      last = fence;
      await follower.has(fence);
      const before = texts(follower.entries.slice(0, fence)).filter((text) => text === "x");
      assertEquals(before.length, 2 * round);
    }
  },

  "fences may be under way at once, beside records": async (open, name) => {
    await using log = await open(name);
    const work = Array.from({ length: 20 }, () => [log.fence(), log.append(record("x"))]).flat();
    await Promise.all(work);
    assert(await log.fence() >= 20);
  },

  "what is trimmed is gone, the rest keeps its positions, and the log goes on": async (
    open,
    name,
  ) => {
    await using log = await open(name);
    await using other = await open(name);
    await appendAll(log, "a", "b", "c", "d");
    await other.trim(3);
    const { id, ...state } = await log.state();
    assertEquals(state, { first: 3, last: 4 });
    await log.trim(2);
    await log.trim(0);
    assertEquals(await log.state(), { id, first: 3, last: 4 });
    await appendAll(log, "e");
    const entries = await take(log, 2, 3);
    assertEquals(texts(entries), ["c", "d", "e"]);
    assertEquals(entries[0]!.position, 3);
  },

  "a log that is trimmed wholly, or further, is empty and goes on at the next position": async (
    open,
    name,
  ) => {
    await using log = await open(name);
    await appendAll(log, "a", "b");
    await log.trim(1000);
    const { id, ...state } = await log.state();
    assertEquals(state, { first: 3, last: 2 });
    await appendAll(log, "c");
    assertEquals(await log.state(), { id, first: 3, last: 3 });
    assertEquals(texts(await take(log, 2, 1)), ["c"]);
  },

  "a log that was disposed of does nothing any more, and may be disposed of again": async (
    open,
    name,
  ) => {
    const log = await open(name);
    await appendAll(log, "a");
    const follower = new Follower(log, 0);
    await follower.has(1);
    await log[Symbol.asyncDispose]();
    await log[Symbol.asyncDispose]();
    assert(await follower.ended instanceof LogError);
    const { code } = await assertRejects(() => log.append(record("b")), LogError);
    assertEquals(code, "unavailable");
    await assertRejects(() => log.state(), LogError);
    await assertRejects(() => log.fence(), LogError);
    await assertRejects(() => log.trim(1), LogError);
    await assertRejects(() => log.snapshots.list(), LogError);
    await assertRejects(() => take(log, 0, 1), LogError);
  },
};
