import { assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../stores/replicated/record_log.ts";
import { StoreError } from "../../../stores/store.ts";
import { append, numbered, outcomes, put, puts, texts } from "../../../testing/store/support.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

Deno.test("a server without a log that answers is behind, and answers again once it does", async () => {
  await using servers = new ReplicatedStores();
  let cut: PromiseWithResolvers<void> | undefined;
  const a = await servers.open();
  const b = await servers.open({ disturb: () => cut?.promise });
  const told: (string | undefined)[] = [];
  b.watch((reason) => told.push(reason));
  cut = Promise.withResolvers();
  await append(a, puts("t", "1"));
  const pending = outcomes(b, [put("t", "2"), numbered("s", 1)]);
  await servers.pass(7000);
  assertEquals(await pending, ["unknown_outcome", "unknown_outcome"]);
  assertEquals(told, ["the log does not answer"]);
  const error = await assertRejects(() => b.fence(), StoreError);
  assertEquals(error.code, "behind");
  assertEquals(b.findFault(), "the log does not answer");
  cut.resolve();
  cut = undefined;
  await servers.pass(3000);
  assertEquals(told, ["the log does not answer", undefined]);
  await b.fence();
  // What nobody knew is stored, and once.
  assertEquals(await outcomes(b, [numbered("s", 1)]), ["dup 3"]);
  assertEquals(await texts(b), ["1", "2", "s 1"]);
});

Deno.test("what a server could not send for long is not sent later, when nobody waits for it", async () => {
  await using servers = new ReplicatedStores();
  let isCut = false;
  const a = await servers.open();
  const b = await servers.open({
    disturb: (what) => {
      if (isCut && what === "append") throw new LogError("unavailable", "it is cut off");
    },
  });
  isCut = true;
  const early = outcomes(b, [put("t", "of before")]);
  await servers.pass(5000);
  assertEquals(await early, ["unknown_outcome"]);
  for (let i = 0; i < 12; i++) {
    await append(a, [put("u", `${i}`)]);
    await servers.pass(6000, 1000);
  }
  const late = outcomes(b, [put("t", "of now")]);
  isCut = false;
  await servers.pass(3000);
  assertEquals(await late, [13]);
  await a.fence();
  assertEquals(await texts(a), ["of now"]);
});

Deno.test("a store that is closed while it makes a snapshot without a log that answers is closed", async () => {
  await using servers = new ReplicatedStores();
  let isCut = false;
  const a = await servers.open({
    disturb: (what) => {
      if (isCut && what === "append") throw new LogError("unavailable", "it is cut off");
    },
  });
  await append(a, [put("t")]);
  isCut = true;
  const making = a.makeSnapshot();
  await servers.settle();
  const closing = a[Symbol.asyncDispose]();
  await servers.pass(2000);
  await Promise.all([closing, making]);
});

Deno.test("a log that answers but takes no records is one to which a server is cut off, and it says why", async () => {
  await using servers = new ReplicatedStores();
  let isCut = false;
  const a = await servers.open({
    disturb: (what) => {
      if (isCut && what === "append") throw new LogError("unavailable", "no quorum");
    },
  });
  await servers.pass(8000, 1000);
  assertEquals(a.findFault(), undefined);
  isCut = true;
  await servers.pass(9000, 1000);
  assertEquals(a.findFault(), "no quorum");
  isCut = false;
  await servers.pass(4000, 1000);
  assertEquals(a.findFault(), undefined);
});
