/**
 * Stores compared with a model: puts, ids of messages, reads, dropped messages and gaps, in any order.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { type Purge, type Put, type Store, StoreError } from "../../stores/store.ts";
import { attributed } from "../../testing/store/attributes.ts";
import { identified } from "../../testing/store/message_ids.ts";
import { apply, outcomes, put, trim } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { type Random, seeded } from "../../testing/seeded.ts";
import { check, Model, type Setting, TOPICS } from "../support/store_model.ts";

/** A file takes longer. */
const RUNS = { "in memory": 40, "in a file": 6 };
const STEPS = 100;

/** A batch: mostly of a few messages, sometimes of many, and a few of them large. */
function draw(random: Random): Put[] {
  return Array.from(
    { length: 1 + random(random(5) === 0 ? 90 : 4) },
    () => {
      const topic = TOPICS[random(TOPICS.length)]!;
      const text = "x".repeat(random(random(10) === 0 ? 400 : 20));
      if (random(4) > 0) return put(topic, text);
      if (random(3) === 0) return attributed({ key: "ä".repeat(1 + random(9)) }, topic, text);
      return identified(`ä${random(9)}`, { topic, text, identity: `${random(2)}` });
    },
  );
}

/** A purge: of all, before a number, or before a time; at once or in parts. */
function drawPurge(random: Random, last: number, now: number): Purge {
  const [topic, max] = [TOPICS[random(TOPICS.length)]!, random(3) === 0 ? 1 + random(5) : 1e6];
  const kinds = [undefined, { seq: random(last + 3) }, { time: now - random(200) + 3 }];
  return { type: "purge", topic, before: kinds[random(3)], max };
}

/** One run of random steps from a seed; `restart` closes and opens the store again, if that keeps anything. */
async function run(
  random: Random,
  setting: Setting,
  clock: ManualClock,
  open: () => Store,
  restarts: boolean,
): Promise<void> {
  let store = open();
  const model = new Model(setting, clock);
  try {
    for (let step = 0; step < STEPS; step++) {
      const chance = random(100);
      if (chance < 60) {
        const batch = draw(random);
        const results = await outcomes(store, batch);
        assertEquals(results, batch.map((one) => model.put(one)), `step ${step}: the outcomes`);
      } else if (chance < 66) {
        const purge = drawPurge(random, model.last, clock.now());
        // In parts: each is what the model says, and readers are told at the first one how far it goes.
        for (let more = true, { before } = purge; more;) {
          const [result] = await apply(store, [{ ...purge, before }]);
          if (result instanceof StoreError) throw result;
          assertEquals(
            [result!.purged, result!.more],
            model.purge({ ...purge, before }),
            `step ${step}: the purge`,
          );
          more = result!.more;
          before = { seq: result!.end };
        }
      } else if (chance < 80) {
        clock.advance(random(random(10) < 3 ? 1.5 * setting.retention : 30));
      } else if (chance < 92) await trim(store, random(2) === 0 ? 0.01 : 50);
      else if (restarts) {
        await store[Symbol.asyncDispose]();
        store = open();
        model.reopened();
      }
      await check(store, model, random);
    }
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

for (
  const [where, topics] of [["", [100]], [" with a limit of few topics", [2, 4]]] as const
) {
  for (const kind of ["in memory", "in a file"] as const) {
    Deno.test(`a store ${kind} behaves as its model${where}`, async () => {
      for (let seed = 1; seed <= RUNS[kind]; seed++) {
        const random = seeded(seed);
        const setting: Setting = {
          retention: [50, 200, 1000][random(3)]!,
          limits: {
            topics: topics[random(topics.length)]!,
            storedBytes: [600, 3000, 40_000][random(3)]!,
            overflow: random(5) < 3 ? "drop-oldest" : "reject",
            goneTopics: 100,
          },
        };
        const clock = new ManualClock();
        const options = { engine: nodeSqlite, clock, ...setting };
        const folder = Deno.makeTempDirSync();
        const path = `${folder}/queue.db`;
        const open = (): Store =>
          kind === "in memory"
            ? new MemoryStore(options)
            : new FileStore({ ...options, path, durability: "process" });
        try {
          await run(random, setting, clock, open, kind === "in a file");
        } catch (error) {
          throw new Error(`seed ${seed}: ${JSON.stringify(setting)}`, { cause: error });
        } finally {
          Deno.removeSync(folder, { recursive: true });
        }
      }
    });
  }
}
