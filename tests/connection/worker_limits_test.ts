/**
 * What workers may take, and what a peer is sent that reads slowly.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { turns, until } from "../support/bridge.ts";
import { workerName, workScene } from "../support/work_scene.ts";

Deno.test("a slow peer gets no jobs until it has read, and others get them", async () => {
  await using at = await workScene();
  const [slow, other] = [at.peer(), at.peer()];
  await slow.work("slow");
  await other.work("other", { credit: 3 });
  await turns(1);
  slow.stopReading(10 ** 9);
  await at.put("a", "b");
  assertEquals([slow.bodies, other.bodies], [[], ["a", "b"]]);
  await at.put("c", "d");
  assertEquals([slow.bodies, other.bodies], [[], ["a", "b", "c"]]);
  slow.read();
  await turns(1);
  assertEquals(slow.bodies, ["d"]);
});

Deno.test("workers of one peer that reads slowly do not fill its memory all at once", async () => {
  await using at = await workScene();
  const slow = at.peer();
  for (let i = 0; i < 50; i++) await slow.work("one", { topic: `t${i}` });
  await turns(1);
  const { send } = slow;
  // From now on each frame waits to be read.
  slow.send = (frame: string) => {
    send.call(slow, frame);
    slow.buffered += frame.length;
  };
  const body = "x".repeat(100_000);
  const json = JSON.stringify(body);
  await at.host.queue.apply(Array.from({ length: 50 }, (_, i) => ({
    ...{ type: "put" as const, topic: `t${i}`, body: json, bytes: json.length },
  })));
  await turns(2);
  assert(slow.jobs().length <= 4, `${slow.jobs().length} of 100 kB`);
  while (slow.jobs().length < 50) {
    assert(slow.buffered < 1_000_000);
    slow.read();
    await turns(1);
  }
  assertEquals(slow.jobs().every(({ attempt }) => attempt === 1), true);
});

Deno.test("a job for which all peers together have no room goes to one that has, and is not asked for again and again", async () => {
  await using at = await workScene();
  const [full, other] = [at.peer(), at.peer()];
  await full.work("full");
  await turns(1);
  const room = Promise.withResolvers<void>();
  Object.assign(full, { hasRoom: () => false, waitForRoom: () => room.promise });
  const body = "x".repeat(1000);
  await at.put(body);
  assertEquals((await at.group()).claimed, 1);
  await other.work("other", { credit: 1 });
  await turns(1);
  assertEquals(other.jobs().map(({ attempt }) => attempt), [1]);
  await at.put(`${body}2`, `${body}3`);
  assertEquals([full.jobs().length, (await at.group()).claimed], [0, 2]);
  Object.assign(full, { hasRoom: () => true });
  room.resolve();
  await turns(1);
  assertEquals(full.bodies, [`${body}2`, `${body}3`]);
});

Deno.test("jobs come in frames of bounded size", async () => {
  await using at = await workScene();
  const bodies = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(20_000));
  await at.put(...bodies);
  const one = at.peer();
  const sizes: number[] = [];
  const { send } = one;
  one.send = (frame: string) => {
    sizes.push(frame.length);
    send.call(one, frame);
  };
  await one.work("one", { credit: 100 });
  await until(() => one.jobs().length === 40);
  assertEquals(one.bodies, bodies);
  assert(Math.max(...sizes) <= 256 * 1024, `${sizes}`);
});

Deno.test("a connection has as many workers, and as many jobs, as its limits say", async () => {
  await using at = await workScene({ limits: { subscriptions: 2, heldJobs: 15 } });
  const one = at.peer();
  await one.work("one");
  assertEquals((await one.work("two", { credit: 6 })).error, {
    code: "limit_exceeded",
    message: "Cannot work: 16 jobs would be held, the limit is 15",
    limit: 15,
  });
  await one.work("two", { credit: 5 });
  assertEquals((await one.work("three", { credit: 0.5 })).error.code, "bad_request");
  const { error } = await one.ask("subscribe", { messages: 1, bytes: 1 });
  assertEquals([error.code, error.limit], ["limit_exceeded", 2]);
  assertEquals(one.connection.describe().subscriptions, 2);
  assertEquals(one.connection.describe().workers, 2);
  const { used } = at.host.budgets.usage("totalSubscriptions");
  await one.ask("unsubscribe", { sub: 1 });
  assertEquals(at.host.budgets.usage("totalSubscriptions").used, used - 1);
  assertEquals((await one.ask("subscribe", { messages: 1, bytes: 1 })).error, undefined);
  const { error: inUse } = await one.request({
    ...{ action: "work", id: 3, topic: "t", worker: workerName("x"), credit: 1 },
  });
  assertEquals(inUse.code, "bad_request");
});

Deno.test("what a connection had is free again once it is closed", async () => {
  await using at = await workScene();
  const one = at.peer();
  await one.work("one");
  await one.work("two");
  const { used } = at.host.budgets.usage("totalSubscriptions");
  assertEquals([used, at.host.queue.groups.size, at.host.queue.listenedTopics], [2, 1, 1]);
  one[Symbol.dispose]();
  await turns(1);
  const { used: left } = at.host.budgets.usage("totalSubscriptions");
  assertEquals([left, at.host.queue.groups.size, at.host.queue.listenedTopics], [0, 0, 0]);
});

Deno.test("a worker that knows nothing of many large jobs is told of some, and the others go to anybody", async () => {
  await using at = await workScene();
  const bodies = Array.from({ length: 60 }, (_, i) => `${i}`.padEnd(50_000));
  await at.put(...bodies);
  const first = at.peer();
  await first.work("one", { credit: 100 });
  await until(() => first.jobs().length === 60);
  first[Symbol.dispose]();
  const [again, other] = [at.peer(), at.peer()];
  await again.work("one", { credit: 30 });
  await until(() => again.jobs().length === 30);
  const told = again.jobs();
  const claims = first.jobs().map(({ claim }) => claim);
  const known = told.filter(({ claim }) => claims.includes(claim)).length;
  assert(known >= 20 && known < 30, `${known} of 50 kB are told`);
  await other.work("other", { credit: 100 });
  await until(() => other.jobs().length === 30);
  assertEquals([...told, ...other.jobs()].map(({ body }) => body), bodies);
  assert([...told, ...other.jobs()].every(({ attempt }) => attempt === 1));
});
