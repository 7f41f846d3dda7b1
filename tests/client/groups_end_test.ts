/**
 * Workers that have to end, whether they want to or not.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { DsmqError } from "@dsmq/server";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ManualHandler, ScriptedGroup } from "../support/scripted_group.ts";

Deno.test("what ends a worker rejects its end, and is told to onError", () =>
  inVirtualTime(async () => {
    for (const code of ["permission_denied", "not_found", "session_taken_over", "bad_request"]) {
      for (const how of ["reply", "stream"]) {
        await using group = await ScriptedGroup.open();
        const told: unknown[] = [];
        const handler = new ManualHandler();
        const worker = group.mq.work({ prefix: "p" }, handler.handle, {
          onError: (error) => told.push(error),
        });
        const end = assertRejects(() => worker.closed, DsmqError);
        const error = { code, message: "No" };
        if (how === "reply") await group.script.send({ id: (await group.next("work")).id, error });
        else {
          const { id } = await group.answer("work");
          await group.jobs(id, [1, 2], { topics: ["p1", "p1"] });
          await group.script.send({ sub: id, error });
          assertEquals(handler.job(1).signal.reason.code, code);
        }
        const ended = await end;
        assertEquals([ended.code, ended.prefix, told], [code, "p", [ended]]);
        // Nobody else has the lease, and the group is there.
        if (how === "stream" && (code === "permission_denied" || code === "bad_request")) {
          const { outcomes } = await group.answer("finish");
          assertEquals(outcomes, [1, 2].map((claim) => ({ claim, outcome: "release" })));
        }
        handler.jobs[0]?.done();
        await group.isQuiet(10_000);
      }
    }
  }));

Deno.test("a worker that had to end begins nothing more, though a handler ends that had the place", () =>
  inVirtualTime(async () => {
    for (const code of ["permission_denied", "not_found", "session_taken_over"]) {
      await using group = await ScriptedGroup.open();
      const handler = new ManualHandler();
      const worker = group.mq.work("t", handler.handle);
      const end = assertRejects(() => worker.closed, DsmqError);
      const { id } = await group.answer("work");
      await group.jobs(id, [1]);
      await group.answer("extend", { lost: [1] });
      await group.jobs(id, [2]);
      await group.script.send({ sub: id, error: { code, message: "No" } });
      assertEquals((await end).code, code);
      handler.job(1).done();
      await pass(0);
      assertEquals(handler.claims, [1]);
    }
  }));

Deno.test("a worker that had to end has given back its jobs if the connection is closed at once", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const worker = group.mq.work("t", () => pass(1e6), { onError: () => {} });
    const closed = worker.closed.catch(() => group.mq.close());
    const { id } = await group.answer("work");
    await group.jobs(id, [1]);
    await group.script.send({ sub: id, error: { code: "permission_denied", message: "No" } });
    const { outcomes } = await group.next("finish");
    assertEquals(outcomes, [{ claim: 1, outcome: "release" }]);
    await closed;
  }));

Deno.test("a worker that had to end leaves no timer behind, though the server cannot take back its jobs now", async () => {
  await using group = await ScriptedGroup.open();
  const worker = group.mq.work("t", () => {});
  const ended = assertRejects(() => worker.closed, DsmqError);
  const { id } = await group.answer("work");
  await group.jobs(id, [1]);
  await group.script.send({ sub: id, error: { code: "permission_denied", message: "No" } });
  await ended;
  const finish = await group.next("finish");
  const error = { code: "unavailable", message: "Cannot do it now" };
  await group.script.send({ id: finish.id, error });
  // Deno fails this test if there is one.
});

Deno.test("a connection that ends for good ends its workers with that error", () =>
  inVirtualTime(async () => {
    const group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle);
    const end = assertRejects(() => worker.closed, DsmqError);
    const { id } = await group.answer("work");
    await group.jobs(id, [1]);
    group.script.hangUp(4409);
    const { code, message } = await end;
    assertEquals([code, handler.job(1).signal.reason.code], [
      "session_taken_over",
      "session_taken_over",
    ]);
    assertEquals(message.slice(0, 28), "Cannot work on: no connectio", message);
  }));
