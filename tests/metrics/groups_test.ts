/**
 * What metrics tell of groups.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { GroupReader } from "../../queue/group_reader.ts";
import type { StoredGroup } from "../../stores/groups/group_commands.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openMeasured, reach, valuesOf } from "../support/measured_server.ts";

const ofState = (state: string) => `dsmq_jobs{state="${state}"}`;
const COUNTERS = ["claimed", "done", "retried", "died", "given_up"].map((name) =>
  `dsmq_jobs_${name}_total`
);

Deno.test("jobs are told of by their state, in sums and by group, with the age of the oldest", async () => {
  const clock = new ManualClock();
  await using server = await openMeasured({ clock, limits: { groups: 9 } });
  await using mq = await connect(server.url);
  await mq.putMany("mails", ["done", "done", "dead", "dead", "dead", "later", "held", "waiting"]);
  clock.advance(2500);
  // Each number is another one, where that is possible.
  for (let i = 0; i < 6; i++) {
    const job = (await mq.claim("mails"))!;
    if (job.body === "done") await job.done();
    else if (job.body === "dead") await job.dead("it is broken");
    else await job.retry(60_000);
  }
  await mq.createGroup({ prefix: 'a"b' }, { group: "other\\" });
  const held = (await mq.claim("mails"))!;
  // Who has claimed one job takes no others.
  await reach(server, { dsmq_workers: 0 });
  const states = ["waiting", "ready", "delayed", "blocked", "held", "dead"].map(ofState);
  assertEquals(await valuesOf(server, ...states), [1, 0, 1, 0, 1, 3]);
  assertEquals(
    await valuesOf(server, "dsmq_groups", "dsmq_groups_limit", "dsmq_stalled_groups"),
    [2, 9, 0],
  );
  assertEquals(await valuesOf(server, "dsmq_oldest_job_age_seconds", ...COUNTERS), [
    ...[2.5, 7, 2, 1, 3, 0],
  ]);
  const names = ["depth", "held", "dead", "oldest_age_seconds", "stalled", "workers"];
  const of = (labels: string) => names.map((name) => `dsmq_group_${name}{${labels}}`);
  assertEquals(await valuesOf(server, ...of('topic="mails",group="default"')), [
    ...[2, 1, 3, 2.5, 0, 0],
  ]);
  assertEquals(await valuesOf(server, ...of('prefix="a\\"b",group="other\\\\"')), [
    ...[0, 0, 0, 0, 0, 0],
  ]);
  const worker = mq.work("elsewhere", () => {});
  await reach(server, { dsmq_workers: 1 });
  await worker.stop();
  await held.release();
});

Deno.test("a group that takes no new messages is told of", async () => {
  await using server = await openMeasured({ limits: { unfinished: 1 } });
  await using mq = await connect(server.url);
  await mq.putMany("t", ["one", "two"]);
  const job = (await mq.claim("t"))!;
  const stalled = ["dsmq_stalled_groups", 'dsmq_group_stalled{topic="t",group="default"}'];
  assertEquals(await valuesOf(server, ...stalled), [1, 1]);
  await job.done();
  assertEquals(await valuesOf(server, ...stalled), [0, 0]);
});

Deno.test("what is counted of jobs only grows, also when groups are deleted and made again", async () => {
  await using server = await openMeasured();
  await using mq = await connect(server.url);
  await mq.putMany("t", ["one", "two", "three"]);
  const counts = async () =>
    await valuesOf(server, "dsmq_jobs_claimed_total", "dsmq_jobs_done_total");
  for (let i = 0; i < 2; i++) await (await mq.claim("t"))!.done();
  assertEquals(await counts(), [2, 2]);
  await mq.deleteGroup("t");
  assertEquals(await counts(), [2, 2]);
  await (await mq.claim("t", { since: "start" }))!.done();
  assertEquals(await counts(), [3, 3]);
  await mq.deleteGroup("t");
  await (await mq.claim("t", { since: "start" }))!.done();
  // Nobody has asked between.
  assertEquals((await counts())[0], 3);
});

/** A group, with these numbers. */
function groupOf(group: string, numbers: Partial<StoredGroup>): StoredGroup {
  return {
    name: { topic: "t", group },
    ...{ frontier: 0, depth: 0, ready: 0, delayed: 0, blocked: 0, held: 0, dead: 0 },
    ...{ oldest: undefined, stalled: false },
    ...{ claimed: 0, done: 0, retried: 0, died: 0, givenUp: 0 },
    ...numbers,
  };
}

Deno.test("the 100 deepest groups are told of by name, and all of them in the sums", async () => {
  const all = Array.from(
    { length: 250 },
    (_, i) => groupOf(String(i).padStart(3, "0"), { depth: (i * 7) % 250, held: 1 }),
  );
  const pages: number[] = [];
  const store = {
    now: () => 5000,
    groups: ({ after, count }: { after?: { group: string } | undefined; count: number }) => {
      const page = all.filter(({ name }) => !after || name.group > after.group).slice(0, count);
      pages.push(page.length);
      return Promise.resolve(page);
    },
  };
  const reader = new GroupReader(store, () => 2);
  const [one, other] = await Promise.all([reader.read(), reader.read()]);
  assertEquals(one, other);
  assertEquals(pages, [100, 100, 50]);
  const { groups, workers, jobs, deepest, oldestAge } = one;
  assertEquals([groups, workers, jobs.held, oldestAge], [250, 500, 250, 0]);
  assertEquals(jobs.waiting, 250 * 249 / 2);
  assertEquals(deepest.map(({ depth }) => depth), Array.from({ length: 100 }, (_, i) => 249 - i));
});
