import { assertEquals } from "@std/assert";
import { MIN_LEASE } from "../../../protocol/group_limits.ts";
import { ManualClock } from "../../../testing/manual_clock.ts";
import { claim, extend, open, pass } from "../../../testing/store/group_support.ts";
import { append, puts } from "../../../testing/store/support.ts";
import { open as openStore } from "../../support/memory_stores.ts";
import { nodeSqlite } from "../../../stores/engines/node_sqlite.ts";

Deno.test("a store that stood still for an hour takes no job from who renews even the shortest lease in time", async () => {
  const clock = new ManualClock();
  await using store = openStore(nodeSqlite, clock);
  await append(store, puts("t", "one"));
  await open(store, "w", { lease: MIN_LEASE });
  const claims = (await claim(store, "w")).map(({ claim }) => claim);
  // It is about to be renewed, as it is every third of it.
  await pass(store, clock, MIN_LEASE / 3);
  clock.advance(3_600_000);
  assertEquals(await extend(store, "w", claims), { lost: [], ended: false });
});
