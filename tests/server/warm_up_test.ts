/**
 * The work before the first requests, so that these take no longer than later ones.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { afterNetworkPoll } from "../../budgets/after_network_poll.ts";
import { warmUp } from "../../server/warm_up.ts";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

/** An engine that records what opens and closes its databases. */
function recordingEngine(done: string[]): Engine {
  return {
    name: "node:sqlite",
    open(path) {
      const db = nodeSqlite.open(path);
      done.push(`open ${path}`);
      return {
        exec: (sql) => db.exec(sql),
        prepare: (sql) => db.prepare(sql),
        close: () => {
          done.push("close");
          db.close();
        },
      };
    },
  };
}

const never = () => false;

Deno.test("the warm-up puts and gets on its own store, and closes it", async () => {
  const done: string[] = [];
  const engine = recordingEngine(done);
  await warmUp((options) => new MemoryStore({ ...options, engine }), never);
  assertEquals(done, ["open :memory:", "close"]);
});

Deno.test("the warm-up lets others go first before each of its parts", async () => {
  const done: string[] = [];
  const engine = recordingEngine(done);
  await warmUp((options) => new MemoryStore({ ...options, engine }), never, () => {
    done.push("pause");
    return Promise.resolve();
  });
  // The store, the queue, and six requests.
  assertEquals(done, ["pause", "open :memory:", ...Array(7).fill("pause"), "close"]);
});

Deno.test("a warm-up ends when its server has stopped, wherever it is", async () => {
  for (let parts = 0; parts < 8; parts++) {
    const done: string[] = [];
    const engine = recordingEngine(done);
    let pauses = 0;
    const pause = () => Promise.resolve(void pauses++);
    await warmUp(
      (options) => new MemoryStore({ ...options, engine }),
      () => pauses > parts,
      pause,
    );
    assertEquals(done, parts === 0 ? [] : ["open :memory:", "close"]);
    // Each step looks whether it is still needed; to open the store is one with its queue.
    assertEquals(pauses, parts === 1 ? 3 : parts + 1);
  }
});

Deno.test("a warm-up that fails ends", async () => {
  const open = () => {
    throw new Error("there is no memory");
  };
  await assertRejects(() => warmUp(open, never), Error, "there is no memory");
});

/** Schedules a warm-up, as the first server of a process does; returns what its timer runs. */
async function schedule(engine: Engine, finished: Promise<void>): Promise<() => Promise<void>> {
  const url = `../../server/start/open_store.ts?${crypto.randomUUID()}`;
  const { loadWarmUp }: typeof import("../../server/start/open_store.ts") = await import(url);
  const scheduleWarmUp = await loadWarmUp();
  const timers: (() => Promise<void>)[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((run: () => Promise<void>) => {
    timers.push(run);
    return setTimeout(() => {}, 0);
  }) as typeof setTimeout;
  try {
    scheduleWarmUp(engine, finished);
    scheduleWarmUp(engine, finished);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assertEquals(timers.length, 1, "once in a process");
  return timers[0]!;
}

Deno.test("clients that have waited for the server go before the warm-up, which waits a moment", async () => {
  const done: string[] = [];
  const running = new Promise<void>(() => {});
  const onTimer = await schedule(recordingEngine(done), running);
  await new Promise<void>(afterNetworkPoll);
  assertEquals(done, []);
  await onTimer();
  assertEquals(done, ["open :memory:", "close"]);
});

Deno.test("a server that stops first has no warm-up", async () => {
  const done: string[] = [];
  const onTimer = await schedule(recordingEngine(done), Promise.resolve());
  await onTimer();
  assertEquals(done, []);
});

Deno.test("clients see nothing of the warm-up: the first message has number 1, and nothing was counted", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { connections, stored, refused } = server.stats();
  assertEquals([connections, stored, refused], [1, 0, 0]);
  assertEquals(await client.request({ action: "put", id: 1, topic: "t", body: "m" }), {
    id: 1,
    seq: 1,
  });
  const { topics } = await client.request({ action: "topics", id: 2 });
  assertEquals(topics.map(({ topic }: { topic: string }) => topic), ["t"]);
});
