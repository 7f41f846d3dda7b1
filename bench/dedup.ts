/**
 * Measures the cost of deduplication: batches with and without a session alternate on new stores.
 *
 * Run it with `deno task bench:dedup`.
 *
 * @module
 */

import { systemClock } from "../queue/clock.ts";
import { loadEngine } from "../stores/engines/load_engine.ts";
import { MemoryStore } from "../stores/memory_store.ts";
import type { Put } from "../stores/store.ts";

/** As many puts as one frame has at full speed. */
const BATCH = 340;
const BATCHES = 200;
const ROUNDS = 60;

const engine = await loadEngine("auto");
const body = JSON.stringify("x".repeat(64));
let last = 0;

/** All have the same shape: this measures the store, not how V8 handles different objects. */
function put(session: string | undefined): Put {
  const n = session === undefined ? undefined : ++last;
  return { type: "put", topic: "a topic", body, bytes: body.length, session, n };
}

/** Puts batches into a new store. Returns the time of a batch, in milliseconds. */
async function round(session: string | undefined): Promise<number> {
  await using store = new MemoryStore({ engine, retention: 600_000, clock: systemClock });
  const batch = () => Array.from({ length: BATCH }, () => put(session));
  const batches = Array.from({ length: BATCHES }, batch);
  const begin = performance.now();
  for (const batch of batches) await store.apply({ time: store.now(), commands: batch });
  return (performance.now() - begin) / BATCHES;
}

const [without, within]: [number[], number[]] = [[], []];
for (let i = 0; i < ROUNDS; i++) {
  without.push(await round(undefined));
  within.push(await round("a session of 22 chars"));
}
// The fastest round of each: other load and garbage collection only add to it.
const [plain, once] = [without, within].map((times) => Math.min(...times) / BATCH * 1e6);
console.log(
  `a put takes the store ${plain!.toFixed(0)} ns, with a session and a number ${
    once!.toFixed(0)
  }: ` +
    `${((once! / plain! - 1) * 100).toFixed(1)} % more`,
);
