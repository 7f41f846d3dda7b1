/**
 * The contract of a log: tails.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError, type LogFaultCode, type RecordLog } from "../../stores/replicated/record_log.ts";
import { appendAll, Follower, record, take, texts } from "../support/log_records.ts";
import { withTimeout } from "../support/with_timeout.ts";
import type { ProveLog } from "./record_log.ts";

/** Promises of what is read. */
export const recordLogTails: Readonly<Record<string, ProveLog>> = {
  "a tail goes on with what is appended later, by anybody": async (open, name) => {
    await using log = await open(name);
    await using other = await open(name);
    await using follower = new Follower(log, 0);
    await appendAll(other, "a");
    await follower.has(1);
    await appendAll(log, "b");
    await appendAll(other, "c");
    await follower.has(3);
    assertEquals(texts(follower.entries), ["a", "b", "c"]);
  },

  "a tail begins after any position, also after the last": async (open, name) => {
    await using log = await open(name);
    await appendAll(log, "a", "b", "c");
    assertEquals(texts(await take(log, 1, 2)), ["b", "c"]);
    await using follower = new Follower(log, 3);
    await appendAll(log, "d");
    await follower.has(1);
    assertEquals(follower.entries.map(({ position }) => position), [4]);
  },

  "a tail of more than fits into any buffer is complete, however slow its reader is": async (
    open,
    name,
  ) => {
    await using log = await open(name);
    const size = 64 * 1024;
    const count = 1500;
    for (let sent = 0; sent < count; sent += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => {
        const each = new Uint8Array(size);
        new DataView(each.buffer).setUint32(0, sent + i);
        return log.append(each);
      }));
    }
    const stop = new AbortController();
    const seen = new Set<number>();
    let position = 0;
    for await (const entry of log.tail(0, stop.signal)) {
      assertEquals(entry.position, ++position);
      assertEquals(entry.record.length, size);
      seen.add(new DataView(entry.record.buffer, entry.record.byteOffset).getUint32(0));
      if (position % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      if (position === count) break;
    }
    assertEquals(seen.size, count);
  },

  "a tail of what was trimmed ends with that, and one of what is there does not": async (
    open,
    name,
  ) => {
    await using log = await open(name);
    await appendAll(log, "a", "b", "c");
    await log.trim(3);
    await assertEnds(log, 0, "trimmed");
    await assertEnds(log, 1, "trimmed");
    assertEquals(texts(await take(log, 2, 1)), ["c"]);
    await log.trim(4);
    await assertEnds(log, 2, "trimmed");
    await using follower = new Follower(log, 3);
    await appendAll(log, "d");
    await follower.has(1);
    assertEquals(texts(follower.entries), ["d"]);
  },

  "a tail is not disturbed when what it has read is trimmed": async (open, name) => {
    await using log = await open(name);
    await appendAll(log, "a", "b");
    await using follower = new Follower(log, 0);
    await follower.has(2);
    await log.trim(3);
    await appendAll(log, "c");
    await follower.has(3);
    assertEquals(texts(follower.entries), ["a", "b", "c"]);
  },

  "a tail behind the end ends with that": async (open, name) => {
    await using log = await open(name);
    await assertEnds(log, 1, "ahead");
    await appendAll(log, "a");
    const { last } = await log.state();
    await assertEnds(log, last + 1, "ahead");
    await log.trim(last + 1);
    await assertEnds(log, last + 1000, "ahead");
  },

  "the signal ends a tail without an error, whatever it is doing": async (open, name) => {
    await using log = await open(name);
    await appendAll(log, "a", "b");
    // Waiting for the next record.
    await using waiting = new Follower(log, 0);
    await waiting.has(2);
    waiting.stop();
    assertEquals(await withTimeout(waiting.ended), undefined);
    // Beginning.
    await using beginning = new Follower(log, 0);
    beginning.stop();
    assertEquals(await withTimeout(beginning.ended), undefined);
    assertEquals(beginning.entries, []);
    // With records that were not taken yet.
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const { position } of log.tail(0, stop.signal)) {
      seen.push(position);
      stop.abort();
    }
    assertEquals(seen, [1]);
    // Before it began.
    for await (const _ of log.tail(0, stop.signal)) assert(false, "nothing comes");
  },

  "a tail that its reader leaves is over, and others go on": async (open, name) => {
    await using log = await open(name);
    await using follower = new Follower(log, 0);
    await appendAll(log, "a", "b");
    for (let round = 0; round < 5; round++) assertEquals(texts(await take(log, 0, 1)), ["a"]);
    await log.append(record("c"));
    await follower.has(3);
  },
};

async function assertEnds(log: RecordLog, after: number, code: LogFaultCode): Promise<void> {
  const error = await assertRejects(() => take(log, after, 1), LogError);
  assertEquals(error.code, code);
}
