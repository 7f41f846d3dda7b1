import { assert, assertEquals } from "@std/assert";
import { append, apply, puts } from "../../../testing/store/support.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

Deno.test("what a server does not know yet is not gone by the time that it tells: a client that moves learns of it", async () => {
  await using servers = new ReplicatedStores();
  let late: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({ disturb: (what) => what === "tail" ? late?.promise : undefined });
  await append(a, puts("t", "1", "2"));
  await b.fence();
  late = Promise.withResolvers();
  servers.clock.advance(10);
  await apply(a, [{ type: "purge", topic: "t", max: 100 }]);
  servers.clock.advance(10);
  // Here nothing is purged yet, though it is later than that.
  const [before] = await b.topicBounds([{ topic: "t" }]);
  assertEquals(before!.gone, undefined);
  const [after] = await a.topicBounds([{ topic: "t", asOf: before!.asOf }]);
  assertEquals(after!.gone?.seq, 2);
  const [known] = await a.topicBounds([{ topic: "t", asOf: after!.asOf }]);
  assert(known!.gone === undefined, "who knows of it is not told again");
  late.resolve();
  late = undefined;
});
