/**
 * The work before the first requests, so that these take no longer than later ones.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { afterNetworkPoll } from "../../budgets/after_network_poll.ts";
import type { Server } from "../../server.ts";
import { START_PHASE } from "../../server/running_server.ts";
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

/** What begins the warm-up of a server, as at the start of a process. */
async function loadedAnew() {
  const url = `../../server/start/open_store.ts?${crypto.randomUUID()}`;
  const { loadWarmUp }: typeof import("../../server/start/open_store.ts") = await import(url);
  return await loadWarmUp();
}

/** What the timers run that are set meanwhile for the end of the start; they do not run it. */
async function timersOf(work: () => void | Promise<void>): Promise<(() => Promise<void>)[]> {
  const timers: (() => Promise<void>)[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((run: () => Promise<void>, ms?: number) => {
    const timer = setTimeout(run, ms);
    if (ms === START_PHASE) {
      timers.push(run);
      clearTimeout(timer);
    }
    return timer;
  }) as typeof setTimeout;
  try {
    await work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return timers;
}

const RUNNING = new Promise<void>(() => {});

Deno.test("clients that have waited for the server go before the warm-up, which waits a moment", async () => {
  const done: string[] = [];
  const schedule = await loadedAnew();
  const [onTimer] = await timersOf(() => schedule(recordingEngine(done), RUNNING));
  await new Promise<void>(afterNetworkPoll);
  assertEquals(done, []);
  await onTimer!();
  assertEquals(done, ["open :memory:", "close"]);
});

Deno.test("there is one warm-up in a process, however many servers it has", async () => {
  const done: string[] = [];
  const schedule = await loadedAnew();
  const timers = await timersOf(() => {
    for (let i = 0; i < 3; i++) schedule(recordingEngine(done), RUNNING);
  });
  await Promise.all(timers.map((onTimer) => onTimer()));
  assertEquals(done, ["open :memory:", "close"]);
  assertEquals(await timersOf(() => schedule(recordingEngine(done), RUNNING)), []);
});

Deno.test("a server that stops first has no warm-up, and leaves it to the others: those that run already, and later ones", async () => {
  for (const stops of ["before its timer", "while it warms up"]) {
    for (const other of ["running", "later"]) {
      const done: string[] = [];
      const engine = recordingEngine(done);
      const schedule = await loadedAnew();
      const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
      const stopping = {
        ...engine,
        open(path: string) {
          finish();
          return engine.open(path);
        },
      };
      if (stops === "before its timer") finish();
      const timers = await timersOf(() => {
        schedule(stopping, finished);
        if (other === "running") schedule(engine, RUNNING);
      });
      await Promise.all(timers.map((onTimer) => onTimer()));
      if (other === "later") {
        const [later] = await timersOf(() => schedule(engine, RUNNING));
        await later!();
      }
      const count = stops === "before its timer" ? 1 : 2;
      const expected = Array(count).fill(["open :memory:", "close"]).flat();
      assertEquals(done, expected, `${stops}, ${other}`);
      assertEquals(await timersOf(() => schedule(engine, RUNNING)), []);
    }
  }
});

Deno.test("a warm-up that fails is not repeated by other servers", async () => {
  const done: string[] = [];
  const failing: Engine = {
    name: "node:sqlite",
    open() {
      done.push("fail");
      throw new Error("there is no memory");
    },
  };
  const schedule = await loadedAnew();
  const timers = await timersOf(() => {
    for (let i = 0; i < 2; i++) schedule(failing, RUNNING);
  });
  await Promise.all(timers.map((onTimer) => onTimer()));
  assertEquals(done, ["fail"]);
});

Deno.test("clients see nothing of the warm-up: the first message has number 1, and nothing was counted", async () => {
  const servers: Server[] = [];
  const timers = await timersOf(async () => void servers.push(await openServer()));
  await using server = servers[0]!;
  await using client = await RawClient.open(server.url);
  // The warm-up, and the question for the size of the heap.
  assertEquals(timers.length, 2);
  for (const onTimer of timers) await onTimer();
  const { connections, stored, refused } = server.stats();
  assertEquals([connections, stored, refused], [1, 0, 0]);
  assertEquals(await client.request({ action: "put", id: 1, topic: "t", body: "m" }), {
    id: 1,
    seq: 1,
  });
  const { topics } = await client.request({ action: "topics", id: 2 });
  assertEquals(topics.map(({ topic }: { topic: string }) => topic), ["t"]);
});
