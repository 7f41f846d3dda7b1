import { assertEquals, assertNotEquals } from "@std/assert";
import { append, puts, texts } from "../../../testing/store/support.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

Deno.test("a server that has lost nothing tells that another one has begun an epoch: what was told before is of the one that has ended", async () => {
  await using servers = new ReplicatedStores();
  const { shared } = servers;
  let late: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({ disturb: (what) => what === "tail" ? late?.promise : undefined });
  await append(a, puts("t", "1"));
  await b.fence();
  const { epoch } = b;
  const told: (string | undefined)[] = [];
  b.watch((reason) => told.push(reason === undefined ? `${b.epoch === epoch}` : reason));
  late = Promise.withResolvers();
  await append(a, puts("t", "lost"));
  // Only `a` had it: `b` goes on where it is.
  shared.entries.pop();
  late.resolve();
  late = undefined;
  await servers.pass(8000);
  assertEquals([a.findFault(), b.findFault()], [undefined, undefined]);
  assertNotEquals(a.epoch, epoch);
  assertEquals([b.epoch, await texts(b)], [a.epoch, ["1"]]);
  assertEquals(told, ["another epoch has begun", "false"]);
});
