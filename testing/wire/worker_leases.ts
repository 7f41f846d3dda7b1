/**
 * What every server promises of workers that go away, come back, or fall silent.
 *
 * @module
 */

import { assert, assertEquals } from "../assert.ts";
import type { WireChecks } from "./checks.ts";
import { assertNothingCame, beginWork, newWorker, takeJobs } from "./received_jobs.ts";

export const workerLeases: WireChecks = {
  async "a worker that comes back keeps its jobs, and is told which are lost and which it does not know of"(
    wire,
  ) {
    const [mq, topic, worker] = [await wire.connect(), wire.topic(), newWorker()];
    await mq.request({ action: "put", id: 1, topic, bodies: ["a", "b"] });
    await beginWork(mq, { id: 2, topic, worker });
    const [a, b] = await takeJobs(mq, 2, 2);
    await mq[Symbol.asyncDispose]();
    const again = await wire.connect();
    const other = await wire.connect();
    await beginWork(other, { id: 1, topic });
    const never = a!.claim - 1;
    const holding = [never, a!.claim];
    const reply = await beginWork(again, { id: 1, topic, worker, holding, credit: 2 });
    assertEquals(reply, { id: 1, sub: 1, lost: [never] });
    const [sent] = await takeJobs(again, 1, 1);
    assertEquals([sent!.claim, sent!.seq, sent!.attempt], [b!.claim, b!.seq, b!.attempt]);
    const done = [a!.claim, b!.claim];
    assertEquals(await again.request({ action: "finish", id: 2, topic, done }), { id: 2 });
    // Said again, as after a break: it counts once.
    assertEquals(await again.request({ action: "finish", id: 3, topic, done }), { id: 3 });
    await assertNothingCame(other);
  },

  async "a newer stream of a worker ends the older one with session_taken_over"(wire) {
    const [mq, topic, worker] = [await wire.connect(), wire.topic(), newWorker()];
    await beginWork(mq, { id: 1, topic, worker });
    const newer = await wire.connect();
    await beginWork(newer, { id: 1, topic, worker });
    const end = await mq.next();
    assertEquals([end.sub, end.id, end.error?.code], [1, undefined, "session_taken_over"]);
    // In another group it is another worker.
    await beginWork(mq, { id: 2, topic, worker, group: "another" });
    const putter = await wire.connect();
    await putter.request({ action: "put", id: 1, topic, body: "a" });
    assertEquals((await takeJobs(mq, 2, 1))[0]!.body, "a");
    assertEquals((await takeJobs(newer, 1, 1))[0]!.body, "a");
  },

  async "unsubscribe ends the stream of a worker, which keeps its jobs and may finish them"(wire) {
    const [mq, topic] = [await wire.connect(), wire.topic()];
    await mq.request({ action: "put", id: 1, topic, body: "a" });
    await beginWork(mq, { id: 2, topic });
    const [job] = await takeJobs(mq, 2, 1);
    assertEquals(await mq.request({ action: "unsubscribe", id: 3, sub: 2 }), { id: 3 });
    const other = await wire.connect();
    await beginWork(other, { id: 1, topic });
    await mq.request({ action: "put", id: 4, topic, body: "b" });
    assertEquals((await takeJobs(other, 1, 1))[0]!.body, "b");
    await assertNothingCame(mq);
    const finish = { action: "finish", id: 5, topic, done: [job!.claim] };
    assertEquals(await mq.request(finish), { id: 5 });
  },

  async "a worker that is silent for longer than its lease loses its jobs to others, and one that extends it does not"(
    wire,
  ) {
    const [topic, worker] = [wire.topic(), newWorker()];
    const [silent, steady, other] = [
      await wire.connect(),
      await wire.connect(),
      await wire.connect(),
    ];
    await silent.request({ action: "put", id: 1, topic, bodies: ["a", "b"] });
    await beginWork(steady, { id: 2, topic, worker, lease: 1000, credit: 1 });
    const [kept] = await takeJobs(steady, 2, 1);
    const gone = newWorker();
    await beginWork(silent, { id: 2, topic, worker: gone, lease: 1000, credit: 1 });
    const [lost] = await takeJobs(silent, 2, 1);
    await beginWork(other, { id: 2, topic });
    const extend = { action: "extend", topic, worker, claims: [kept!.claim] };
    let extended = 0;
    const timer = setInterval(() => steady.send({ ...extend, id: 100 + extended++ }), 200);
    try {
      const [job] = await takeJobs(other, 2, 1);
      assertEquals([job!.seq, job!.attempt], [lost!.seq, 2]);
      assert(job!.claim > lost!.claim, "another claim");
    } finally {
      clearInterval(timer);
    }
    for (let id = 100; id < 100 + extended; id++) assertEquals(await steady.next(), { id });
    const finish = { action: "finish", id: 3, topic };
    assertEquals(await steady.request({ ...finish, done: [kept!.claim] }), { id: 3 });
    const claim = lost!.claim;
    assertEquals(await silent.request({ ...finish, done: [claim] }), { id: 3, lost: [claim] });
    const late = await silent.request({
      ...{ action: "extend", id: 4, topic, worker: gone, claims: [claim] },
    });
    assertEquals(late, { id: 4, lost: [claim], ended: true });
    const end = await silent.next();
    assertEquals([end.sub, end.error?.code], [2, "lease_lost"]);
    assertEquals(
      (await beginWork(silent, { id: 5, topic, worker: gone, holding: [claim] })).lost,
      [claim],
    );
  },
};
