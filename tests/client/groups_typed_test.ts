/**
 * Workers of topics of values.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import type { JsonValue, StandardSchema, ValueJob } from "@dsmq/server";
import { inVirtualTime } from "../support/in_virtual_time.ts";
import { ScriptedGroup } from "../support/scripted_group.ts";
import { as } from "../support/untyped.ts";

/** Takes numbers, as texts, and doubles them; takes its time for even ones. */
const doubled: StandardSchema<string, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate(value) {
      const result = Number.isFinite(Number(value))
        ? { value: 2 * Number(value) }
        : { issues: [{ message: "it must be a number" }] };
      return Number(value) % 2 === 0 ? Promise.resolve(result) : result;
    },
  },
};

Deno.test("a worker of a topic of values gets the values, and what does not fit is dead at once", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const jobs: ValueJob<number>[] = [];
    const worker = group.mq.topic("t", doubled).work((job) => void jobs.push(job), {
      concurrency: 4,
      group: "g",
    });
    const work = await group.answer("work");
    assertEquals([work.topic, work.group, work.credit], ["t", "g", 4]);
    const bodies = ['"3"', '"4"', '"x"', "no JSON"];
    await group.jobs(work.id, [1, 2, 3, 4], { bodies });
    const finishes = [];
    while (finishes.flatMap(({ done, outcomes }) => [...done, ...outcomes]).length < 4) {
      finishes.push(await group.answer("finish"));
    }
    assertEquals(finishes.flatMap(({ done }) => done).sort(), [1, 2]);
    const outcomes = finishes.flatMap(({ outcomes }) => outcomes);
    assertEquals(
      outcomes.map(({ claim, outcome }) => [claim, outcome]).sort(),
      [[3, "dead"], [4, "dead"]],
    );
    const reason = outcomes.find(({ claim }) => claim === 3).reason;
    assertEquals(reason, "Cannot read message 1003: its value does not fit: it must be a number");
    assertEquals(jobs.map(({ value, body }) => [value, body]).sort(), [[6, '"3"'], [8, '"4"']]);
    await worker.stop;
  }));

Deno.test("without a schema the values are what JSON holds, and a handler's error is a retry", () =>
  inVirtualTime(async () => {
    await using group = await ScriptedGroup.open();
    const values: JsonValue[] = [];
    const options = { onError: () => {} };
    group.mq.topic("t").work(({ value }) => {
      values.push(value);
      throw new Error("failed");
    }, options);
    const { id } = await group.answer("work");
    await group.jobs(id, [1], { bodies: ['{"a":[1,null]}'] });
    const { outcomes: [{ outcome, reason }] } = await group.answer("finish");
    assertEquals([values, outcome, reason], [[{ a: [1, null] }], "retry", "failed"]);
    assertThrows(() => group.mq.topic("t").work(as("handler")), TypeError, "Cannot work: handler");
  }));
