/**
 * Readers that are far behind cost the store no more than the rows that they read.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { append, puts, read } from "../../testing/store/support.ts";
import { watchEngine } from "../contracts/failing_engine.ts";
import { open } from "../support/memory_stores.ts";

Deno.test("a reader that is far behind does not have the newest messages written to the database", async () => {
  const { failing, executed } = watchEngine();
  await using store = open(failing);
  const texts = Array.from({ length: 100 }, (_, i) => `${i}`);
  const stored = await append(store, puts("t", ...texts));
  // What is listed is in the database.
  await store.topics({ prefix: "", after: "", count: 1 });
  stored.push(...await append(store, puts("t", "new", "newer")));
  executed.length = 0;
  assertEquals((await read(store, { topic: "t", count: 64 })).messages, stored.slice(0, 64));
  const [page] = await store.read([{ prefix: "", after: 0, count: 64, bytes: 2 ** 20 }]);
  assertEquals(page!.messages.map(({ seq }) => seq), stored.slice(0, 64).map(({ seq }) => seq));
  assertEquals(executed.filter((sql) => sql.startsWith("INSERT")), []);
  // One that comes to them gets both.
  assertEquals((await read(store, { topic: "t", after: 64 })).messages, stored.slice(64));
});
