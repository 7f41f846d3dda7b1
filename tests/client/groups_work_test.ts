/**
 * Workers: what becomes of jobs, and how many are worked on at one time.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { dead, type Job, retry } from "@dsmq/server";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ManualHandler, ScriptedGroup } from "../support/scripted_group.ts";

Deno.test("a worker names its group, what it works on, and how", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    group.mq.work("t", () => {});
    const work = await group.next("work");
    const { id: _, worker, ...fields } = work;
    assert(/^[\w-]{22}$/.test(worker), worker);
    assertEquals(fields, {
      ...{ action: "work", topic: "t", group: "default", credit: 1, lease: 30_000 },
      // The server ends a job later than the worker itself.
      ...{ timeout: 605_000, attempts: 5, holding: [] },
    });
    const options = { group: "g", concurrency: 7, lease: 1000, timeout: 86_399_999, attempts: 9 };
    group.mq.work({ prefix: "a." }, () => {}, { ...options, since: "now" });
    const { id, worker: other, ...more } = await group.next("work");
    assert(id !== work.id && worker !== other, "each has its own name");
    assertEquals(more, {
      ...{ action: "work", prefix: "a.", group: "g", credit: 7, lease: 1000 },
      ...{ timeout: 86_400_000, attempts: 9, since: "now", holding: [] },
    });
  }));

Deno.test("a handler gets the message, and its return makes the job done", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const jobs: Job[] = [];
    const worker = group.mq.work({ prefix: "" }, (job) => void jobs.push(job), { concurrency: 2 });
    const { id } = await group.answer("work");
    await group.jobs(id, [7, 8], {
      ...{ topics: ["a", "b"], attempts: [1, 3], times: [5, 6] },
      attributes: [null, { messageId: "m", key: "k", headers: { a: "b" } }],
    });
    const { done, outcomes, group: name } = await group.answer("finish");
    assertEquals([done, outcomes, name], [[7, 8], [], "default"]);
    const [first, second]: object[] = jobs.map((job) => ({ ...job }));
    assertEquals(first, {
      ...{ topic: "a", body: "job 7", seq: 1007, time: 5, attempt: 1, claim: 7 },
    });
    assertEquals(second, {
      ...{ topic: "b", body: "job 8", seq: 1008, time: 6, attempt: 3, claim: 8 },
      ...{ messageId: "m", key: "k", headers: { a: "b" } },
    });
    assert(jobs[0]!.signal === jobs[0]!.signal);
    assertEquals(jobs[0]!.signal.aborted, false);
    await pass(0);
    assertEquals(worker.stats, { running: 0, done: 2, retried: 0, dead: 0, lost: 0 });
  }));

Deno.test("what a handler throws decides what becomes of its job, and other errors are told", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const told: unknown[] = [];
    const throws: Readonly<Record<number, unknown>> = {
      1: retry(1234, "later"),
      2: retry(),
      3: dead("no use"),
      4: new Error("failed"),
      5: "a text",
      6: undefined,
      7: dead("r".repeat(2000)),
      8: revoked(),
    };
    const handler = ({ claim }: Job) => Promise.reject(throws[claim]);
    const claims: unknown[] = [];
    const onError = (error: unknown, job?: Job) => {
      told.push(error);
      claims.push(job?.claim);
    };
    const backoff = { minDelay: 1000, maxDelay: 3000 };
    const worker = group.mq.work("t", handler, { concurrency: 9, onError, backoff });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3, 4, 5, 6, 7, 8], { attempts: [1, 1, 1, 2, 9, 1, 1, 1] });
    const { done, outcomes } = await group.answer("finish", { dead: [3, 5], lost: [6] });
    assertEquals(done, []);
    const delays = outcomes.map(({ delay }: { delay?: number }) => delay);
    assertEquals([delays[0], delays[2], delays[6]], [1234, undefined, undefined]);
    for (const [i, most] of [[1, 1000], [3, 2000], [4, 3000], [5, 1000]] as const) {
      assert(delays[i] >= most / 2 && delays[i] <= most, `${delays[i]} is about ${most}`);
    }
    const named = outcomes.map(({ delay: _, ...rest }: { delay?: number }) => rest);
    assertEquals(named, [
      { claim: 1, outcome: "retry", reason: "later" },
      { claim: 2, outcome: "retry", reason: "retry" },
      { claim: 3, outcome: "dead", reason: "no use" },
      { claim: 4, outcome: "retry", reason: "failed" },
      { claim: 5, outcome: "retry", reason: "a text" },
      { claim: 6, outcome: "retry", reason: "undefined" },
      { claim: 7, outcome: "dead", reason: "r".repeat(1000) },
      { claim: 8, outcome: "retry", reason: "an object" },
    ]);
    assertEquals(claims, [4, 5, 6, 8]);
    assert(told.pop() === throws[8]);
    assertEquals(told, [throws[4], "a text", undefined]);
    assertEquals(worker.stats, { running: 0, done: 0, retried: 4, dead: 2, lost: 1 });
  }));

/** What can be asked nothing. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

Deno.test("a retry has a delay that can be kept", () => {
  for (const delay of [-1, 0.5, Infinity, NaN, 2_592_000_001]) {
    assertThrows(() => retry(delay), RangeError);
  }
});

Deno.test("no more handlers run at one time than may, whatever the server sends, and none waits longer than it must", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { concurrency: 2 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1, 2, 3]);
    await group.jobs(id, [4]);
    assertEquals([handler.claims, worker.stats.running], [[1, 2], 2]);
    handler.job(2).done();
    assertEquals((await group.answer("finish")).done, [2]);
    assertEquals(handler.claims, [1, 2, 3]);
    handler.job(1).done();
    handler.job(3).done();
    assertEquals((await group.answer("finish")).done, [1, 3]);
    assertEquals([handler.claims, handler.most], [[1, 2, 3, 4], 2]);
    assertEquals(worker.stats, { running: 1, done: 3, retried: 0, dead: 0, lost: 0 });
  }));

Deno.test("jobs that end in one turn share a request, and one that is sent does not grow", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    group.mq.work("t", handler.handle, { concurrency: 3000 });
    const { id } = await group.answer("work");
    const claims = Array.from({ length: 3000 }, (_, i) => i + 1);
    await group.jobs(id, claims);
    for (const claim of claims.slice(0, 2999)) handler.job(claim).done();
    const lists = [];
    for (let count = 0; count < 2999;) {
      const { done } = await group.next("finish");
      lists.push(done);
      count += done.length;
    }
    assertEquals(lists.flat(), claims.slice(0, 2999));
    assertEquals(lists.map(({ length }) => length), [1024, 1024, 951]);
    handler.job(3000).done();
    assertEquals((await group.next("finish")).done, [3000]);
  }));

Deno.test("a job that runs too long is given up, its signal aborts, and its place is free", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { timeout: 5000, concurrency: 2 });
    const { id, timeout } = await group.answer("work");
    assertEquals(timeout, 10_000);
    await group.jobs(id, [1]);
    await pass(2000);
    await group.jobs(id, [2]);
    await pass(2990);
    assertEquals(handler.job(1).signal.aborted, false);
    await pass(20);
    const { reason } = handler.job(1).signal;
    assertEquals([reason.name, handler.job(2).signal.aborted], ["TimeoutError", false]);
    const { outcomes: [outcome] } = await group.answer("finish");
    assertEquals([outcome.claim, outcome.outcome], [1, "retry"]);
    assertEquals(outcome.reason, "timeout: it took longer than 5000 ms");
    assertEquals(worker.stats.running, 1);
    // What it does now counts for nothing.
    handler.job(1).done();
    await group.isQuiet();
    handler.job(2).done();
    assertEquals((await group.answer("finish")).done, [2]);
    assertEquals(worker.stats, { running: 0, done: 1, retried: 1, dead: 0, lost: 0 });
  }));
