import { assertEquals } from "@std/assert";
import { Chores } from "../queue/chores.ts";
import { turns } from "./support/bridge.ts";
import { soon } from "./support/soon.ts";

Deno.test("between two slices of what there is much of the network is looked at", async () => {
  let looked = Promise.withResolvers<() => void>();
  const chores = new Chores((error) => {
    throw error;
  }, (callback) => looked.resolve(callback));
  let did = 0;
  /** Takes longer than a slice. */
  const act = () => {
    did++;
    for (const end = performance.now() + 6; performance.now() < end;);
  };
  const all = chores.each([1, 2, 3, 4, 5], 5, act, 1);
  for (let looks = 0; looks < 5; looks++) {
    const look = await soon(looked.promise);
    await turns(3);
    assertEquals(did, looks);
    looked = Promise.withResolvers();
    look();
  }
  const look = await soon(looked.promise);
  look();
  await all;
  assertEquals(did, 5);
});
