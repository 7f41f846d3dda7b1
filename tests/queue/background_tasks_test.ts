import { assertEquals } from "@std/assert";
import { BackgroundTasks } from "../../queue/background_tasks.ts";
import { turns } from "../support/bridge.ts";
import { withTimeout } from "../support/with_timeout.ts";

Deno.test("the network is polled between two slices of a long task", async () => {
  let turn = Promise.withResolvers<() => void>();
  const tasks = new BackgroundTasks((error) => {
    throw error;
  }, (callback) => turn.resolve(callback));
  let count = 0;
  /** Takes longer than a slice. */
  const act = () => {
    count++;
    for (const end = performance.now() + 6; performance.now() < end;);
  };
  const all = tasks.forEach([1, 2, 3, 4, 5], 5, act, 1);
  for (let looks = 0; looks < 5; looks++) {
    const look = await withTimeout(turn.promise);
    await turns(3);
    assertEquals(count, looks);
    turn = Promise.withResolvers();
    look();
  }
  const look = await withTimeout(turn.promise);
  look();
  await all;
  assertEquals(count, 5);
});
