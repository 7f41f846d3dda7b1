/**
 * The work before the first requests, so that these take no longer than later ones.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { warmUp } from "../../server/warm_up.ts";
import type { Engine } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { openServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test("the warm-up puts and gets on its own store, and closes it", async () => {
  const done: string[] = [];
  const engine: Engine = {
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
  await warmUp((options) => new MemoryStore({ ...options, engine }));
  assertEquals(done, ["open :memory:", "close"]);
});

Deno.test("a warm-up that fails ends", async () => {
  const open = () => {
    throw new Error("there is no memory");
  };
  await assertRejects(() => warmUp(open), Error, "there is no memory");
});

Deno.test("clients see nothing of the warm-up: the first message has number 1, and nothing was counted", async () => {
  await using server = await openServer();
  await using client = await RawClient.open(server.url);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { connections, stored, refused } = server.stats();
  assertEquals([connections, stored, refused], [1, 0, 0]);
  assertEquals(await client.request({ action: "put", id: 1, topic: "t", body: "m" }), {
    id: 1,
    seq: 1,
  });
  const { topics } = await client.request({ action: "topics", id: 2 });
  assertEquals(topics.map(({ topic }: { topic: string }) => topic), ["t"]);
});
