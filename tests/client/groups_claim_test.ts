/**
 * Jobs that are taken without a handler, and calls about groups whose arguments are wrong.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { dead, DsmqError, type ManualJob, retry } from "@dsmq/server";
import { inVirtualTime, pass, secondsOf } from "../support/in_virtual_time.ts";
import { ScriptedGroup } from "../support/scripted_group.ts";
import { as } from "../support/untyped.ts";

Deno.test("a claim without a wait asks once, and what comes by then is its job", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const none = group.mq.claim("t");
    const { credit } = await group.answer("work");
    assertEquals(credit, 1);
    await group.answer("extend");
    await group.answer("unsubscribe");
    assertEquals(await none, undefined);
    const claimed = group.mq.claim("t");
    const { id } = await group.answer("work");
    await group.jobs(id, [1]);
    const job = await claimed;
    assertEquals([job?.claim, job?.body], [1, "job 1"]);
  }));

Deno.test("a claim waits as long as it may, also for a server that is silent or away", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const waiting = group.mq.claim("t", { wait: 7000 });
    await group.answer("work");
    await group.answer("extend");
    assertEquals(await secondsOf(waiting), 7);
    group.script.unreachable = true;
    group.script.hangUp();
    assertEquals(await secondsOf(group.mq.claim("t", { wait: 3000 })), 3);
    assertEquals(await secondsOf(group.mq.claim("t")), 1);
    const abort = new AbortController();
    const aborted = group.mq.claim("t", { wait: Infinity, signal: abort.signal });
    const reason = new Error("enough");
    abort.abort(reason);
    assertEquals(await assertRejects(() => aborted, Error), reason);
    assertEquals(
      await assertRejects(() => group.mq.claim("t", { signal: abort.signal }), Error),
      reason,
    );
    group.script.unreachable = false;
  }));

Deno.test("the outcome of a claim counts once it is confirmed, and rejects if the job is lost", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const take = async (claim: number) => {
      const claimed = group.mq.claim("t", { wait: 1000, timeout: 60_000 });
      const { id } = await group.answer("work");
      await group.jobs(id, [claim]);
      const job = (await claimed)!;
      await group.answer("extend");
      await group.answer("unsubscribe");
      return job;
    };
    const first = await take(1);
    const done = first.done();
    let isDone = false;
    void done.then(() => isDone = true);
    const { id, done: claims } = await group.next("finish");
    await pass(0);
    assertEquals([claims, isDone], [[1], false]);
    await group.script.send({ id });
    await done;
    await first.done();

    const second = await take(2);
    const lost = assertRejects(() => second.retry(5, "later"), DsmqError);
    const { outcomes } = await group.answer("finish", { lost: [2] });
    assertEquals(outcomes, [{ claim: 2, outcome: "retry", delay: 5, reason: "later" }]);
    assertEquals((await lost).code, "lease_lost");

    // One that is held too long is given up, while the lease is renewed until then.
    const third = await take(3);
    let last = await group.script.next();
    for (; last.action === "extend"; last = await group.script.next()) {
      await group.script.send({ id: last.id });
    }
    const { outcomes: [timedOut] } = last;
    await group.script.send({ id: last.id });
    assertEquals([timedOut.claim, timedOut.outcome], [3, "retry"]);
    assertEquals((await assertRejects(() => third.done(), DsmqError)).code, "lease_lost");
    await group.isQuiet(100_000);

    const fourth = await take(4);
    const given = fourth.release();
    assertEquals((await group.answer("finish")).outcomes, [{ claim: 4, outcome: "release" }]);
    await given;
    const fifth = await take(5);
    const buried = fifth.dead("no use");
    const { outcomes: [grave] } = await group.answer("finish", { dead: [5] });
    assertEquals(grave, { claim: 5, outcome: "dead", reason: "no use" });
    await buried;
  }));

Deno.test("the outcome that is said first counts: the same again is the same, another one rejects", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const ways = {
      done: (job: ManualJob) => job.done(),
      retry: (job: ManualJob) => job.retry(),
      dead: (job: ManualJob) => job.dead("no use"),
      release: (job: ManualJob) => job.release(),
    };
    let claim = 0;
    for (const [name, first] of Object.entries(ways)) {
      for (const lost of [[], [claim + 1]]) {
        const claimed = group.mq.claim("t", { wait: 1000 });
        const { id } = await group.answer("work");
        await group.jobs(id, [++claim]);
        const job = (await claimed)!;
        await group.answer("extend");
        await group.answer("unsubscribe");
        const outcomes = Object.entries(ways).map(([other, way]) => [other, way] as const)
          .sort(([other]) => other === name ? -1 : 1)
          .map(async ([other, way]) => [other, await way(job).catch((error) => error)] as const);
        await group.answer("finish", { lost });
        for (const [other, settled] of await Promise.all(outcomes)) {
          if (lost.length > 0) assertEquals(settled.code, "lease_lost");
          else if (other === name) assertEquals(settled, undefined);
          else {
            const message = `Cannot finish the job by ${other}: ${name} has finished it`;
            assertEquals([settled.constructor, settled.message], [TypeError, message]);
          }
        }
        if (lost.length === 0) await first(job);
        await group.isQuiet(1000);
      }
    }
  }));

Deno.test("a reason that is no text is an error, and none has a default", () =>
  inVirtualTime(async () => {
    assertEquals([retry().message, dead().message], ["retry", "dead"]);
    assertEquals([retry(undefined, undefined).message, dead(undefined).message], ["retry", "dead"]);
    for (const reason of [null, 1, {}, new Error("why")]) {
      assertThrows(() => retry(1, as(reason)), TypeError, "Cannot retry: reason must be a string");
      assertThrows(() => dead(as(reason)), TypeError, "Cannot give up: reason must be a string");
    }
    for (const delay of [NaN, Infinity, -1, 0.5, 2_592_000_001]) {
      assertThrows(() => retry(delay), RangeError, "Cannot retry: delay must be a whole number");
    }
    for (const delay of [null, "1", {}]) assertThrows(() => retry(as(delay)), TypeError);
    await using group = await ScriptedGroup.open();
    const claimed = group.mq.claim("t");
    await group.jobs((await group.answer("work")).id, [1]);
    const job = (await claimed)!;
    await group.answer("extend");
    await group.answer("unsubscribe");
    await assertRejects(() => job.dead(as(new Error("why"))), TypeError);
    await assertRejects(() => job.retry(1, as(1)), TypeError);
    const buried = job.dead("x".repeat(2000));
    const { outcomes: [{ reason }] } = await group.answer("finish", { dead: [1] });
    assertEquals(reason.length, 1000);
    await buried;
  }));

Deno.test("what the server has counted is done, though its answer to the lease was late; an argument that is wrong changes nothing", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const claimed = group.mq.claim("t", { wait: 1000, lease: 30_000 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1]);
    const job = (await claimed)!;
    await group.answer("extend");
    await group.answer("unsubscribe");
    // The server is silent for a while.
    await group.next("extend");
    await pass(17_500);
    assertEquals(job.signal.reason.code, "lease_lost");
    let finished = job.retry(-1);
    await assertRejects(() => finished, RangeError, "delay must be a whole number");
    finished = job.done();
    assertEquals((await group.answer("finish")).done, [1]);
    await finished;
  }));

Deno.test("a job is not done any more once its connection is closed", () =>
  inVirtualTime(async () => {
    const group = await ScriptedGroup.open();
    const claimed = group.mq.claim("t", { wait: 1000 });
    const { id } = await group.answer("work");
    await group.jobs(id, [1]);
    const job = (await claimed)!;
    await group.answer("extend");
    await group.answer("unsubscribe");
    const closed = group.mq.close();
    assertEquals((await group.answer("finish")).outcomes, [{ claim: 1, outcome: "release" }]);
    await closed;
    assertEquals((await assertRejects(() => job.done(), DsmqError)).code, "lease_lost");
  }));

Deno.test("wrong arguments of workers and groups are reported before anything is sent", async () => {
  const group = await ScriptedGroup.open();
  const { mq } = group;
  const handler = () => {};
  const wrong:
    readonly (readonly [options: unknown, error: typeof TypeError | typeof RangeError])[] = [
      [1, TypeError],
      [{ unknown: 1 }, TypeError],
      [{ group: "" }, RangeError],
      [{ group: 1 }, TypeError],
      [{ group: "g".repeat(257) }, RangeError],
      ...["concurrency", "lease", "timeout", "attempts"].flatMap((name) => [
        [{ [name]: 0 }, RangeError] as const,
        [{ [name]: 1.5 }, RangeError] as const,
        [{ [name]: "1" }, TypeError] as const,
      ]),
      [{ lease: 999 }, RangeError],
      [{ backoff: 1 }, TypeError],
      [{ backoff: { minDelay: -1 } }, RangeError],
      [{ backoff: { maxDelay: 2_592_000_001 } }, RangeError],
      [{ backoff: { delay: 1 } }, TypeError],
      [{ since: "end" }, RangeError],
      [{ signal: 1 }, TypeError],
      [{ onError: 1 }, TypeError],
    ];
  for (const [options, ErrorClass] of wrong) {
    assertThrows(() => mq.work("t", handler, as(options)), ErrorClass, "Cannot work: ");
  }
  for (const value of [undefined, null, "handler", {}]) {
    assertThrows(() => mq.work("t", as(value)), TypeError, "handler must be a function");
  }
  assertThrows(() => mq.work("", handler), RangeError);
  assertThrows(() => mq.work(as({ prefix: 1 }), handler), TypeError);
  for (const options of [{ wait: -1 }, { concurrency: 2 }, { group: "" }, 1]) {
    await assertRejects(() => mq.claim("t", as(options)), Error, "Cannot claim: ");
  }
  assertThrows(() => mq.deadJobs("t", as({ seq: 1 })), TypeError);
  await assertRejects(() => mq.groups(as(1)), TypeError);
  await assertRejects(() => mq.redrive("t", as({ seq: undefined })), TypeError);
  await assertRejects(() => mq.redrive("t", { seq: 0 }), RangeError);
  await assertRejects(() => mq.redrive("t", as({ group: undefined })), TypeError);
  await assertRejects(
    () => mq.deleteGroup("t", as({ group: undefined })),
    TypeError,
    "Cannot delete group: group must not be undefined",
  );
  await assertRejects(() => mq.createGroup("t", as({ seq: 1 })), TypeError);
  await assertRejects(() => mq.deleteGroup("t", { group: "" }), RangeError);
  assertEquals(group.script.unread, []);
  await mq.close();
  const closed = assertThrows(() => mq.work("t", handler), DsmqError);
  assertEquals(closed.code, "closed");
});

Deno.test("lists of groups and dead jobs are read page by page", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const counts = {
      ...{ frontier: 0, depth: 0, ready: 0, delayed: 0, blocked: 0, held: 0, dead: 0 },
      ...{ claimed: 0, done: 0, retried: 0, died: 0, givenUp: 0, workers: 0 },
    };
    const entry = (name: object) => ({ ...name, ...counts, stalled: false });
    const listing = group.mq.groups({ prefix: "a." });
    const pages = [[{ prefix: "a.", group: "g" }], [{ topic: "t", group: "h" }]];
    const first = await group.answer("groups", { groups: pages[0]!.map(entry), more: true });
    assertEquals([first.prefix, first.after, first.count], ["a.", undefined, 250]);
    const second = await group.answer("groups", { groups: pages[1]!.map(entry), more: false });
    assertEquals(second.after, { prefix: "a.", group: "g" });
    assertEquals((await listing).map(({ group }) => group), ["g", "h"]);

    const dead = group.mq.deadJobs("t", { group: "g" });
    const job = (seq: number) => ({
      ...{ topic: "t", seq, time: 1, attempt: 2, at: 3, reason: "r", body: "b" },
    });
    const next = dead.next();
    const page = await group.answer("dead", { dead: [job(3), job(5)], more: true });
    assertEquals([page.topic, page.group, page.after, page.count], ["t", "g", 0, 250]);
    assertEquals([(await next).value?.seq, (await dead.next()).value?.seq], [3, 5]);
    const rest = assertRejects(() => dead.next(), DsmqError);
    const { after } = await group.answer("dead", { error: { code: "not_found", message: "No" } });
    assertEquals([after, (await rest).code], [5, "not_found"]);
  }));
