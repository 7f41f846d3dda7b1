/**
 * A program that measures how much memory jobs of a group take in a store in memory, beyond their messages. Its argument is how many
 * jobs there are; it needs `--v8-flags=--expose-gc`. It prints {@linkcode MemoryOfJobs} as JSON.
 *
 * What a group knows of its jobs is in the heap and in typed arrays, so these are counted; messages are in the database, which is
 * in neither.
 *
 * @module
 */

import process from "node:process";
import { encodeAttributes, type MessageAttributes } from "../../protocol/attributes.ts";
import { loadEngine } from "../../stores/engines/load_engine.ts";
import type { ClaimJobs, GroupName } from "../../stores/groups/group_commands.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type Command, type Put, type Result, StoreError } from "../../stores/store.ts";
import { MESSAGE } from "../client_calls.ts";

/** Bytes for each job. */
export interface MemoryOfJobs {
  /** Of one that waits beyond the frontier. */
  readonly waiting: number;
  /** Of one behind another one with its key. */
  readonly blocked: number;
  /** Of one whose time has not come. */
  readonly delayed: number;
  /** Of one that a worker holds. */
  readonly held: number;
}

const HOUR = 3_600_000;

const TOPIC = "jobs";

const GROUP: GroupName = { topic: TOPIC, group: "default" };

const HOLDER = "worker";

const BODY = JSON.stringify(MESSAGE);

/** How many jobs are put, or claimed, at once. */
const BATCH = 1000;

const { gc } = globalThis as unknown as { gc(): void };

if (import.meta.main) {
  const count = Number(Deno.args[0]);
  // The first time, code is compiled, and memory is taken that stays.
  await measure(Math.min(count, 10 * BATCH));
  console.log(JSON.stringify(await measure(count)));
}

async function measure(count: number): Promise<MemoryOfJobs> {
  const setAside = (attributes: MessageAttributes) =>
    inGroup(async (store) => {
      await put(store, count, attributes);
      return await growth(store, () => claim(store, 1));
    }, count);
  // It is next to nothing, so there have to be many.
  const waiting = 10 * count;
  const bytes = {
    waiting: await inGroup((store) => growth(store, () => put(store, waiting)), count) -
      await inStore((store) => growth(store, () => put(store, waiting)), count),
    blocked: await setAside({ key: "one" }),
    delayed: await setAside({ delay: HOUR }),
    held: await inGroup(async (store) => {
      await put(store, count);
      return await growth(store, () => claim(store, BATCH));
    }, count),
  };
  return {
    waiting: bytes.waiting / waiting,
    blocked: bytes.blocked / count,
    delayed: bytes.delayed / count,
    held: bytes.held / count,
  };
}

/** By how much memory grows, in bytes. */
async function growth(store: MemoryStore, work: () => Promise<void>): Promise<number> {
  const before = await memory(store);
  await work();
  return await memory(store) - before;
}

async function memory(store: MemoryStore): Promise<number> {
  // The newest messages are in the heap until somebody asks for what only the database knows.
  await store.topics({ after: "", count: 1, prefix: "" });
  for (let i = 0; i < 3; i++) {
    gc();
    // What typed arrays had is freed after that.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function inStore<T>(
  work: (store: MemoryStore) => Promise<T>,
  unfinished: number,
): Promise<T> {
  const engine = await loadEngine("auto");
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  await using store = new MemoryStore({ engine, retention: HOUR, clock, limits: { unfinished } });
  return await work(store);
}

/** In a store with a group, of which a holder may hold jobs. */
function inGroup<T>(
  work: (store: MemoryStore) => Promise<T>,
  unfinished: number,
): Promise<T> {
  return inStore(async (store) => {
    const terms = { lease: HOUR, timeout: HOUR, attempts: 5, holding: [] };
    await apply(store, [{ type: "open_holder", name: GROUP, holder: HOLDER, ...terms }]);
    return await work(store);
  }, unfinished);
}

async function put(
  store: MemoryStore,
  count: number,
  attributes?: MessageAttributes,
): Promise<void> {
  const { json, bytes = 0 } = encodeAttributes(attributes ?? {}) ?? {};
  const command: Put = {
    type: "put",
    topic: TOPIC,
    body: BODY,
    bytes: BODY.length + bytes,
    attributes: json,
  };
  for (let left = count; left > 0; left -= BATCH) {
    await apply(store, Array.from({ length: Math.min(BATCH, left) }, () => command));
  }
}

/** Claims until no job can be claimed. */
async function claim(store: MemoryStore, atOnce: number): Promise<void> {
  const holders = [{ holder: HOLDER, count: atOnce }];
  const command: ClaimJobs = { type: "claim", name: GROUP, holders, bytes: Infinity };
  while ((await apply(store, [command]))[0]!.more);
}

async function apply<C extends Command>(
  store: MemoryStore,
  commands: readonly C[],
): Promise<readonly Result<C>[]> {
  const results = await store.apply({ time: store.now(), commands });
  return results.map((result) => {
    if (result instanceof StoreError) throw result;
    return result;
  });
}
