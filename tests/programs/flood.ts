/**
 * Puts four times the limit into a store, and prints by how many bytes the process grew at most.
 *
 * @module
 */

import { apply } from "../../testing/store/support.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { StoreError } from "../../stores/store.ts";

const storedBytes = Number(Deno.args[0]);
const overflow = Deno.args[1] as "reject" | "drop-oldest";
const clock = { now: () => Date.now() };
const limits = { storedBytes, overflow };
const options = { engine: nodeSqlite, retention: 600_000, clock };
{
  // The memory that the process itself takes after some work is not measured.
  await using store = new MemoryStore({ ...options, limits: { ...limits, storedBytes: 2 ** 20 } });
  for (let i = 0; i < 1000; i++) await apply(store, batch(i));
}
const before = Deno.memoryUsage().rss;
let [max, refused, put] = [before, 0, 0];
await using store = new MemoryStore({ ...options, limits });
for (let i = 0; put < 4 * storedBytes; i++) {
  for (const result of await apply(store, batch(i))) if (result instanceof StoreError) refused++;
  put += 340 * 361;
  if (i % 20 !== 0) continue;
  await new Promise((resolve) => setTimeout(resolve));
  max = Math.max(max, Deno.memoryUsage().rss);
}
console.log(JSON.stringify({ growth: max - before, refused }));

function batch(i: number) {
  return Array.from({ length: 340 }, (_, j) => {
    const body = JSON.stringify(`${i} ${j}`.padEnd(253, "x"));
    return { type: "put" as const, topic: "topic".padEnd(6, `${i % 7}`), body, bytes: body.length };
  });
}
