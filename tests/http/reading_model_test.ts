/**
 * Small random programs of puts, purges, expiry and readers of all forms, over stores with little room, compared with a model.
 *
 * @module
 */

import { purgeTopic } from "../../queue/topic_purges.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { ModelReader, type PutLog, turn } from "../support/http_reading_model.ts";
import { type MemoryHttp, openMemoryHttp } from "../support/memory_http.ts";

const TOPICS = ["a", "b", "ab", "c"];
const PREFIXES = ["", "a", "zz"];
const [STEPS, RETENTION] = [80, 1000];

/** The first and the last seed; the program of 162 has found a gap told too much. */
const SEEDS: readonly [number, number] = [101, 170];

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random(items.length)]!;
}

/** Puts some lines, one in four of them larger than what is held for a reader. */
async function put(http: MemoryHttp, log: PutLog, random: Random): Promise<void> {
  const topic = pick(random, TOPICS);
  const length = random(4) === 0 ? 70_000 + random(200_000) : random(20);
  const bodies = Array.from({ length: 1 + random(3) }, () => `${log.size} ${"x".repeat(length)}`);
  const lines = bodies.map((body) => JSON.stringify(body)).join("\n");
  const type = { "content-type": "application/x-ndjson" };
  const answers = await (await http.post(`/topics/${topic}`, lines, type)).text();
  for (const [i, answer] of answers.trim().split("\n").entries()) {
    const { seq } = JSON.parse(answer);
    if (seq !== undefined) log.set(seq, { topic, body: bodies[i]! });
  }
}

async function purge(http: MemoryHttp, log: PutLog, random: Random): Promise<void> {
  const before = random(2) === 0 ? undefined : { seq: 1 + random(log.size + 1) };
  const request = { action: "purge", id: 1, topic: pick(random, TOPICS), before } as const;
  await purgeTopic(http.queue, request, () => undefined);
}

async function step(
  http: MemoryHttp,
  log: PutLog,
  random: Random,
  clock: ManualClock,
  reader: ModelReader,
): Promise<void> {
  const action = random(16);
  if (action < 6) return await put(http, log, random);
  if (action < 7) return clock.advance(random(400));
  if (action < 9) return await purge(http, log, random);
  if (!reader.isFollowing) return void await (random(3) === 0 ? reader.follow() : reader.read());
  // Some streams are not read for long, so that they fall behind.
  if (action < 12) return await reader.takeStreamed(1 + random(4));
  if (action === 15) await reader.breakOff();
}

async function runProgram(seed: number): Promise<void> {
  const random = seeded(seed);
  const clock = new ManualClock();
  const overflow = pick(random, ["drop-oldest", "reject"] as const);
  const limits = { storedBytes: pick(random, [700_000, 60_000_000]), overflow };
  const store = new MemoryStore({ engine: nodeSqlite, retention: RETENTION, clock, limits });
  await using http = await openMemoryHttp(store, clock);
  const log: PutLog = new Map();
  const filters = () =>
    random(2) === 0 ? { topic: pick(random, TOPICS) } : { prefix: pick(random, PREFIXES) };
  const readers = Array.from({ length: 4 }, () => new ModelReader(http, log, filters(), random));
  try {
    for (let i = 0; i < STEPS; i++) await step(http, log, random, clock, pick(random, readers));
    await turn();
    for (const reader of readers) await reader.finish();
  } catch (cause) {
    throw new Error(`The program of the seed ${seed} has failed`, { cause });
  } finally {
    for (const reader of readers) await reader.breakOff();
  }
}

Deno.test("readers get each message once and in order, and are told once of what is gone, whatever happens beside", async () => {
  const [first, last] = SEEDS;
  for (let seed = first; seed <= last; seed++) await runProgram(seed);
});
