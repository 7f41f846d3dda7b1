/**
 * The lease of a worker: when it is renewed, and what happens when it cannot be.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { dead, DsmqError, type Job, retry } from "@dsmq/server";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ManualHandler, ScriptedGroup } from "../support/scripted_group.ts";

const lease = 30_000;

Deno.test("a worker renews its lease three times as often as it must, also while it has nothing to do", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    group.mq.work("t", handler.handle, { lease, concurrency: 2 });
    const { id, worker } = await group.answer("work");
    const began = performance.now();
    const { claims, worker: same } = await group.answer("extend");
    assertEquals([claims, same], [[], worker]);
    assertEquals(Math.round((performance.now() - began) / 1000), 10);
    await group.jobs(id, [1, 2]);
    assertEquals((await group.answer("extend")).claims, [1, 2]);
    assertEquals(Math.round((performance.now() - began) / 1000), 20);
    handler.job(1).done();
    await group.answer("finish");
    await group.isQuiet(9900);
    assertEquals((await group.answer("extend")).claims, [2]);
  }));

Deno.test("where the lease cannot be renewed, signals abort before the server can give the jobs away, and no job is begun", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { lease, concurrency: 3 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2]);
    // The server is silent from now on.
    const { id: extend } = await group.next("extend");
    await pass(16_900);
    assertEquals(handler.job(1).signal.aborted, false);
    await pass(200);
    const { reason } = handler.job(1).signal;
    assert(reason instanceof DsmqError);
    assertEquals([reason.code, reason.topic, reason.retryable], ["lease_lost", "t", true]);
    // What comes late waits until the lease is certain.
    await group.jobs(id, [3]);
    assertEquals(handler.claims, [1, 2]);
    // A handler that stops because of that has not failed; one that is done is done.
    handler.job(1).fail(reason);
    handler.job(2).done();
    const finish = await group.next("finish");
    assertEquals([finish.done, finish.outcomes], [[2], [{ claim: 1, outcome: "release" }]]);
    assertEquals(handler.claims, [1, 2]);
    await group.script.send({ id: extend });
    assertEquals([handler.claims, handler.job(3).signal.aborted], [[1, 2, 3], false]);
    // That was asked for long ago: it counts from then.
    assertEquals((await group.next("extend")).claims, [3]);
    await pass(9_700);
    assertEquals(handler.job(3).signal.aborted, false);
    await pass(200);
    assertEquals(handler.job(3).signal.reason.code, "lease_lost");
    await group.script.send({ id: finish.id });
    assertEquals(worker.stats, { running: 1, done: 1, retried: 0, dead: 0, lost: 0 });
  }));

Deno.test("what a handler, or the holder of a claim, has decided after the signal has aborted is told", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    group.mq.work("t", handler.handle, { lease, concurrency: 3 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3]);
    await group.next("extend");
    await pass(17_100);
    const { signal } = handler.job(1);
    assertEquals(signal.aborted, true);
    handler.job(1).fail(dead("no use"));
    handler.job(2).fail(retry(5, "later"));
    handler.job(3).fail(new Error("interrupted"));
    assertEquals((await group.next("finish")).outcomes, [
      { claim: 1, outcome: "dead", reason: "no use" },
      { claim: 2, outcome: "retry", delay: 5, reason: "later" },
      { claim: 3, outcome: "release" },
    ]);
  }));

Deno.test("a job that the server says is lost has its signal aborted, is counted, and is told no more", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { lease, concurrency: 2 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2]);
    await group.answer("extend", { lost: [1] });
    const code = handler.job(1).signal.reason.code;
    assertEquals([code, handler.job(2).signal.aborted], ["lease_lost", false]);
    // Its handler still has the place.
    await group.jobs(id, [3]);
    assertEquals([handler.claims, worker.stats.lost], [[1, 2], 1]);
    handler.job(1).done();
    await pass(0);
    assertEquals([handler.claims, group.script.unread], [[1, 2, 3], []]);
    handler.job(2).done();
    await group.answer("finish", { lost: [2] });
    assertEquals(worker.stats, { running: 1, done: 0, retried: 0, dead: 0, lost: 2 });
  }));

Deno.test("a worker whose stream ends because its lease had ended works again at once, and its jobs are lost", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { lease, concurrency: 2 });
    const first = await group.answer("work");
    await group.jobs(first.id, [1, 2]);
    await pass(5000);
    const error = { code: "lease_lost", message: "its lease has ended" };
    await group.script.send({ sub: first.id, error });
    assertEquals(handler.jobs.map(({ signal }) => signal.reason.code), [
      "lease_lost",
      "lease_lost",
    ]);
    const again = await group.answer("work", { lost: [1, 2] });
    assertEquals([again.worker, again.holding], [first.worker, [1, 2]]);
    assertEquals(worker.stats.lost, 2);
    // The old stream means nothing any more; the new one goes on.
    await group.jobs(first.id, [3]);
    await group.jobs(again.id, [4]);
    handler.job(1).done();
    await pass(0);
    assertEquals(handler.claims, [1, 2, 4]);
    // A server that says so each time is not asked without a pause.
    await group.script.send({ sub: again.id, error });
    await group.isQuiet(900);
    await pass(200);
    await group.answer("work", { lost: [4] });
  }));

Deno.test("a worker that slept begins nothing once it is told that its lease has ended, until it works again", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { lease });
    const { id } = await group.answer("work");
    const { id: extend } = await group.next("extend");
    await pass(18_000);
    // What the server had sent before is not sure any more.
    await group.jobs(id, [1]);
    await group.script.send({ id: extend, ended: true });
    assertEquals(handler.claims, []);
    const error = { code: "lease_lost", message: "its lease has ended" };
    await group.script.send({ sub: id, error });
    const again = await group.answer("work", { lost: [1] });
    await group.jobs(again.id, [2]);
    assertEquals([again.holding, handler.claims, worker.stats.lost], [[1], [2], 1]);
  }));

Deno.test("a worker that stops ends well when the server has lost its memory: what it held is lost", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { lease, concurrency: 2 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2]);
    const stopped = worker.stop();
    await group.answer("unsubscribe");
    const error = { code: "not_found", message: "there is no such group" };
    handler.job(1).done();
    await group.script.send({ id: (await group.next("finish")).id, error });
    await group.script.send({ id: (await group.next("extend")).id, error });
    assertEquals(handler.job(2).signal.reason.code, "lease_lost");
    handler.job(2).done();
    await stopped;
    await worker.closed;
    assertEquals(worker.stats, { running: 0, done: 0, retried: 0, dead: 0, lost: 2 });
  }));

Deno.test("extend makes sure of a job, whatever happens on the way", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const jobs: Job[] = [];
    const never = new Promise<void>(() => {});
    group.mq.work("t", (job) => (jobs.push(job), never), { concurrency: 3 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3]);
    const first = jobs[0]!.extend();
    const { id: sent } = await group.next("extend");
    const lost = assertRejects(() => jobs[1]!.extend(), DsmqError);
    await group.script.send({ id: sent });
    await first;
    await group.answer("extend", { lost: [2] });
    assertEquals((await lost).code, "lease_lost");
    assertEquals((await assertRejects(() => jobs[1]!.extend(), DsmqError)).code, "lease_lost");
    const third = jobs[2]!.extend();
    // The answer is lost.
    await group.next("extend");
    group.script.hangUp();
    assertEquals((await group.answer("work")).holding, [1, 3]);
    await group.answer("extend");
    await third;
  }));

Deno.test("a lease has one renewal under way at a time, however long that takes and whatever is finished meanwhile", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    group.mq.work("t", handler.handle, { lease, concurrency: 3 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3]);
    const { id: slow } = await group.next("extend");
    for (const claim of [1, 2]) {
      handler.job(claim).done();
      await group.answer("finish");
      await group.isQuiet(7000);
    }
    assertEquals(handler.job(3).signal.aborted, false);
    await group.script.send({ id: slow });
    // That was asked for long ago.
    const { claims, id: next } = await group.next("extend");
    assertEquals(claims, [3]);
    await group.isQuiet(11_000);
    await group.script.send({ id: next });
    await group.answer("extend");
    await group.isQuiet(9900);
    await group.answer("extend");
  }));

Deno.test("that a job is finished renews no lease: that may have been repeated, or the server may not have the job any more", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    group.mq.work("t", handler.handle, { lease, concurrency: 2 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2]);
    await group.next("extend");
    await pass(5000);
    handler.job(1).done();
    await group.answer("finish");
    await pass(11_900);
    assertEquals(handler.job(2).signal.aborted, false);
    await pass(200);
    assertEquals(handler.job(2).signal.aborted, true);
  }));

Deno.test("jobs that make sure of the lease share a renewal, and those that come after it was sent the next one", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const jobs: Job[] = [];
    const never = new Promise<void>(() => {});
    group.mq.work("t", (job) => (jobs.push(job), never), { concurrency: 3 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3]);
    const renewed: number[] = [];
    const extend = (claim: number) =>
      jobs[claim - 1]!.extend().then(() => void renewed.push(claim));
    const first = [extend(1), extend(2)];
    const { id: sent } = await group.next("extend");
    const later = [extend(3), extend(1)];
    await group.isQuiet(0);
    await group.script.send({ id: sent });
    await Promise.all(first);
    assertEquals(renewed, [1, 2]);
    await group.answer("extend");
    await Promise.all(later);
    assertEquals(renewed, [1, 2, 3, 1]);
    await group.isQuiet(0);
  }));

Deno.test("no timer of a worker, or of a claim, has a negative delay, however late it is", () =>
  inVirtualTime(async (time) => {
    await using group = await ScriptedGroup.open();
    const claimed = group.mq.claim("t");
    const { id } = await group.answer("work");
    // The process stands still, as one does that is busy or stopped.
    time.now += 100;
    await group.answer("extend");
    assertEquals((await group.answer("unsubscribe")).sub, id);
    assertEquals(await claimed, undefined);
  }));
