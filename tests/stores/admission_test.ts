/**
 * Only topics that hold messages count. A topic whose message was refused does not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { StoreLimits } from "../../stores/store_limits.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { Store } from "../../stores/store.ts";
import { append, apply, outcomes, put, topicNames, trim } from "../../testing/store/support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";

/** Opens a store of each kind. Disposing of the stack closes it. */
const KINDS: Readonly<
  Record<string, (limits: Partial<StoreLimits>, stack: AsyncDisposableStack) => Store>
> = {
  "in memory": (limits, stack) => stack.use(new MemoryStore(options(limits))),
  "in a file": (limits, stack) => {
    const folder = Deno.makeTempDirSync();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const path = `${folder}/queue.db`;
    return stack.use(new FileStore({ ...options(limits), path, durability: "process" }));
  },
};

function options(limits: Partial<StoreLimits>) {
  return { engine: nodeSqlite, retention: 600_000, clock: new ManualClock(), limits };
}

for (const [where, open] of Object.entries(KINDS)) {
  Deno.test(`a message that does not fit does not make its topic count, ${where}`, async () => {
    await using stack = new AsyncDisposableStack();
    const store = open({ topics: 2, storedBytes: 400 }, stack);
    assertEquals(await outcomes(store, [put("a")]), [1]);
    // Moves the messages to the database: from then on, topics are counted in two places.
    await trim(store, 10);
    assertEquals(await outcomes(store, [put("b", "x".repeat(300))]), ["full"]);
    assertEquals(await topicNames(store), ["a"]);
    assertEquals(await outcomes(store, [put("c")]), [2]);
    assertEquals(await topicNames(store), ["a", "c"]);
  });

  Deno.test(`one batch never fills more topics than the limit, even if one of its puts was refused, ${where}`, async () => {
    await using stack = new AsyncDisposableStack();
    const store = open({ topics: 1, storedBytes: 250, overflow: "drop-oldest" }, stack);
    assertEquals(await outcomes(store, [put("a")]), [1]);
    const batch = [put("a"), put("b"), put("a", "x".repeat(130)), put("c")];
    assertEquals(await outcomes(store, batch), [2, "limit_exceeded", 3, "limit_exceeded"]);
    assertEquals(await topicNames(store), ["a"]);
  });
}

Deno.test("where more topics hold messages than the limit allows now, the refusal of another says how many", async () => {
  const folder = Deno.makeTempDirSync();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const reopen = (topics: number) => {
    const path = `${folder}/queue.db`;
    return new FileStore({ ...options({ topics }), path, durability: "process" });
  };
  {
    await using store = reopen(10);
    await append(store, ["a", "b", "c", "d", "e"].map((topic) => put(topic)));
  }
  const [refused] = await apply(stack.use(reopen(3)), [put("f")]);
  assertEquals(
    Object(refused).message,
    "Cannot put message: 5 topics hold messages, the limit is 3",
  );
});
