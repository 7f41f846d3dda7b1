/**
 * Stores whose work is counted.
 *
 * @module
 */

import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Put } from "../../stores/store.ts";
import { CountingEngine } from "./counting_engine.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

export const RETENTION = 10_000;
export const put = (topic: string, body = '""'): Put => ({
  type: "put",
  topic,
  body,
  bytes: body.length,
});
export const putsIn = (count: number, topic: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => put(topic(i)));

/** A store whose work is counted, in memory or in a file. */
export function opened(
  storeKind: "memory" | "file",
  limits = {},
  afterLook?: (callback: () => void) => void,
) {
  const engine = new CountingEngine();
  const clock = new ManualClock(1_000_000);
  const options = { engine, clock, retention: RETENTION, limits, afterNetworkPoll: afterLook };
  const [logBytes, end] = [() => 0, () => {}];
  if (storeKind === "memory") {
    return { engine, clock, store: new MemoryStore(options), logBytes, end };
  }
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/queue.db`;
  return {
    engine,
    clock,
    store: new FileStore({ ...options, path, durability: "process" }),
    logBytes: () => Deno.statSync(`${path}-wal`).size,
    end: () => Deno.removeSync(folder, { recursive: true }),
  };
}
