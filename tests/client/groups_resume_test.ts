/**
 * Workers whose connection breaks: jobs go on, and outcomes count once.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { DsmqError } from "@dsmq/server";
import { inVirtualTime, pass, secondsOf } from "../support/in_virtual_time.ts";
import { ManualHandler, ScriptedGroup } from "../support/scripted_group.ts";

Deno.test("after a break a worker says what it holds, and what is lost ends", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { concurrency: 2, since: { ago: 1000 } });
    const first = await group.answer("work");
    await group.jobs(first.id, [1, 2, 3]);
    group.script.hangUp();
    const { worker: same, holding, since } = await group.answer("work", { lost: [2, 3] });
    assertEquals([same, holding, since], [first.worker, [1, 2, 3], first.since]);
    assertEquals(handler.jobs.map(({ signal }) => signal.aborted), [false, true]);
    handler.job(1).done();
    handler.job(2).done();
    assertEquals((await group.answer("finish")).done, [1]);
    // The third was lost before it was begun.
    assertEquals([handler.claims, worker.stats.lost], [[1, 2], 2]);
  }));

Deno.test("outcomes that were not confirmed are told again, and their jobs are not run again", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { concurrency: 3 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3]);
    handler.job(2).done();
    assertEquals((await group.next("finish")).done, [2]);
    group.script.hangUp();
    // This one ends while there is no connection.
    handler.job(3).fail(new Error("failed"));
    const work = await group.next("work");
    assertEquals(work.holding, [1, 2, 3]);
    const [repeated, next] = [await group.next("finish"), await group.next("finish")];
    assertEquals([repeated.done, next.outcomes[0].claim], [[2], 3]);
    // The server had the first outcome: to it the claim is over, which is no loss.
    await group.script.send([{ id: work.id, sub: work.id, lost: [2] }, { id: repeated.id }]);
    await group.script.send({ id: next.id });
    assertEquals(worker.stats, { running: 1, done: 1, retried: 1, dead: 0, lost: 0 });
  }));

Deno.test("a job that is sent again is run once; one whose frame was lost is run", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    group.mq.work("t", handler.handle, { concurrency: 4 });
    const { id } = await group.answer("work");
    await group.jobs(id, [2, 5]);
    handler.job(5).done();
    await group.next("finish");
    group.script.hangUp();
    const again = await group.answer("work");
    await group.jobs(again.id, [2, 5, 3]);
    assertEquals(handler.claims, [2, 5, 3]);
  }));

Deno.test("stop lets handlers end, gives back the rest, and takes nothing more", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { concurrency: 1, lease: 30_000 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2]);
    const stopped = Promise.all([worker.stop(), worker.stop()]);
    // First it takes no more: what is given back must not come again.
    const { id: unsubscribe, sub } = await group.next("unsubscribe");
    assertEquals(sub, id);
    const release = await group.answer("finish");
    assertEquals(release.outcomes, [{ claim: 2, outcome: "release" }]);
    // It was on the way.
    await group.jobs(id, [3]);
    assertEquals((await group.answer("finish")).outcomes, [{ claim: 3, outcome: "release" }]);
    await group.script.send({ id: unsubscribe });
    // The lease goes on for what runs.
    assertEquals((await group.answer("extend")).claims, [1]);
    assertEquals(worker.stats.running, 1);
    handler.job(1).done();
    const { id: finish } = await group.next("finish");
    let isClosed = false;
    void worker.closed.then(() => isClosed = true);
    await pass(0);
    assertEquals(isClosed, false);
    await group.script.send({ id: finish });
    await stopped;
    await worker.closed;
    assertEquals(worker.stats, { running: 0, done: 1, retried: 0, dead: 0, lost: 0 });
    await group.isQuiet(100_000);
  }));

/** A worker with a job whose server has gone, and cannot be reached. */
async function cutOffWithJob(group: ScriptedGroup) {
  const handler = new ManualHandler();
  const worker = group.mq.work("t", handler.handle);
  const { id } = await group.answer("work");
  await group.jobs(id, [1]);
  group.script.unreachable = true;
  group.script.hangUp();
  return { worker, handler };
}

Deno.test("stop does not wait for a server that does not come back", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const { worker, handler } = await cutOffWithJob(group);
    const stopped = worker.stop();
    await pass(1000);
    handler.job(1).done();
    const began = performance.now();
    await stopped;
    assertEquals(Math.round((performance.now() - began) / 1000), 5);
    // Once is enough: nobody waits for the same answers again.
    assertEquals(await secondsOf(group.mq.close()), 0);
  }));

Deno.test("what stop gave up waiting for is told, if the server comes back", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const { worker, handler } = await cutOffWithJob(group);
    handler.job(1).done();
    assertEquals(await secondsOf(worker.stop()), 5);
    group.script.unreachable = false;
    assertEquals((await group.answer("finish")).done, [1]);
  }));

Deno.test("a worker that ends leaves no timer behind, whatever it was about to try again", async () => {
  const error = { code: "unavailable", message: "Cannot do it now" };
  const refuse = async (group: ScriptedGroup, action: string) => {
    const { id } = await group.next(action);
    await group.script.send({ id, error });
  };
  const ways: ((group: ScriptedGroup) => Promise<unknown>)[] = [
    (group) => refuse(group, "work"),
    async (group) => {
      const { id } = await group.answer("work");
      await group.jobs(id, [1]);
      await refuse(group, "extend");
      await refuse(group, "finish");
    },
  ];
  for (const way of ways) {
    const group = await ScriptedGroup.open({ reconnect: false });
    const extended: Promise<unknown>[] = [];
    const worker = group.mq.work("t", (job) => {
      extended.push(job.extend().catch(() => {}));
    });
    await way(group);
    const ended = worker.closed.catch(() => {});
    group.script.hangUp();
    await Promise.all([ended, ...extended]);
    // Deno fails this test if there is one.
  }
});

Deno.test("a worker that is stopped before it has begun never asks for jobs", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    {
      await using worker = group.mq.work("t", () => {});
      assertEquals(worker.stats.running, 0);
    }
    const abort = new AbortController();
    const other = group.mq.work("t", () => {}, { signal: abort.signal });
    abort.abort();
    await other.closed;
    await group.isQuiet(10);
  }));

Deno.test("a signal stops a worker as stop does", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const abort = new AbortController();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { signal: abort.signal });
    const { id } = await group.answer("work");
    await group.jobs(id, [1]);
    abort.abort();
    await group.answer("unsubscribe");
    assertEquals(handler.job(1).signal.aborted, false);
    handler.job(1).done();
    await group.answer("finish");
    await worker.closed;
  }));

Deno.test("closing the connection aborts handlers, and gives back their jobs", () =>
  inVirtualTime(async () => {
    const group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { concurrency: 2 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3]);
    const closed = group.mq.close();
    assertEquals(handler.job(1).signal.reason.code, "closed");
    const { id: unsubscribe, sub } = await group.next("unsubscribe");
    assertEquals(sub, id);
    const { outcomes } = await group.answer("finish");
    assertEquals(outcomes.map(({ claim }: { claim: number }) => claim), [1, 2, 3]);
    // It was on the way.
    await group.jobs(id, [4]);
    await group.script.send({ id: unsubscribe });
    assertEquals((await group.answer("finish")).outcomes, [{ claim: 4, outcome: "release" }]);
    await Promise.all([closed, worker.closed]);
    await group.next("close");
    assertEquals(handler.claims, [1, 2]);
    handler.job(1).done();
    await group.isQuiet(100_000);
  }));

Deno.test("a server that sends what is not for a worker, or far more than it may hold, violates the protocol", () =>
  inVirtualTime(async () => {
    const messages = { prev: 0, claims: undefined };
    const frames: readonly (readonly [claims: number[], fields: object])[] = [
      [[1], messages],
      [[1], { topics: ["x"] }],
      [[1], {}],
    ];
    for (const [claims, fields] of frames) {
      const group = await ScriptedGroup.open();
      const worker = group.mq.work({ prefix: "p" }, () => {});
      const end = assertRejects(() => worker.closed, DsmqError);
      const { id } = await group.answer("work");
      await group.jobs(id, claims, fields);
      assertEquals((await end).code, "protocol_error");
      assertEquals(group.mq.status, "closed");
    }
    const group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle);
    const end = assertRejects(() => worker.closed, DsmqError);
    const { id } = await group.answer("work");
    for (const claim of [1, 2, 3, 4]) await group.jobs(id, [claim]);
    assertEquals(group.mq.status, "connected");
    await group.jobs(id, [5]);
    assertEquals((await end).code, "protocol_error");
  }));
