import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../stores/replicated/record_log.ts";
import { append, outcomes, put, puts, texts } from "../../../testing/store/support.ts";
import { ReplicatedStores } from "../../support/replicated_stores.ts";

Deno.test("a server with other options than its log is refused, and told which", async () => {
  await using servers = new ReplicatedStores();
  await servers.open({ retention: 600_000, limits: { topics: 3 } });
  const other = () => servers.open({ retention: 5000, limits: { topics: 4 } });
  const { message } = await assertRejects(other, LogError) as LogError;
  assertEquals(
    message,
    "the other servers of the log have other options: retention 600000 and not 5000, topics 3 and not 4; " +
      "start this one with the same, or with --reconfigure to change them for all",
  );
});

Deno.test("a server that is told to changes the options for all, and all go on alike", async () => {
  await using servers = new ReplicatedStores();
  const a = await servers.open({ limits: { topics: 2 } });
  assertEquals(await outcomes(a, puts("t", "1")), [1]);
  assertEquals(await outcomes(a, [put("u"), put("v")]), [2, "limit_exceeded"]);
  const b = await servers.open({ limits: { topics: 3 }, retention: 5000, reconfigure: true });
  assertEquals(await outcomes(a, [put("v")]), [3]);
  servers.clock.advance(4999);
  await b.fence();
  assertEquals(await texts(b), ["1"]);
  servers.clock.advance(1);
  assertEquals(await texts(a), []);
  assertEquals(await texts(b), []);
  const c = await servers.open({ limits: { topics: 3 }, retention: 5000 });
  assertEquals(await outcomes(c, [put("w"), put("x")]), [4, 5]);
  await b.fence();
  assertEquals(await b.bounds(), await c.bounds());
});

Deno.test("of two servers that configure an empty log at once, one decides", async () => {
  await using servers = new ReplicatedStores();
  const opening = Promise.allSettled([
    servers.open({ retention: 5000 }),
    servers.open({ retention: 6000 }),
  ]);
  // One of them waits for an answer of the other one.
  await servers.pass(2000);
  const opened = await opening;
  const statuses = opened.map(({ status }) => status);
  assertEquals(statuses.toSorted(), ["fulfilled", "rejected"]);
});

Deno.test("the state machine has a newer version once every server that takes part knows it; an older one is refused then", async () => {
  await using servers = new ReplicatedStores();
  const versions = () =>
    servers.shared.entries.map(({ record }) =>
      Number(/"v":(\d+)/.exec(new TextDecoder().decode(record))?.[1])
    );
  const old = await servers.open({ knows: 1 });
  const a = await servers.open({ knows: 2 });
  await append(old, puts("t", "1"));
  await servers.pass(10_000);
  await append(a, puts("t", "2"));
  assertEquals(versions().at(-1), 1);
  await old[Symbol.asyncDispose]();
  // It may come again for so long.
  await servers.pass(60_000, 5000);
  await append(a, puts("t", "3"));
  assertEquals(versions().at(-1), 1);
  await servers.pass(120_000, 5000);
  await append(a, puts("t", "4"));
  assertEquals(versions().at(-1), 2);
  const { message } = await assertRejects(() => servers.open({ knows: 1 }), Error);
  assertEquals(
    message,
    "the log needs a newer version of dsmq: its state machine has version 2, this program knows up to 1",
  );
  const b = await servers.open({ knows: 2 });
  assertEquals(await texts(b), ["1", "2", "3", "4"]);
});

Deno.test("a server that was away while the others went on to a newer version stops, and says why", async () => {
  await using servers = new ReplicatedStores();
  let cut: PromiseWithResolvers<void> | undefined;
  const old = await servers.open({ knows: 1, disturb: () => cut?.promise });
  const a = await servers.open({ knows: 2 });
  await append(a, puts("t", "1"));
  cut = Promise.withResolvers();
  await servers.pass(200_000, 5000);
  await append(a, puts("t", "2"));
  cut.resolve();
  cut = undefined;
  await servers.pass(3000);
  const reason = old.findFault();
  assert(reason?.includes("needs a newer version"), reason);
  assertEquals(await outcomes(old, [put("t")]), ["unavailable"]);
  assertEquals(await texts(a), ["1", "2"]);
});

Deno.test("a server whose log is lost goes on with the options that another one has given it", async () => {
  await using servers = new ReplicatedStores();
  const { shared } = servers;
  const a = await servers.open({ limits: { topics: 2 } });
  const b = await servers.open({ limits: { topics: 3 }, reconfigure: true });
  await a.fence();
  assertEquals([a.limits.topics, a.findFault()], [3, undefined]);
  // Once a part of it is lost, and once all.
  for (const left of [shared.entries.length - 1, 0]) {
    shared.entries.length = left;
    shared.id = crypto.randomUUID();
    shared.wake();
    await servers.pass(20_000);
    assertEquals([a.findFault(), b.findFault()], [undefined, undefined]);
    for (const store of [a, b]) {
      await store.fence();
      assertEquals(store.limits.topics, 3);
    }
  }
});
