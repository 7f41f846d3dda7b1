/**
 * Measures how long it takes to overwrite what was purged in a file, and how long that blocks the event loop at a time.
 *
 * @module
 */

import { systemClock } from "../queue/clock.ts";
import { loadEngine } from "../stores/engines/load_engine.ts";
import { FileStore } from "../stores/file_store.ts";
import type { PurgeResult } from "../stores/store.ts";

/** What is put into the file: as many bytes as this, half of them purged. */
export interface ErasedFile {
  readonly megabytes: number;
  /** How long each message is. */
  readonly bytes: number;
}

/** How long it took, in milliseconds. */
export interface Erasure {
  readonly seconds: number;
  /** The delay of each turn of the event loop. */
  readonly late: readonly number[];
}

/**
 * Fills a file with messages of two topics in turns, purges one of them, and overwrites what it held.
 *
 * @param file how many messages, of which size
 * @returns how long the last step took
 */
export async function measureErasure({ megabytes, bytes }: ErasedFile): Promise<Erasure> {
  const folder = await Deno.makeTempDir();
  const store = new FileStore({
    ...{ engine: await loadEngine("auto"), retention: 3_600_000, clock: systemClock },
    ...{ path: `${folder}/queue.db`, durability: "process" as const },
    limits: { storedBytes: 4 * megabytes * 2 ** 20 },
  });
  try {
    const body = JSON.stringify("x".repeat(bytes));
    const count = Math.ceil(2 ** 20 / body.length);
    for (let i = 0; i < megabytes; i++) {
      const topic = `topic ${i % 2}`;
      await store.apply({
        time: store.now(),
        commands: Array.from({ length: count }, () => (
          { type: "put" as const, topic, body, bytes: body.length }
        )),
      });
    }
    for (let more = true; more;) {
      const commands = [{ type: "purge" as const, topic: "topic 0", max: 4096 }];
      const [result] = await store.apply({ time: store.now(), commands });
      ({ more } = result as PurgeResult);
    }
    return await measure(() => store.erase());
  } finally {
    await store[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
}

async function measure(work: () => Promise<void>): Promise<Erasure> {
  const late: number[] = [];
  let over = false;
  const begin = performance.now();
  const done = work().then(() => over = true);
  for (let last = begin; !over; last = performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    late.push(performance.now() - last);
  }
  await done;
  return { seconds: (performance.now() - begin) / 1000, late };
}
