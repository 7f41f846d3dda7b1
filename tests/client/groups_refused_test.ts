/**
 * What a server cannot do now for a worker: the worker tries it again.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";
import { ManualHandler, ScriptedGroup } from "../support/scripted_group.ts";

for (const code of ["unavailable", "busy", "full", "unknown_outcome"]) {
  Deno.test(`what the server refuses with ${code} is tried again`, () => isTriedAgain(code));
}

const isTriedAgain = (code: string) =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const handler = new ManualHandler();
    const worker = group.mq.work("t", handler.handle, { lease: 30_000 });
    const error = { code, message: "Cannot do it now" };
    const { id: refused } = await group.next("work");
    await group.script.send({ id: refused, error });
    await pass(1000);
    const { id } = await group.answer("work");
    await group.jobs(id, [1]);
    await group.script.send({ id: (await group.next("extend")).id, error });
    await pass(1000);
    await group.answer("extend");
    handler.job(1).done();
    const finish = await group.next("finish");
    await group.script.send({ id: finish.id, error });
    await pass(1000);
    assertEquals((await group.answer("finish")).done, finish.done);
    await group.script.send({ sub: id, error });
    await pass(1000);
    await group.answer("work");
    assertEquals(worker.stats.done, 1);
  });
